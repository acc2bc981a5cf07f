// SPDX-License-Identifier: Apache-2.0
// Elements. Whatever comes from the API goes into the page as text, here and nowhere else: there is
// no innerHTML in this folder, and no address that is not ours becomes a link.

// h("a", {class: "x", href: "#/tasks", onclick: f}, "text", element, null)
export function h(tag, properties, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties ?? {})) {
		if (value === null || value === undefined || value === false) {
			continue;
		}
		if (typeof value === "function") {
			element.addEventListener(name.slice(2), value);
		} else {
			element.setAttribute(name, value === true ? "" : value);
		}
	}
	element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
	return element;
}

// The text of an element, touched only if it is another one.
export function say(element, text) {
	if (element.textContent !== text) {
		element.textContent = text;
	}
}

export function attribute(element, name, value) {
	if (value === null || value === undefined || value === false) {
		element.removeAttribute(name);
	} else if (element.getAttribute(name) !== String(value)) {
		element.setAttribute(name, value);
	}
}

const NOTE_MS = 5000;

// A word to everybody: read aloud, and seen for a while; an error until somebody closes it, or the
// next word.
export function announce(text, kind = "note") {
	const failed = kind === "error";
	const note = h("p", {class: `toast ${kind}`}, h("span", {}, text), failed ? h("button", {type: "button", onclick: () => note.remove()}, "Close") : null);
	document.getElementById("alerts").replaceChildren(...(failed ? [note] : []));
	document.getElementById("notes").replaceChildren(...(failed ? [] : [note]));
	if (!failed) {
		setTimeout(() => note.remove(), NOTE_MS);
	}
}

// The error that stands there goes; false if there is none.
export function dismiss() {
	const there = document.getElementById("alerts").firstElementChild;
	there?.remove();
	return Boolean(there);
}

// Said, but not shown.
export function whisper(text) {
	say(document.getElementById("whispers"), text);
}
