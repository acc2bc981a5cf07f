// SPDX-License-Identifier: Apache-2.0
// Parts that several views show: facts, tables, charts of what was measured, a piece of a view that
// is made anew only when what it shows is another thing.
import {now} from "./clock.js";
import {h, say} from "./dom.js";
import {bytes, duration, isNever, moment, relative, visible} from "./format.js";

// A card with a title. show(data) calls make(data) if data is not what is there; null hides it.
export class Part {
	#make;
	#shown;

	constructor(title, make, kind = "") {
		this.#make = make;
		this.body = h("div", {class: "body"});
		this.element = h("section", {class: `card ${kind}`}, h("h2", {}, title), this.body);
		this.element.hidden = true;
	}

	show(data) {
		const text = data === null || data === undefined ? null : JSON.stringify(data);
		if (text !== this.#shown) {
			this.#shown = text;
			this.element.hidden = text === null;
			this.body.replaceChildren(...(text === null ? [] : [this.#make(data)].flat()));
		}
	}
}

// A time as one thinks of it, told anew by tellTimes(); the exact one is its title.
export function when(time) {
	const element = h("time", {class: "when", datetime: time, title: `${moment(time)}, ${time}`});
	tellTime(element);
	return element;
}

function tellTime(element) {
	say(element, relative(now() - Date.parse(element.dateTime)));
}

export function tellTimes() {
	document.querySelectorAll("time.when").forEach(tellTime);
}

function valueOf(value) {
	return value.time ? when(value.time) : value.mono ? h("span", {class: "mono"}, visible(value.mono)) : h("bdi", {}, visible(value));
}

// [[name, value]], without those that have none. A value is text, {mono: text}, or {time: text}.
export function facts(pairs) {
	const there = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
	return there.length === 0 ? "" : h("dl", {class: "facts"}, there.map(([name, value]) =>
		h("div", {}, h("dt", {}, name), h("dd", {}, valueOf(value)))));
}

// A time of the API as such a value; null for "not yet".
export function timeOf(time) {
	return isNever(time) ? null : {time};
}

// Whatever an object of somebody else has in it, as facts.
export function factsOf(object) {
	return facts(Object.entries(object).map(([name, value]) => [visible(name),
		typeof value === "object" && value !== null ? JSON.stringify(value)
			: name.endsWith("_bytes") && Number.isSafeInteger(value) ? bytes(value) : String(value)]));
}

// What to type, to be marked with one click.
export function command(text) {
	return h("pre", {class: "command", tabindex: "0", "aria-label": "Command"}, text);
}

const MANY = 3; // columns that fit on a small screen
const SHORT = 20; // characters that stay on one line

export function table(caption, heads, rows) {
	return h("div", {class: "wide", tabindex: "0", role: "region", "aria-label": caption}, h("table", {class: heads.length > MANY ? "many" : null},
		h("caption", {class: "hidden"}, caption),
		h("thead", {}, h("tr", {}, heads.map((head) => h("th", {scope: "col"}, head)))),
		h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) =>
			h("td", {class: cell.length < SHORT ? "short" : null}, cell instanceof Node ? cell : visible(cell))))))));
}

const WIDTH = 300;
const HEIGHT = 56;
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
	const element = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) {
		element.setAttribute(name, value);
	}
	return element;
}

// Values over time as a line, with the last and the highest in words. `words(value)` is a value's text; what is
// below `least` never fills the height, so that next to nothing does not look like a peak.
export function chart(name, points, words, least = 0) {
	const values = points.map(([, value]) => value);
	const most = Math.max(...values);
	const last = values[values.length - 1];
	const from = points[0][0];
	const span = points[points.length - 1][0] - from || 1;
	const line = points.map(([at, value]) => `${((at - from) / span * WIDTH).toFixed(1)},${(HEIGHT - 2 - (most === 0 ? 0 : value / Math.max(most, least) * (HEIGHT - 6))).toFixed(1)}`);
	const picture = svg("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true"});
	picture.append(svg("polygon", {points: `0,${HEIGHT} ${line.join(" ")} ${WIDTH},${HEIGHT}`}), svg("polyline", {points: line.join(" ")}));
	return h("figure", {class: "chart"}, h("figcaption", {}, h("span", {}, name), h("b", {}, words(last)), h("span", {class: "soft"}, `highest ${words(most)} in ${duration(span / 1000)}`)), picture);
}

// A button that somebody may not press says why when it is pressed.
export function forbid(button, reason) {
	button.reason = reason;
	if (reason === null) {
		button.removeAttribute("aria-disabled");
		button.removeAttribute("title");
	} else {
		button.setAttribute("aria-disabled", "true");
		button.title = reason;
	}
}
