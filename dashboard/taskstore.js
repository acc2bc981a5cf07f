// SPDX-License-Identifier: Apache-2.0
// The tasks that are known: read page by page, newest first, and kept true by events. What an event
// has said since a page was asked for is newer than that page. A row is never changed, only replaced;
// one whose time of creation is not known (an event of a task that no page has brought yet) has NaN there.
//
// "change": the tasks or the state of reading them (at most once a frame).
import {announce} from "./dom.js";
import {instant} from "./format.js";

const PAGE = 100;
export const BATCH = 10000; // so many are read without being asked
const RETRY_MS = 1000;
const RETRY_LONGEST_MS = 15000;

// What a row needs, of all that the manager says of a task.
function rowOf(task) {
	return {
		id: task.id, name: task.name, state: task.state, attempt: task.attempt, queued: Boolean(task.queued),
		stopping: Boolean(task.stopping), restart_at: task.restart_at, proplet_id: task.proplet_id ?? "",
		created: instant(task.created_at), seen: 0,
	};
}

export class TaskStore extends EventTarget {
	#api;
	#rows = new Map();
	#gone = new Map(); // deleted ids, with the number of the event, while pages are read
	#number = 0; // of the last event
	#round = 0; // of reading all
	#abort = null;
	#cursor = "";
	#planned = false;
	loading = false;
	more = false; // there are older ones

	constructor(api, stream) {
		super();
		this.#api = api;
		stream.addEventListener("reset", () => this.reload());
		stream.addEventListener("task", (event) => this.#take(event.detail));
	}

	get size() {
		return this.#rows.size;
	}

	get(id) {
		return this.#rows.get(id);
	}

	values() {
		return this.#rows.values();
	}

	// Everything again, from the newest on.
	reload() {
		this.#abort?.abort();
		this.#cursor = "";
		this.#round++;
		this.#read(BATCH);
	}

	older() {
		if (!this.loading && this.more) {
			this.#read(BATCH);
		}
	}

	async #read(wanted) {
		const abort = new AbortController();
		const first = this.#cursor === "";
		const begun = this.#number;
		this.#abort = abort;
		this.loading = true;
		this.#changed();
		for (let left = wanted; left > 0; left -= PAGE) {
			const number = this.#number;
			const page = await this.#page(abort.signal);
			if (page === null) {
				return;
			}
			page.tasks.forEach((task) => this.#merge(task, number));
			this.#cursor = page.next_cursor ?? "";
			this.more = this.#cursor !== "";
			this.#changed();
			if (!this.more) {
				break;
			}
		}
		if (first) {
			this.#dropUnseen(begun);
		}
		this.loading = false;
		this.#gone.clear();
		this.#changed();
	}

	// The next one, however often it has to be asked for; null once reading all begins anew.
	async #page(signal) {
		for (let wait = RETRY_MS; ; wait = Math.min(2 * wait, RETRY_LONGEST_MS)) {
			try {
				return await this.#api.get(`tasks?limit=${PAGE}&cursor=${encodeURIComponent(this.#cursor)}`, {signal});
			} catch (error) {
				if (signal.aborted) {
					return null;
				}
				if (error.status !== 0 && wait === RETRY_MS) { // that nobody answers is said in the head of the page
					announce(`The list of tasks cannot be read: ${error.message}`, "error");
				}
			}
			await new Promise((resolve) => setTimeout(resolve, wait));
			if (signal.aborted) {
				return null;
			}
		}
	}

	#merge(task, number) {
		const known = this.#rows.get(task.id);
		if ((this.#gone.get(task.id) ?? -1) >= number) {
			return;
		}
		const row = {...rowOf(task), round: this.#round};
		if (known && known.seen > number) {
			Object.assign(row, known, {round: this.#round, created: row.created});
		}
		this.#rows.set(task.id, row);
	}

	// What no page had, and no event since, is not there any more.
	#dropUnseen(begun) {
		for (const [id, row] of this.#rows) {
			if (row.round !== this.#round && row.seen <= begun) {
				this.#rows.delete(id);
			}
		}
	}

	#take(events) {
		for (const event of events) {
			this.#number++;
			if (event.change === "deleted") {
				this.#rows.delete(event.id);
				if (this.loading) {
					this.#gone.set(event.id, this.#number);
				}
				continue;
			}
			const known = this.#rows.get(event.id);
			this.#rows.set(event.id, {
				...(known ?? {created: event.change === "created" ? instant(event.at) : NaN}),
				id: event.id, name: event.name, state: event.state, attempt: event.attempt, queued: event.queued,
				stopping: event.stopping, restart_at: undefined, proplet_id: event.proplet_id ?? "", seen: this.#number,
			});
		}
		this.#changed();
	}

	#changed() {
		if (!this.#planned) {
			this.#planned = true;
			requestAnimationFrame(() => {
				this.#planned = false;
				this.dispatchEvent(new Event("change"));
			});
		}
	}
}
