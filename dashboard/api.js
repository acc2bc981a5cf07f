// SPDX-License-Identifier: Apache-2.0
// The manager's REST API: spec/openapi.yaml says what there is.
import {heard} from "./clock.js";

// The manager is one step above this folder, also behind a proxy that has put both below a path.
export const TOP = new URL("..", import.meta.url);

// What is wrong where in a request's body, [{path, text}], `path` the names of members from the outermost on: by
// `errors` (a JSON pointer each, RFC 6901), else by `field` and `field "limits": field "memory_bytes": 3 is not …`.
function faultsOf(body, message) {
	if (Array.isArray(body?.errors) && body.errors.length !== 0) {
		return body.errors.map((one) => ({path: pathOf(String(one?.pointer ?? "")), text: plain(one?.detail ?? message)}));
	}
	const named = [...message.matchAll(/field "([^"]*)"/g)].map(([, name]) => name);
	return [{path: [...(body?.field ? [String(body.field)] : []), ...named], text: plain(message)}];
}

export function decode(part) {
	try {
		return decodeURIComponent(part);
	} catch {
		return part;
	}
}

function pathOf(pointer) {
	return pointer.replace(/^#/, "").split("/").slice(1).map((part) => decode(part).replaceAll("~1", "/").replaceAll("~0", "~"));
}

function plain(text) {
	return String(text).replace(/field "[^"]*": /g, "");
}

// An answer that is no success: RFC 9457, or whatever somebody in between has said.
export class Problem extends Error {
	constructor(status, body) {
		super(body?.detail || body?.title || `the manager answered ${status}`);
		this.status = status;
		this.type = body?.type ?? "";
		this.faults = faultsOf(body, this.message);
	}
}

// Nobody answered.
export class Unreachable extends Error {
	constructor() {
		super("the manager does not answer");
		this.status = 0;
	}
}

async function problemOf(answer) {
	try {
		return new Problem(answer.status, await answer.json());
	} catch {
		return new Problem(answer.status, null);
	}
}

export class Api {
	constructor(session) {
		this.session = session;
	}

	// {status, body, tag}; Problem, Unreachable, or an AbortError if `signal` says so.
	async call(method, path, {body, headers, signal} = {}) {
		for (;;) {
			const token = this.session.token;
			const answer = await this.#send(method, path, {
				method, signal, cache: "no-store", redirect: "error",
				headers: {...this.session.headers(), ...(body === undefined ? {} : {"Content-Type": "application/json"}), ...headers},
				body: body === undefined ? undefined : JSON.stringify(body),
			});
			if (answer.status === 401) {
				await this.session.renew(token);
				continue;
			}
			if (!answer.ok && answer.status !== 304) {
				throw await problemOf(answer);
			}
			const text = answer.status === 204 || answer.status === 304 ? "" : await answer.text();
			return {status: answer.status, body: text ? JSON.parse(text) : null, tag: answer.headers.get("ETag")};
		}
	}

	async #send(method, path, options) {
		const begun = Date.now();
		try {
			const answer = await fetch(new URL(path, TOP), options);
			heard(answer.headers, begun);
			return answer;
		} catch (error) {
			throw error.name === "AbortError" ? error : new Unreachable();
		}
	}

	async get(path, options) {
		return (await this.call("GET", path, options)).body;
	}
}

export function taskPath(id, more = "") {
	return `tasks/${encodeURIComponent(id)}${more}`;
}

export function workerPath(id, more = "") {
	return `proplets/${encodeURIComponent(id)}${more}`;
}
