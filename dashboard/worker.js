// SPDX-License-Identifier: Apache-2.0
// #/workers/ID: one worker: what it says of itself, when it was heard, what runs on it.
import {workerPath} from "./api.js";
import {announce, attribute, h, say} from "./dom.js";
import {sure} from "./dialogs.js";
import {bytes, isLive, moment, stateOf, visible} from "./format.js";
import {chart, facts, factsOf, forbid, Part, table, timeOf} from "./parts.js";
import {Poll} from "./poll.js";

const LOOK_MS = 5000;
const TASKS = 20;

export class WorkerView {
	#app;
	#id = null;
	#poll = new Poll((signal) => this.#read(signal), LOOK_MS);
	title = "Worker";
	list = "#/workers";

	constructor(app) {
		this.#app = app;
		this.name = h("bdi", {});
		this.badge = h("span", {class: "badge"});
		this.forget = h("button", {type: "button", class: "danger", onclick: () => this.#forget()}, "Forget");
		this.note = h("p", {class: "note"});
		this.gone = h("p", {class: "empty"});
		this.tasks = new Part("Tasks", (data) => showTasks(data));
		this.measured = new Part("Measured", (samples) => showMetrics(samples));
		this.heard = new Part("Last heard", (times) => h("ol", {class: "heard"}, times.map((time) => h("li", {}, h("time", {datetime: time, title: time}, moment(time))))));
		this.about = new Part("About", (pairs) => facts(pairs));
		this.metadata = new Part("Says of itself", (object) => factsOf(object));
		this.content = h("div", {}, h("div", {class: "top"}, h("div", {class: "named"}, h("h1", {tabindex: "-1"}, this.name), h("p", {class: "under"}, this.badge)),
			h("div", {class: "deeds"}, this.forget)), this.note,
		h("div", {class: "columns"}, h("div", {}, this.measured.element, this.tasks.element, this.heard.element), h("div", {}, this.about.element, this.metadata.element)));
		this.element = h("section", {class: "view"}, h("p", {class: "crumbs"}, h("a", {href: "#/workers"}, "← Workers")), this.content, this.gone);
		app.stream.addEventListener("proplet", () => this.#poll.poke());
		app.stream.addEventListener("reset", () => this.#poll.poke());
		app.tasks.addEventListener("change", () => this.#showTasks());
		app.session.addEventListener("role", () => this.#allow(null));
	}

	enter(_query, id) {
		this.#id = id;
		this.content.hidden = true;
		this.gone.hidden = false;
		say(this.gone, "Reading…");
		this.#poll.start();
	}

	leave() {
		this.#id = null;
		this.#poll.stop();
	}

	async #read(signal) {
		const id = this.#id;
		try {
			const get = (more) => this.#app.api.get(workerPath(id, more), {signal});
			const [worker, history, metrics] = await Promise.all([get(""), get("/alive-history"), get("/metrics?limit=1000")]);
			this.#show(worker, history.history, metrics.metrics);
		} catch (error) {
			if (!signal.aborted && error.status !== 0) {
				this.content.hidden = true;
				this.gone.hidden = false;
				say(this.gone, error.status === 404 ? "There is no such worker." : `The worker could not be read: ${error.message}`);
			}
		}
	}

	#show(worker, history, metrics) {
		document.title = `${visible(worker.id)} · Airscrew`;
		this.gone.hidden = true;
		this.content.hidden = false;
		say(this.name, visible(worker.id));
		attribute(this.badge, "class", `badge ${worker.alive ? "completed" : "failed"}`);
		say(this.badge, worker.alive ? "alive" : "lost");
		this.about.show([
			["Called", worker.name], ["Namespace", worker.namespace], ["Tasks", worker.slots === undefined ? String(worker.task_count) : `${worker.task_count} of ${worker.slots}`],
			["Engines", (worker.engines ?? []).join(", ")], ["Last heard", timeOf(worker.last_alive_at) ?? "never"], ["Workload key", worker.key], ["Boot", worker.boot],
		]);
		this.metadata.show(Object.keys(worker.metadata).length === 0 ? null : worker.metadata);
		this.heard.show(history.length === 0 ? null : history.toReversed());
		this.measured.show(metrics.length === 0 ? null : metrics);
		this.#allow(worker);
		this.#showTasks();
	}

	#showTasks() {
		if (this.#id === null || this.content.hidden) {
			return;
		}
		const rows = [...this.#app.tasks.values()].filter((task) => task.proplet_id === this.#id && !Number.isNaN(task.created));
		rows.sort((a, b) => isLive(b) - isLive(a) || b.created - a.created);
		this.tasks.show({
			worker: this.#id, all: rows.length,
			rows: rows.slice(0, TASKS).map(({id, name, state, queued, stopping, attempt}) => ({id, name, state, queued, stopping, attempt})),
		});
	}

	#allow(worker) {
		const role = this.#app.session.reason("admin");
		forbid(this.forget, role ?? (worker !== null && worker.task_count !== 0 ? "It runs tasks." : null));
		say(this.note, role ?? "");
	}

	async #forget() {
		const id = this.#id;
		if (this.forget.reason !== null) {
			announce(this.forget.reason);
			return;
		}
		if (await sure("Forget this worker?", `“${visible(id)}” comes back when it is heard again.`, "Forget")) {
			try {
				await this.#app.api.call("DELETE", workerPath(id));
				announce("Forgotten");
				this.#app.go("#/workers");
			} catch (error) {
				announce(error.message, "error");
			}
		}
	}
}

function showTasks({worker, all, rows}) {
	if (rows.length === 0) {
		return h("p", {class: "soft"}, "None of the tasks that are read.");
	}
	return [table("Tasks of this worker", ["State", "Name", "Attempt"], rows.map((task) => {
		const seen = stateOf(task);
		return [h("span", {class: `badge now ${seen.class}`}, seen.word), h("a", {href: `#/tasks/${task.id}`}, h("bdi", {}, visible(task.name))), String(task.attempt)];
	})), all > rows.length ? h("p", {}, h("a", {href: `#/tasks?q=${encodeURIComponent(worker)}`}, `All ${all.toLocaleString("en")}`)) : null].filter((part) => part !== null);
}

function showMetrics(samples) {
	const points = (group, name) => samples.filter((sample) => sample[group][name] !== undefined).map((sample) => [Date.parse(sample.timestamp), sample[group][name]]);
	return [["CPU", points("cpu_metrics", "percent"), (value) => `${value.toFixed(1)} %`, 5], ["Memory", points("memory_metrics", "rss_bytes"), bytes]]
		.filter(([, line]) => line.length !== 0).map(([name, line, words, least]) => chart(name, line, words, least));
}
