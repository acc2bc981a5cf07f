// SPDX-License-Identifier: Apache-2.0
// GET /events, for as long as somebody looks. EventSource cannot send a token, so the stream is read
// by hand: again with the last id after an end, later and later while nobody answers, and at once
// when the network is back. Nothing for 40 s (a comment comes every 15) is an end, too.
//
// Events of this object: "state" (it is another one), "reset" (what is shown has to be read again), and
// "task" and "proplet" with `detail`, a list of what the manager said, in order.
import {TOP} from "./api.js";
import {heard} from "./clock.js";
import {SseParser} from "./sse.js";

const SILENCE_MS = 40000;
const FIRST_MS = 500;
const LONGEST_MS = 15000;
const HIDDEN_MS = 60000; // a browser has six connections for all tabs: one that is not seen gives its own back

export class EventStream extends EventTarget {
	#session;
	#abort = null;
	#parser = new SseParser();
	#wake = () => {};
	#failures = 0;
	#hidden = null;
	#away = false; // for so long that the connection is given back
	state = "connecting"; // live, waiting, paused

	constructor(session) {
		super();
		this.#session = session;
	}

	start() {
		addEventListener("online", () => this.#wake());
		this.#session.addEventListener("token", () => this.#abort?.abort());
		document.addEventListener("visibilitychange", () => this.#look());
		this.#run();
	}

	retry() {
		this.#wake();
	}

	#look() {
		clearTimeout(this.#hidden);
		if (!document.hidden) {
			this.#away = false;
			this.#wake();
			return;
		}
		this.#hidden = setTimeout(() => {
			this.#away = true;
			this.#become("paused");
			this.#abort?.abort();
		}, HIDDEN_MS);
	}

	#become(state) {
		if (this.state !== state) {
			this.state = state;
			this.dispatchEvent(new Event("state"));
		}
	}

	async #run() {
		for (;;) {
			try {
				await this.#listen();
			} catch {
				this.#failures++;
			}
			await this.#pause();
		}
	}

	// Until it is worth trying again.
	async #pause() {
		const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(10, Math.max(0, this.#failures - 1)));
		const ms = longest * (0.5 + Math.random() / 2);
		this.#become(this.#away ? "paused" : "waiting");
		await new Promise((resolve) => {
			this.#wake = resolve;
			setTimeout(resolve, ms);
		});
		while (this.#away) {
			await new Promise((resolve) => {
				this.#wake = resolve;
			});
		}
		this.#wake = () => {};
	}

	async #listen() {
		const token = this.#session.token;
		const known = this.#parser.lastId;
		this.#abort = new AbortController();
		const guard = new Watchdog(this.#abort);
		try {
			const begun = Date.now();
			const answer = await fetch(new URL("events", TOP), {
				signal: this.#abort.signal, cache: "no-store",
				headers: {Accept: "text/event-stream", ...this.#session.headers(), ...(known ? {"Last-Event-ID": known} : {})},
			});
			heard(answer.headers, begun);
			if (answer.status === 401) {
				guard.end();
				this.#become("connecting");
				await this.#session.renew(token);
				this.#failures = 0;
				return;
			}
			if (!answer.ok) {
				throw new Error(`the manager answered ${answer.status}`);
			}
			await this.#read(answer, guard, known);
		} finally {
			guard.end();
			this.#abort.abort();
		}
	}

	async #read(answer, guard, known) {
		const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
		this.#parser = new SseParser(known);
		let fresh = !known;
		for (;;) {
			const {done, value} = await reader.read();
			if (done) {
				return;
			}
			guard.feed();
			const events = this.#parser.push(value);
			this.#failures = 0;
			if (fresh && this.#parser.lastId) {
				fresh = false;
				this.dispatchEvent(new Event("reset"));
			}
			this.#become("live");
			this.#tell(events);
		}
	}

	#tell(events) {
		for (let at = 0; at < events.length;) {
			const type = events[at].type;
			const detail = [];
			for (; at < events.length && events[at].type === type; at++) {
				detail.push(JSON.parse(events[at].data));
			}
			this.dispatchEvent(type === "reset" ? new Event("reset") : new CustomEvent(type, {detail}));
		}
	}
}


class Watchdog {
	#timer = 0;

	constructor(abort) {
		this.abort = abort;
		this.feed();
	}

	feed() {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.abort.abort(), SILENCE_MS);
	}

	end() {
		clearTimeout(this.#timer);
	}
}
