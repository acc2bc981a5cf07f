// SPDX-License-Identifier: Apache-2.0
// Dark or light: what the system says, until somebody chooses; that is kept (localStorage). It comes
// before everything else in the page, so that nothing flashes.

const KEY = "airscrew-theme";
const THEMES = ["system", "light", "dark"];

export function theme() {
	const kept = localStorage.getItem(KEY);
	return THEMES.includes(kept) ? kept : "system";
}

export function applyTheme() {
	document.documentElement.dataset.theme = theme();
}

export function nextTheme() {
	const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
	localStorage.setItem(KEY, next);
	applyTheme();
	return next;
}

applyTheme();
