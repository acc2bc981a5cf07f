// SPDX-License-Identifier: Apache-2.0
// #/tasks: all tasks, live; chosen by state and by text.
import {TOP} from "./api.js";
import {now} from "./clock.js";
import {attribute, h, say, whisper} from "./dom.js";
import {age, count, moment, stateOf, visible} from "./format.js";
import {Grid} from "./grid.js";
import {command} from "./parts.js";
import {Poll} from "./poll.js";
import {BATCH} from "./taskstore.js";

const CHOICES = [
	["all", "All"], ["waiting", "Waiting"], ["scheduled", "Scheduled"], ["running", "Running"],
	["completed", "Completed"], ["failed", "Failed"], ["interrupted", "Interrupted"], ["pending", "Pending"],
];
const AGES_MS = 1000;
const WORKERS_MS = 10000;

const COLUMNS = [
	{name: "state", label: "State", sort: true}, {name: "name", label: "Name", sort: true},
	{name: "worker", label: "Worker", sort: true}, {name: "attempt", label: "Attempt", sort: true},
	{name: "age", label: "Age", sort: true},
];

const KEYS = {
	state: (task) => stateOf(task).word,
	name: (task) => task.name,
	worker: (task) => task.proplet_id,
	attempt: (task) => task.attempt,
	age: (task) => -task.created,
};

// What a choice means: a task that is stopping runs.
function kindOf(task) {
	const kind = stateOf(task).class;
	return kind === "stopping" ? (task.state === 2 ? "running" : "scheduled") : kind === "skipped" ? "interrupted" : kind;
}

function compare(a, b) {
	return a < b ? -1 : a > b ? 1 : 0;
}

export class TasksView {
	title = "Tasks";
	#store;
	#workers;
	#choice = "all";
	#text = "";
	#order = {name: "age", descending: false};

