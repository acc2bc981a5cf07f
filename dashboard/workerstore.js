// SPDX-License-Identifier: Apache-2.0
// The workers. Events tell who comes and goes, but not that somebody was heard or has more to do: so
// they are read again every few seconds while somebody looks at them (watch()).
//
// "change": after each reading.
import {Poll} from "./poll.js";

const LOOK_MS = 5000;
const MOST = 10000;

export class WorkerStore extends EventTarget {
	#api;
	#poll = new Poll((signal) => this.#read(signal), LOOK_MS);
	list = null; // until the first answer

	constructor(api, stream) {
		super();
		this.#api = api;
		for (const name of ["reset", "proplet"]) {
			stream.addEventListener(name, () => this.#poll.poke());
		}
	}

	// Until the function that it returns is called.
	watch() {
		this.#poll.start();
		return () => this.#poll.stop();
	}

	async #read(signal) {
		try {
			this.list = (await this.#api.get(`proplets?limit=${MOST}`, {signal})).proplets;
			this.dispatchEvent(new Event("change"));
		} catch {
			// that the manager is not there is shown by the stream
		}
	}
}
