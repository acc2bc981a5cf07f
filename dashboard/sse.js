// SPDX-License-Identifier: Apache-2.0
// Server-Sent Events from text as it comes in pieces (WHATWG HTML, 9.2.6): the id lives on from
// event to event, an event without data is none. Pure.

const EVENT_MAX = 4 * 1024 * 1024; // of text without an end

export class SseParser {
	#rest = "";
	#type = "";
	#data = null;
	#skipLineFeed = false;
	lastId = "";

	constructor(lastId = "") {
		this.lastId = lastId;
	}

	// The events that are whole now: [{id, type, data}].
	push(text) {
		const events = [];
		if (this.#skipLineFeed && text.startsWith("\n")) {
			text = text.slice(1);
		}
		this.#skipLineFeed = text === "" ? this.#skipLineFeed : text.endsWith("\r");
		const lines = (this.#rest + text).split(/\r\n|\n|\r/);
		this.#rest = lines.pop();
		if (this.#rest.length + (this.#data?.length ?? 0) > EVENT_MAX) {
			throw new Error("an event without an end");
		}
		for (const line of lines) {
			this.#line(line, events);
		}
		return events;
	}

	#line(line, events) {
		if (line === "") {
			if (this.#data !== null) {
				events.push({id: this.lastId, type: this.#type || "message", data: this.#data});
			}
			this.#type = "";
			this.#data = null;
			return;
		}
		const colon = line.indexOf(":");
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
		if (name === "data") {
			this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
		} else if (name === "event") {
			this.#type = value;
		} else if (name === "id" && !value.includes("\0")) {
			this.lastId = value;
		}
	}
}
