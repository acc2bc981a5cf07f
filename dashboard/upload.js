// SPDX-License-Identifier: Apache-2.0
// A file as the body of a PUT, with what has left so far: only XMLHttpRequest tells that.
import {Problem, TOP, Unreachable} from "./api.js";

function problemOf(request) {
	try {
		return new Problem(request.status, JSON.parse(request.responseText));
	} catch {
		return new Problem(request.status, null);
	}
}

function once(session, path, file, {progress, signal}) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open("PUT", new URL(path, TOP));
		for (const [name, value] of Object.entries({...session.headers(), "Content-Type": "application/wasm"})) {
			request.setRequestHeader(name, value);
		}
		request.upload.onprogress = (event) => progress(event.loaded, file.size);
		request.onload = () => request.status < 300 ? resolve() : reject(problemOf(request));
		request.onerror = () => reject(new Unreachable());
		request.onabort = () => reject(new DOMException("ended by the reader", "AbortError"));
		signal.addEventListener("abort", () => request.abort());
		request.send(file);
	});
}

// progress(sent, all) in bytes. Problem, Unreachable, or an AbortError if `signal` says so.
export async function upload(session, path, file, options) {
	for (;;) {
		const token = session.token;
		try {
			await once(session, path, file, options);
			return;
		} catch (error) {
			if (error.status !== 401) {
				throw error;
			}
			await session.renew(token);
		}
	}
}
