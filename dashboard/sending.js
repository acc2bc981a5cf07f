// SPDX-License-Identifier: Apache-2.0
// A file that becomes a task's module: looked at before it leaves, and how far it is while it does.
import {taskPath} from "./api.js";
import {h, say} from "./dom.js";
import {bytes, duration, visible} from "./format.js";
import {upload} from "./upload.js";

const MAGIC = [0x00, 0x61, 0x73, 0x6d];

// Why this file is no module, as far as one sees here; "" if it may be one.
export async function faultOf(file) {
	const head = new Uint8Array(await file.slice(0, 8).arrayBuffer());
	return head.length === 8 && MAGIC.every((byte, index) => head[index] === byte) ? ""
		: `“${visible(file.name)}” is not a WebAssembly module: it does not begin with \\0asm.`;
}

// `element` is seen from send() to end(), whatever comes of it in between.
export class Sending {
	#abort = new AbortController();

	constructor() {
		this.bar = h("progress", {max: "100", value: "0", "aria-label": "Upload"});
		this.sent = h("span", {class: "soft"});
		this.element = h("div", {class: "progress"}, this.bar, this.sent, h("button", {type: "button", onclick: () => this.stop()}, "Cancel"));
		this.element.hidden = true;
	}

	// Problem, Unreachable, or an AbortError after stop().
	send(session, id, file) {
		const begun = performance.now();
		this.#abort = new AbortController();
		this.element.hidden = false;
		this.#tell(0, file.size, 0);
		return upload(session, taskPath(id, "/upload"), file, {
			progress: (sent, all) => this.#tell(sent, all, (performance.now() - begun) / 1000), signal: this.#abort.signal,
		});
	}

	stop() {
		this.#abort.abort();
	}

	end() {
		this.element.hidden = true;
	}

	#tell(sent, all, seconds) {
		const rate = sent / Math.max(seconds, 0.001);
		this.bar.value = all === 0 ? 100 : sent / all * 100;
		say(this.sent, `${bytes(sent)} of ${bytes(all)}, ${bytes(rate)}/s` + (sent < all && seconds > 1 ? `, ${duration((all - sent) / rate)} left` : ""));
	}
}
