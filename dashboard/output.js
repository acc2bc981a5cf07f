// SPDX-License-Identifier: Apache-2.0
// What a task wrote. Of a long one only the end is in the page; all of it can be kept as a file.
import {h} from "./dom.js";
import {bytes, visible} from "./format.js";

const SHOWN = 64 * 1024; // characters

function keep(name, parts) {
	const link = h("a", {href: URL.createObjectURL(new Blob(parts, {type: "application/octet-stream"})), download: name});
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function bytesOf(text, base64) {
	return base64 ? Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) : new TextEncoder().encode(text);
}

// A name for a file, whatever the task is called.
function fileName(task, stream) {
	return `${task.replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 60)}-${stream}.txt`;
}

// From where to show: at a line's begin if there is one near, and not inside a character of two halves.
function cut(text) {
	if (text.length <= SHOWN) {
		return text;
	}
	const end = text.slice(-SHOWN);
	const line = end.indexOf("\n");
	return line >= 0 && line < SHOWN / 2 ? end.slice(line + 1) : end.replace(/^[\udc00-\udfff]/, "");
}

// `data`: {name, truncated, streams: [[name, text, base64]]}
export function outputOf(data) {
	return data.streams.map(([stream, text, base64]) => {
		const raw = bytesOf(text ?? "", base64);
		const whole = base64 ? new TextDecoder().decode(raw) : text;
		const shown = cut(whole);
		const notes = [
			`${bytes(raw.length)}`, shown.length < whole.length ? "the end of it" : null, base64 ? "not all of it is text" : null,
			data.truncated ? "cut at the limit" : null,
		].filter((note) => note !== null);
		const box = h("pre", {class: "output", tabindex: "0", "aria-label": stream}, visible(shown, true));
		if (shown.length < whole.length) {
			requestAnimationFrame(() => box.scrollTo(0, box.scrollHeight)); // what was written last is what one looks for
		}
		return h("div", {class: "stream"}, h("div", {class: "about"}, h("h3", {}, stream), h("span", {class: "soft"}, notes.join(", ")),
			h("button", {type: "button", class: "quiet", onclick: () => keep(fileName(data.name, stream), [raw])}, `Save ${stream}`)), box);
	});
}
