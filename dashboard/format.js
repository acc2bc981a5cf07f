// SPDX-License-Identifier: Apache-2.0
// Values as words. Pure.

// By the number of a state (spec/states.def).
export const STATES = ["Pending", "Scheduled", "Running", "Completed", "Failed", "Skipped", "Interrupted"];
export const RUNNING = 2;
export const COMPLETED = 3;

// What one sees: a Pending task that was started waits, a live one may be stopping.
export function stateOf(task) {
	if (task.stopping) {
		return {word: "Stopping", class: "stopping"};
	}
	if (task.state === 0 && task.queued) {
		return {word: task.restart_at && !isNever(task.restart_at) ? "Restarting" : "Waiting", class: "waiting"};
	}
	const word = STATES[task.state] ?? `State ${task.state}`;
	return {word, class: word.toLowerCase().replace(/[^a-z]/g, "")};
}

export function isLive(task) {
	return task.state === 1 || task.state === 2 || (task.state === 0 && Boolean(task.queued));
}

// "0001-01-01T00:00:00Z" is "not yet".
export function isNever(time) {
	return !time || time.startsWith("0001-");
}

// What would move the text around it, or not be seen, as something that is seen: control characters
// as their pictures, those that turn the direction of text by their numbers.
export function visible(text, lines = false) {
	return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (char) => {
		const code = char.charCodeAt(0);
		if (lines && (char === "\n" || char === "\t")) {
			return char;
		}
		if (code < 0x20) {
			return String.fromCharCode(0x2400 + code);
		}
		return code === 0x7f ? "\u2421" : `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
	});
}

const STEPS = [[60, 1, "s"], [3600, 60, "min"], [48 * 3600, 3600, "h"], [Infinity, 86400, "d"]];

// Of milliseconds: "12 s", "3 min", "5 h", "4 d". What a fast clock puts into the future is now.
export function age(ms) {
	const seconds = Math.max(0, ms / 1000);
	const [, unit, name] = STEPS.find(([limit]) => seconds < limit);
	return `${Math.floor(seconds / unit)} ${name}`;
}

// The same as seen from now: "12 s ago", "in 5 s".
export function relative(ms) {
	return Math.abs(ms) < 1000 ? "now" : ms < 0 ? `in ${age(-ms)}` : `${age(ms)} ago`;
}

// Of seconds: "850 ms", "3.2 s", "4 min 10 s".
export function duration(seconds) {
	if (seconds < 1) {
		return `${Math.round(seconds * 1000)} ms`;
	}
	if (seconds < 60) {
		return `${Number(seconds.toFixed(1))} s`;
	}
	const whole = Math.round(seconds);
	const parts = whole < 3600 ? [[Math.floor(whole / 60), "min"], [whole % 60, "s"]]
		: [[Math.floor(whole / 3600), "h"], [Math.floor(whole % 3600 / 60), "min"]];
	return parts.filter(([number]) => number !== 0).map(([number, unit]) => `${number} ${unit}`).join(" ");
}

export function bytes(count) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0;
	let value = count;
	while (value >= 1024 && unit < units.length - 1) {
		value /= 1024;
		unit++;
	}
	return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function count(number, noun) {
	return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

// A time of the API in milliseconds, with what is below them: two of one millisecond keep their order.
export function instant(text) {
	const [, below] = /\.\d{3}(\d+)/.exec(text) ?? [];
	return Date.parse(text) + (below === undefined ? 0 : Number(`0.${below}`));
}

// Of text or milliseconds, in the reader's own time zone.
export function moment(time) {
	const date = new Date(time);
	if ((typeof time === "string" && isNever(time)) || Number.isNaN(date.getTime())) {
		return "not yet";
	}
	const two = (number, digits = 2) => String(number).padStart(digits, "0");
	return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
		`${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${two(date.getMilliseconds(), 3)}`;
}
