// SPDX-License-Identifier: Apache-2.0
// #/workers: who is there, and what they have to do.
import {now} from "./clock.js";
import {attribute, h, say} from "./dom.js";
import {age, count, isNever, visible} from "./format.js";
import {Grid} from "./grid.js";

const COLUMNS = [
	{name: "alive", label: "Alive"}, {name: "name", label: "Worker"}, {name: "called", label: "Called"},
	{name: "tasks", label: "Tasks"}, {name: "heard", label: "Last heard"}, {name: "engines", label: "Engines"},
];

export class WorkersView {
	title = "Workers";
	#app;
	#unwatch = () => {};

	constructor(app) {
		this.#app = app;
		this.grid = new Grid({
			label: "Workers", kind: "workers", columns: COLUMNS, fill: fillRow,
			open: (worker) => app.go(`#/workers/${encodeURIComponent(worker.id)}`),
		});
		this.empty = h("div", {class: "empty"});
		this.foot = h("p", {class: "foot"});
		this.element = h("section", {class: "view list"}, h("div", {class: "top"}, h("h1", {tabindex: "-1"}, "Workers")), this.grid.element, this.empty, this.foot);
		app.workers.addEventListener("change", () => this.#show());
		setInterval(() => this.element.isConnected && this.grid.refresh(), 1000);
	}

	enter() {
		this.#unwatch = this.#app.workers.watch();
		this.#show();
	}

	leave() {
		this.#unwatch();
	}

	#show() {
		const list = this.#app.workers.list;
		if (!this.element.isConnected) {
			return;
		}
		this.empty.hidden = list === null || list.length !== 0;
		say(this.empty, "No worker has been heard yet. Start a proplet with this manager's broker, domain and channel.");
		const alive = (list ?? []).filter((worker) => worker.alive).length;
		say(this.foot, list === null ? "Reading…" : `${count(list.length, "worker")}, ${alive} alive`);
		this.grid.items = list ?? [];
	}
}

function fillRow(cells, worker) {
	const [alive, name, called, tasks, heard, engines] = cells;
	if (alive.firstChild === null) {
		alive.append(h("span", {class: "badge"}));
		name.append(h("a", {tabindex: "-1"}, h("bdi", {})));
	}
	attribute(alive.firstChild, "class", `badge ${worker.alive ? "completed" : "failed"}`);
	say(alive.firstChild, worker.alive ? "alive" : "lost");
	attribute(name.firstChild, "href", `#/workers/${encodeURIComponent(worker.id)}`);
	say(name.firstChild.firstChild, visible(worker.id));
	say(called, visible(worker.name));
	say(tasks, worker.slots === undefined ? String(worker.task_count) : `${worker.task_count} of ${worker.slots}`);
	say(heard, isNever(worker.last_alive_at) ? "never" : `${age(now() - Date.parse(worker.last_alive_at))} ago`);
	say(engines, visible((worker.engines ?? []).join(", ")) || "–");
}