	constructor({api, stream, tasks, go}) {
		this.#store = tasks;
		this.#workers = new Poll((signal) => this.#tellWorkers(api, signal), WORKERS_MS);
		this.grid = new Grid({
			label: "Tasks", kind: "tasks", columns: COLUMNS, fill: (cells, task) => this.#fill(cells, task),
			open: (task) => go(`#/tasks/${task.id}`), sort: (name) => this.#sort(name),
		});
		this.search = h("input", {
			type: "search", id: "search", placeholder: "Search", autocomplete: "off", spellcheck: "false",
			"aria-label": "Search by name, id or worker", "aria-keyshortcuts": "/", oninput: () => this.#typed(),
			onkeydown: (event) => this.#searchKey(event),
		});
		this.choices = h("fieldset", {class: "choices"}, h("legend", {class: "hidden"}, "State"), CHOICES.map(([name, label]) =>
			h("label", {class: `choice ${name}`}, h("input", {type: "radio", name: "choice", value: name, onchange: () => this.#chosen(name)}),
				h("span", {}, label, " ", h("b", {})))));
		this.nothing = h("div", {class: "empty"}, h("h2", {}, "No task yet."), h("p", {}, "Press ", h("kbd", {}, "c"), " or “New task”, or type"),
			command(`propeller-cli tasks run program.wasm -m ${TOP.href.replace(/\/$/, "")}`));
		this.unlike = h("div", {class: "empty"}, h("h2", {}, "No task is like that."),
			h("button", {type: "button", onclick: () => this.#showAll()}, "Show all tasks"));
		this.alone = h("p", {class: "warning", hidden: true}, "No worker is alive, so nothing runs. ", h("a", {href: "#/workers"}, "To the workers"));
		this.foot = h("p", {class: "foot"});
		this.element = h("section", {class: "view list"},
			h("div", {class: "top"}, h("h1", {tabindex: "-1"}, "Tasks"), this.search,
				h("a", {class: "button primary", href: "#/create", "aria-keyshortcuts": "c"}, "New task")),
			this.choices, this.alone, this.grid.element, this.nothing, this.unlike, this.foot);
		this.#store.addEventListener("change", () => this.#show());
		stream.addEventListener("proplet", () => this.#workers.poke());
		this.grid.sorted("age", false);
		setInterval(() => this.element.isConnected && this.grid.refresh(), AGES_MS);
	}

	enter(query) {
		this.#workers.start();
		const choice = query.get("state");
		this.#choice = CHOICES.some(([name]) => name === choice) ? choice : "all";
		this.#text = query.get("q") ?? "";
		if (this.search.value !== this.#text) {
			this.search.value = this.#text;
		}
		this.choices.querySelector(`input[value=${this.#choice}]`).checked = true;
		this.#show();
		this.grid.element.scrollTop = this.scrolled ?? 0;
	}

	leave() {
		this.#workers.stop();
		this.scrolled = this.grid.element.scrollTop;
	}

	#hash() {
		const query = new URLSearchParams();
		if (this.#choice !== "all") {
			query.set("state", this.#choice);
		}
		if (this.#text !== "") {
			query.set("q", this.#text);
		}
		const text = query.toString();
		history.replaceState(null, "", text === "" ? "#/tasks" : `#/tasks?${text}`);
	}

	#typed() {
		this.#text = this.search.value;
		this.#chosenNew();
	}

	#chosen(name) {
		this.#choice = name;
		this.#chosenNew();
	}

	#chosenNew() {
		this.#hash();
		this.grid.element.scrollTop = 0;
		this.#show();
		whisper(`${count(this.grid.items.length, "task")} shown`);
	}

	#searchKey(event) {
		if (event.key === "ArrowDown" || event.key === "Enter") {
			event.preventDefault();
			this.grid.element.focus();
		}
	}

	#sort(name) {
		const same = this.#order.name === name;
		this.#order = {name, descending: same && !this.#order.descending};
		this.grid.sorted(name, this.#order.descending);
		this.#show();
	}

	#matches() {
		const text = this.#text.trim().toLowerCase();
		return (task) => text === "" || task.name.toLowerCase().includes(text) || task.id.startsWith(text) ||
			task.proplet_id.toLowerCase().includes(text);
	}

	#show() {
		if (!this.element.isConnected) {
			return;
		}
		const matches = this.#matches();
		const counts = new Map();
		const found = [];
		let all = 0;
		for (const task of this.#store.values()) {
			if (Number.isNaN(task.created) || !matches(task)) {
				continue;
			}
			const kind = kindOf(task);
			all++;
			counts.set(kind, (counts.get(kind) ?? 0) + 1);
			if (this.#choice === "all" || kind === this.#choice) {
				found.push(task);
			}
		}
		const key = KEYS[this.#order.name];
		const sign = this.#order.descending ? -1 : 1;
		found.sort((a, b) => sign * compare(key(a), key(b)) || b.created - a.created || compare(a.id, b.id));
		this.grid.items = found;
		this.#tell(all, counts);
	}

	#tell(all, counts) {
		for (const input of this.choices.querySelectorAll("input")) {
			const number = input.value === "all" ? all : counts.get(input.value) ?? 0;
			say(input.parentElement.querySelector("b"), number.toLocaleString("en"));
		}
		const nothing = this.grid.items.length === 0 && !this.#store.loading;
		this.nothing.hidden = !nothing || this.#store.size !== 0;
		this.unlike.hidden = !nothing || this.#store.size === 0;
		this.grid.shown = !nothing;
		this.#tellFoot();
	}

	// What is started while nobody is there only waits: that is said before somebody wonders.
	async #tellWorkers(api, signal) {
		try {
			this.alone.hidden = (await api.get("proplets?status=active&limit=1", {signal})).total !== 0;
		} catch {
			// that the manager is not there is shown by the stream
		}
	}

	#showAll() {
		this.search.value = "";
		this.choices.querySelector("input").checked = true;
		this.#choice = "all";
		this.#typed();
		this.search.focus();
	}

	#tellFoot() {
		const {loading, more, size} = this.#store;
		if (loading) {
			this.foot.replaceChildren(`Reading… ${count(size, "task")} so far`);
		} else if (more) {
			this.foot.replaceChildren(`The newest ${size.toLocaleString("en")} tasks. `,
				h("button", {type: "button", class: "quiet", onclick: () => this.#store.older()}, `Read ${BATCH.toLocaleString("en")} older ones`));
		} else {
			this.foot.replaceChildren(`${count(this.grid.items.length, "task")}`);
		}
	}

	#fill(cells, task) {
		const [state, name, worker, attempt, born] = cells;
		const seen = stateOf(task);
		if (state.firstChild === null) {
			state.append(h("span", {class: "badge"}));
			name.append(h("a", {tabindex: "-1"}, h("bdi", {})));
		}
		attribute(state.firstChild, "class", `badge now ${seen.class}`);
		say(state.firstChild, seen.word);
		attribute(name.firstChild, "href", `#/tasks/${task.id}`);
		say(name.firstChild.firstChild, visible(task.name));
		attribute(name, "title", visible(task.name));
		say(worker, visible(task.proplet_id) || "–");
		say(attempt, task.attempt === 0 ? "–" : String(task.attempt));
		say(born, age(now() - task.created));
		attribute(born, "title", moment(task.created));
	}
}
