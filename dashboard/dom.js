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

// A word to everybody: seen for a while, and read aloud.
export function announce(text, kind = "note") {
	const place = document.getElementById(kind === "error" ? "alerts" : "notes");
	const note = h("p", {class: `toast ${kind}`}, text);
	place.replaceChildren(note);
	setTimeout(() => note.remove(), kind === "error" ? 12000 : 5000);
}

// Said, but not shown.
export function whisper(text) {
	say(document.getElementById("whispers"), text);
}
