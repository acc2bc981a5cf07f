// SPDX-License-Identifier: Apache-2.0
// #/workers: who is there, and what they have to do.
import {now} from "./clock.js";
import {attribute, h, say} from "./dom.js";
import {count, isNever, moment, relative, visible} from "./format.js";
import {Grid} from "./grid.js";
import {command} from "./parts.js";

const COLUMNS = [
	{name: "alive", label: "Alive"}, {name: "name", label: "Worker"}, {name: "called", label: "Called"},
	{name: "tasks", label: "Tasks"}, {name: "heard", label: "Last heard"}, {name: "engines", label: "Engines"},
];

const START = `PROPLET_MQTT_ADDRESS=tcp://BROKER:1883 \\
PROPLET_DOMAIN_ID=DOMAIN PROPLET_CHANNEL_ID=CHANNEL \\
PROPLET_CLIENT_ID=worker-1 PROPLET_CLIENT_KEY=KEY proplet`;

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
		this.empty = h("div", {class: "empty", hidden: true}, h("h2", {}, "No worker has been heard yet."),
			h("p", {}, "Start one with this manager's broker, domain and channel:"), command(START));
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
		this.grid.shown = this.empty.hidden;
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
	attribute(name, "title", visible(worker.id));
	attribute(heard, "title", isNever(worker.last_alive_at) ? null : moment(worker.last_alive_at));
	say(heard, isNever(worker.last_alive_at) ? "never" : relative(now() - Date.parse(worker.last_alive_at)));
	say(engines, visible((worker.engines ?? []).join(", ")) || "–");
}
