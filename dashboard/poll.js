// SPDX-License-Identifier: Apache-2.0
// Reading something again and again: when somebody says so (poke()), and every so often; one reading
// at a time, and with a pause after each, however often somebody says so.

const PAUSE_MS = 150;

export class Poll {
	#read;
	#every;
	#timer = 0;
	#abort = null; // of the reading that is under way
	#again = false;
	running = false;

	// `read(signal)` is async and does not throw; `every` in milliseconds.
	constructor(read, every) {
		this.#read = read;
		this.#every = every;
	}

	start() {
		this.stop();
		this.running = true;
		this.#go();
	}

	stop() {
		this.running = false;
		this.#again = false;
		this.#abort?.abort();
		this.#abort = null;
		clearTimeout(this.#timer);
	}

	poke() {
		if (this.#abort !== null) {
			this.#again = true;
		} else if (this.running) {
			this.#plan(PAUSE_MS);
		}
	}

	#plan(ms) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => this.#go(), ms);
	}

	async #go() {
		const abort = new AbortController();
		this.#abort = abort;
		await this.#read(abort.signal);
		if (this.#abort !== abort) {
			return; // stopped, perhaps started again
		}
		this.#abort = null;
		this.#plan(this.#again ? PAUSE_MS : this.#every);
		this.#again = false;
	}
}
