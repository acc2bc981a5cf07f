// SPDX-License-Identifier: Apache-2.0
// What asks or tells above the page. A <dialog> keeps the focus inside, and Escape closes it.
import {h} from "./dom.js";
import {keysWanted, wantKeys} from "./keys.js";

let dialogs = 0;

function show(title, content, buttons) {
	const id = `dialog-${++dialogs}`;
	const dialog = h("dialog", {"aria-labelledby": id, class: "asks"}, h("h2", {id}, title), content, h("div", {class: "buttons"}, buttons));
	document.body.append(dialog);
	dialog.addEventListener("close", () => dialog.remove());
	dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
	dialog.showModal();
	return dialog;
}

// True if the reader says so. `word` is what happens then ("Delete").
export function sure(title, text, word) {
	return new Promise((resolve) => {
		const yes = h("button", {type: "button", class: "danger", onclick: () => { resolve(true); dialog.close(); }}, word);
		const no = h("button", {type: "button", autofocus: true, onclick: () => dialog.close()}, "Cancel");
		const dialog = show(title, h("p", {}, text), [no, yes]);
		dialog.addEventListener("close", () => resolve(false));
	});
}

// Keys with spaces between: one of them, or (g) one after the other.
const KEYS = [
	["/", "search"], ["j k ↓ ↑", "move through a list"], ["Enter", "open"], ["Esc", "back, or close"], ["c", "a new task"],
	["g t", "tasks"], ["g w", "workers"], ["?", "this help"],
];

export function help() {
	const wanted = h("input", {type: "checkbox", id: "keys-wanted", onchange: () => wantKeys(wanted.checked)});
	wanted.checked = keysWanted();
	const list = h("dl", {class: "keys"}, KEYS.flatMap(([keys, deed]) => [h("dt", {}, keys.split(" ").map((key) => [h("kbd", {}, key), " "]).flat()), h("dd", {}, deed)]));
	const dialog = show("Keys", [list, h("p", {class: "check"}, wanted, h("label", {for: "keys-wanted"}, "Single keys do these things"))],
		[h("button", {type: "button", autofocus: true, onclick: () => dialog.close()}, "Close")]);
}
