// SPDX-License-Identifier: Apache-2.0
// The manager's time. Ages are of its clock, and a reader's may be wrong: answers say in Date what
// it is there, to the second; so what is less than two seconds off is taken for right.

const OFF_MS = 2000;
let offset = 0;

// `begun`: when the request of this answer was sent, by Date.now().
export function heard(headers, begun) {
	const there = Date.parse(headers.get("Date") ?? "");
	if (Number.isNaN(there)) {
		return;
	}
	const off = there + 500 - (begun + Date.now()) / 2;
	offset = Math.abs(off) > OFF_MS ? off : 0;
}

export function now() {
	return Date.now() + offset;
}
