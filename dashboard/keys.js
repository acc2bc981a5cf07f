// SPDX-License-Identifier: Apache-2.0
// Single keys that do something anywhere but where one writes. They can be turned off (WCAG 2.1.4),
// which is kept in localStorage.

const KEY = "airscrew-keys";
const CHORD_MS = 1500;

export function keysWanted() {
	return localStorage.getItem(KEY) !== "off";
}

export function wantKeys(wanted) {
	localStorage.setItem(KEY, wanted ? "on" : "off");
}

function writes(element) {
	return element.closest("input:not([type=radio], [type=checkbox], [type=file]), textarea, select, [contenteditable]") !== null;
}

// `deeds`: by key, "g t" for one after the other; a deed returns false if it has nothing to do here.
export function listenToKeys(deeds) {
	let first = null;
	let since = 0;
	document.addEventListener("keydown", (event) => {
		if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) {
			return;
		}
		if (event.key !== "Escape" && (writes(event.target) || !keysWanted())) {
			return;
		}
		const deed = (Date.now() - since < CHORD_MS ? deeds[`${first} ${event.key}`] : undefined) ?? deeds[event.key];
		first = event.key;
		since = Date.now();
		if (deed && deed(event) !== false) {
			event.preventDefault();
			first = null;
		}
	});
}
