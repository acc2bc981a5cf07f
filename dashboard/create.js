// SPDX-License-Identifier: Apache-2.0
// #/create: a new task, with its module from here or from where the worker fetches it.
import {taskPath} from "./api.js";
import {announce, attribute, h, say} from "./dom.js";
import {forbid} from "./parts.js";
import {faultOf, Sending} from "./sending.js";
import {FIELDS, GROUPS, taskOf} from "./taskform.js";

// Also where the page is not a secure context, which has no crypto.randomUUID().
function newKey() {
	return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class CreateView {
	title = "New task";
	list = "#/tasks";
	#app;
	#file = null;
	#fileProblem = "";
	#busy = false;
	#unwatch = () => {};
	#problems = new Map(); // by field: where its problem is written

	constructor(app) {
		this.#app = app;
		this.submitStart = h("button", {type: "submit", class: "primary", value: "start"}, "Create and start");
		this.submit = h("button", {type: "submit", value: "create"}, "Create");
		this.sending = new Sending();
		this.note = h("p", {class: "note"});
		this.problem = h("p", {class: "problem", role: "alert"});
		this.form = h("form", {novalidate: true, onsubmit: (event) => this.#submit(event)}, this.#makeGroups(), this.problem, this.note, this.sending.element,
			h("div", {class: "buttons"}, this.submitStart, this.submit));
		this.element = h("section", {class: "view narrow"}, h("p", {class: "crumbs"}, h("a", {href: "#/tasks"}, "← Tasks")), h("h1", {tabindex: "-1"}, "New task"), this.form);
		this.#makeDrop();
		app.workers.addEventListener("change", () => this.#offerWorkers());
		app.session.addEventListener("role", () => this.#allow());
	}

	enter() {
		this.#unwatch = this.#app.workers.watch();
		this.#allow();
		this.form.elements.name.focus();
	}

	leave() {
		this.#unwatch();
		this.sending.stop();
	}

	#makeGroups() {
		return GROUPS.map(({title, open, names}) => {
			const fields = h("div", {class: "fields"}, names.map((name) => this.#makeField(name, FIELDS[name])));
			return open ? h("section", {class: "card"}, h("h2", {}, title), fields) : h("details", {class: "card"}, h("summary", {}, title), fields);
		});
	}

	#makeField(name, {label, hint, kind, choices, wide}) {
		const id = `field-${name}`;
		const described = `${hint ? `${id}-hint ` : ""}${id}-problem`;
		const common = {id, name, "aria-describedby": described, oninput: () => this.#complain(name, "")};
		const input = kind === "lines" ? h("textarea", {...common, rows: "3", spellcheck: "false"})
			: kind === "choice" ? h("select", common, choices.map(([value, word]) => h("option", {value}, word)))
			: kind === "check" ? h("input", {...common, type: "checkbox"})
			: kind === "file" ? h("input", {...common, type: "file", accept: ".wasm,application/wasm", onchange: (event) => this.#choose(event.target.files[0] ?? null)})
			: h("input", {...common, type: "text", inputmode: kind === "number" ? "decimal" : null, autocomplete: "off", spellcheck: "false", list: kind === "worker" ? "known-workers" : null});
		const problem = h("p", {class: "problem", id: `${id}-problem`});
		this.#problems.set(name, problem);
		const words = h("label", {for: id}, label);
		return h("div", {class: `field ${kind ?? "text"}${wide ? " whole" : ""}`}, kind === "check" ? [h("span", {class: "check"}, input, words)] : [words, input],
			kind === "worker" ? h("datalist", {id: "known-workers"}) : null, hint ? h("p", {class: "hint", id: `${id}-hint`}, hint) : null, problem);
	}

	// A file may also be dropped anywhere on the form.
	#makeDrop() {
		const input = this.form.elements.file;
		this.form.addEventListener("dragover", (event) => {
			event.preventDefault();
			input.parentElement.classList.add("over");
		});
		for (const name of ["dragleave", "drop"]) {
			this.form.addEventListener(name, () => input.parentElement.classList.remove("over"));
		}
		this.form.addEventListener("drop", (event) => {
			event.preventDefault();
			if (event.dataTransfer.files.length !== 0) {
				input.files = event.dataTransfer.files;
				this.#choose(input.files[0]);
			}
		});
	}

	async #choose(file) {
		this.#file = file;
		this.#fileProblem = file === null ? "" : await faultOf(file);
		this.#complain("file", this.#fileProblem);
		const name = this.form.elements.name;
		if (file !== null && name.value === "") {
			name.value = file.name.replace(/\.wasm$/i, "");
		}
	}

	#offerWorkers() {
		this.form.querySelector("#known-workers").replaceChildren(...(this.#app.workers.list ?? []).map((worker) => h("option", {value: worker.id})));
	}

	#allow() {
		const reason = this.#app.session.reason("operator");
		forbid(this.submit, reason);
		forbid(this.submitStart, reason);
		say(this.note, reason ?? "");
	}

	#complain(name, text) {
		const problem = this.#problems.get(name);
		say(problem, text);
		attribute(this.form.elements[name], "aria-invalid", text === "" ? null : "true");
	}

	// To the first field that has a problem, and false; true if there is none.
	#isFine() {
		const wrong = [...this.#problems].filter(([, problem]) => problem.textContent !== "").map(([name]) => this.form.elements[name]);
		for (const input of wrong) {
			input.closest("details")?.setAttribute("open", "");
		}
		wrong[0]?.focus();
		return wrong.length === 0;
	}

	async #submit(event) {
		event.preventDefault();
		const start = event.submitter?.value !== "create";
		const reason = this.submit.reason;
		if (reason !== null || this.#busy) {
			announce(reason ?? "One moment…");
			return;
		}
		say(this.problem, "");
		const {task, problems} = taskOf(this.form.elements, start);
		for (const name of this.#problems.keys()) {
			this.#complain(name, problems[name] ?? (name === "file" ? this.#fileProblem : ""));
		}
		if (!this.#isFine()) {
			return;
		}
		this.#busy = true;
		this.form.classList.add("busy");
		await this.#create(task, start);
		this.form.classList.remove("busy");
		this.#busy = false;
		this.sending.end();
	}

	async #create(task, start) {
		let made = null;
		let there = false;
		const {api, session, go} = this.#app;
		try {
			made = (await api.call("POST", "tasks", {body: task, headers: {"Idempotency-Key": newKey()}})).body;
			if (this.#file !== null) {
				await this.sending.send(session, made.id, this.#file);
			}
			there = true;
			if (start) {
				await api.call("POST", taskPath(made.id, "/start"), {headers: {"Idempotency-Key": newKey()}});
			}
			announce(start ? "Created and started" : "Created");
		} catch (error) {
			if (!there) {
				this.#failed(error);
				await this.#undo(api, made);
				return;
			}
			announce(`Created, but not started: ${error.message}`, "error");
		}
		this.#clear();
		go(`#/tasks/${made.id}`);
	}

	#failed(error) {
		if (error.name === "AbortError") {
			announce("Not created");
			return;
		}
		const faults = error.faults ?? [{path: [], text: error.message}];
		const homeless = faults.filter(({path, text}) => {
			const name = path.findLast((part) => this.#problems.has(part)) ?? (this.sending.element.hidden ? null : "file");
			if (name !== null) {
				this.#complain(name, text);
			}
			return name === null;
		});
		say(this.problem, homeless.length === 0 ? "" : `Not created: ${homeless.map(({text}) => text).join("; ")}`);
		this.#isFine(); // for the focus
	}

	// A task whose module did not come is not left behind.
	async #undo(api, made) {
		if (made !== null) {
			await api.call("DELETE", taskPath(made.id)).catch(() => announce(`The task “${made.name}” was made, but its module did not come`, "error"));
		}
	}

	#clear() {
		this.form.reset();
		this.#file = null;
		this.#fileProblem = "";
	}
}
