// SPDX-License-Identifier: Apache-2.0
// Who is looking. A manager with tokens answers 401 to who has none: then one is asked for, kept as
// long as the tab is open (sessionStorage), and sent with every request from then on.
import {h} from "./dom.js";

const KEY = "airscrew-token";
const ROLES = ["viewer", "operator", "admin"];

export class Session extends EventTarget {
	#asking = null;
	role = "admin"; // until the manager says something else

	get token() {
		return sessionStorage.getItem(KEY) ?? "";
	}

	headers() {
		return this.token ? {Authorization: `Bearer ${this.token}`} : {};
	}

	may(role) {
		return ROLES.indexOf(this.role) >= ROLES.indexOf(role);
	}

	// Why not, in words; null for one who may.
	reason(role) {
		return this.may(role) ? null : `Your token is a ${this.role}'s; this needs the role ${role}.`;
	}

	setRole(role) {
		if (this.role !== role && ROLES.includes(role)) {
			this.role = role;
			this.dispatchEvent(new Event("role"));
		}
	}

	// The token that was refused, if any: another one, once the reader has given it. All who wait get
	// the same.
	renew(refused) {
		if (this.token !== refused) {
			return Promise.resolve();
		}
		this.#asking ??= this.#ask(refused !== "").finally(() => {
			this.#asking = null;
			this.dispatchEvent(new Event("token"));
		});
		return this.#asking;
	}

	forget() {
		sessionStorage.removeItem(KEY);
		location.reload();
	}

	#ask(wrong) {
		const dialog = document.getElementById("token");
		const input = dialog.querySelector("input");
		const problem = dialog.querySelector(".problem");
		sessionStorage.removeItem(KEY);
		problem.replaceChildren(...(wrong ? [h("span", {}, "The manager does not take this token. Another one?")] : []));
		input.value = "";
		input.setAttribute("aria-invalid", String(wrong));
		dialog.showModal();
		return new Promise((resolve) => {
			dialog.onclose = () => this.token === "" && dialog.showModal(); // a second Escape closes it whatever one says
			dialog.oncancel = (event) => event.preventDefault();
			dialog.querySelector("form").onsubmit = (event) => {
				event.preventDefault();
				if (input.value.trim() === "") {
					input.focus();
					return;
				}
				sessionStorage.setItem(KEY, input.value.trim());
				input.value = "";
				dialog.close();
				resolve();
			};
		});
	}
}
