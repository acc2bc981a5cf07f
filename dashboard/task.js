// SPDX-License-Identifier: Apache-2.0
// #/tasks/ID: one task, with its history, output and placement; start, stop, delete.
import {taskPath, workerPath} from "./api.js";
import {announce, attribute, h, say} from "./dom.js";
import {sure} from "./dialogs.js";
import {bytes, count, duration, isLive, isNever, moment, stateOf, visible} from "./format.js";
import {outputOf} from "./output.js";
import {chart, facts, factsOf, forbid, Part, table, timeOf} from "./parts.js";
import {Poll} from "./poll.js";
import {faultOf, Sending} from "./sending.js";

const LOOK_MS = 5000; // at what no event tells: metrics, and where it would go

export class TaskView {
	#app;
	#id = null;
	#task = null;
	#tag = null;
	#poll = new Poll((signal) => this.#read(signal), LOOK_MS);
	title = "Task";
	list = "#/tasks";

	constructor(app) {
		this.#app = app;
		this.name = h("bdi", {});
		this.badge = h("span", {class: "badge"});
		this.id = h("span", {class: "mono soft"});
		this.start = h("button", {type: "button", class: "primary", onclick: (event) => this.#start(event.currentTarget)}, "Start");
		this.stop = h("button", {type: "button", onclick: (event) => this.#stop(event.currentTarget)}, "Stop");
		this.remove = h("button", {type: "button", class: "danger", onclick: (event) => this.#delete(event.currentTarget)}, "Delete");
		this.note = h("p", {class: "note"});
		this.gone = h("p", {class: "empty"});
		this.#makeParts();
		this.content = h("div", {},
			h("div", {class: "top"}, h("div", {class: "named"}, h("h1", {tabindex: "-1"}, this.name), h("p", {class: "under"}, this.badge, this.id)),
				h("div", {class: "deeds"}, this.start, this.stop, this.remove)),
			this.note,
			h("div", {class: "columns"},
				h("div", {}, this.missing.element, this.outcome.element, this.output.element, this.history.element, this.placement.element),
				h("div", {}, this.definition.element, this.limits.element, this.metrics.element, this.metadata.element)));
		this.element = h("section", {class: "view"}, h("p", {class: "crumbs"}, h("a", {href: "#/tasks"}, "← Tasks")), this.content, this.gone);
		app.stream.addEventListener("task", (event) => event.detail.some((data) => data.id === this.#id) && this.#poll.poke());
		app.stream.addEventListener("reset", () => this.#poll.poke());
		app.session.addEventListener("role", () => this.#allow());
	}

	#makeParts() {
		this.outcome = new Part("Result", (data) => this.#showOutcome(data));
		this.output = new Part("Output", (data) => outputOf(data));
		this.missing = new Part("Module", () => this.#showMissing());
		this.history = new Part("History", (data) => this.#showHistory(data));
		this.placement = new Part("Placement", (data) => this.#showPlacement(data));
		this.definition = new Part("Definition", (data) => facts(data));
		this.limits = new Part("Limits", (data) => facts(data));
		this.metrics = new Part("Measured", (data) => this.#showMetrics(data));
		this.metadata = new Part("Metadata", (data) => factsOf(data));
	}

	enter(_query, id) {
		this.#id = id;
		this.#task = null;
		this.content.hidden = true;
		say(this.gone, "Reading…");
		this.gone.hidden = false;
		this.#poll.start();
	}

	leave() {
		this.#poll.stop();
	}

	async #read(signal) {
		try {
			await this.#readAll(this.#id, signal);
		} catch (error) {
			if (!signal.aborted) {
				this.#failed(error);
			}
		}
	}

	async #readAll(id, signal) {
		const {body, tag} = await this.#app.api.call("GET", taskPath(id), {signal});
		this.#task = body;
		this.#tag = tag;
		this.#show(body);
		const [placement, metrics] = await Promise.all([
			this.#app.api.get(taskPath(id, "/placement"), {signal}), this.#app.api.get(taskPath(id, "/metrics?limit=1000"), {signal}),
		]);
		this.placement.show(placement);
		this.metrics.show(metrics.metrics.length === 0 ? null : metrics.metrics);
	}

	#failed(error) {
		if (error.status === 404 || error.status === 400) {
			this.content.hidden = true;
			this.gone.hidden = false;
			say(this.gone, this.#task === null ? "There is no such task." : `“${visible(this.#task.name)}” was deleted.`);
		} else if (this.#task === null) {
			say(this.gone, `The task could not be read: ${error.message}`);
		}
	}

	#show(task) {
		const seen = stateOf(task);
		document.title = `${visible(task.name)} · Airscrew`;
		this.gone.hidden = true;
		this.content.hidden = false;
		say(this.name, visible(task.name));
		attribute(this.badge, "class", `badge now ${seen.class}`);
		say(this.badge, seen.word);
		say(this.id, task.id);
		this.#allow();
		this.missing.show(hasModule(task) ? null : task.id);
		this.outcome.show(outcome(task));
		this.output.show(task.stdout || task.stderr || task.stdout_base64 || task.stderr_base64 ? outputs(task) : null);
		this.history.show(task.history);
		this.definition.show(definition(task));
		this.limits.show(limits(task));
		this.metadata.show(task.metadata && Object.keys(task.metadata).length !== 0 ? task.metadata : null);
	}

	#allow() {
		const task = this.#task;
		if (task === null) {
			return;
		}
		const role = this.#app.session.reason("operator");
		const live = isLive(task);
		forbid(this.start, role ?? (live ? "It is started already." : !hasModule(task) ? "It has no module yet." : null));
		forbid(this.stop, role ?? (!live ? "It does not run." : task.stopping ? "It is being stopped." : null));
		forbid(this.remove, role ?? (live ? "Stop it first." : null));
		say(this.note, role ?? "");
	}

	async #do(button, deed, done) {
		if (button.reason !== null || button.busy) {
			announce(button.reason ?? "One moment…");
			return;
		}
		button.busy = true;
		try {
			await deed();
			announce(done);
		} catch (error) {
			announce(error.message, "error");
		}
		button.busy = false;
		this.#poll.poke();
	}

	#start(button) {
		const id = this.#id;
		return this.#do(button, () => this.#app.api.call("POST", taskPath(id, "/start")), "Started");
	}

	async #stop(button) {
		const id = this.#id;
		if (button.reason !== null || await sure("Stop this task?", `“${visible(this.#task.name)}” ends as Interrupted.`, "Stop")) {
			await this.#do(button, () => this.#app.api.call("POST", taskPath(id, "/stop")), "Being stopped");
		}
	}

	async #delete(button) {
		const id = this.#id;
		const tag = this.#tag;
		if (button.reason !== null || await sure("Delete this task?", `“${visible(this.#task.name)}” goes with its results and history. There is no way back.`, "Delete")) {
			await this.#do(button, async () => {
				await this.#app.api.call("DELETE", taskPath(id), {headers: {"If-Match": tag}});
				this.#app.go("#/tasks");
			}, "Deleted");
		}
	}

	// A task that was created without a module takes one here.
	#showMissing() {
		const sending = new Sending();
		const problem = h("p", {class: "problem", id: "module-problem", role: "alert"});
		const input = h("input", {type: "file", id: "module-file", accept: ".wasm,application/wasm", "aria-describedby": "module-problem",
			onchange: () => input.files.length !== 0 && this.#upload(input, sending, problem)});
		return [h("p", {}, "It has none yet, so it cannot be started."), h("div", {class: "field file"}, h("label", {for: "module-file"}, "Upload one"), input, problem), sending.element];
	}

	async #upload(input, sending, problem) {
		const reason = this.#app.session.reason("operator");
		const file = input.files[0];
		say(problem, reason ?? await faultOf(file));
		if (problem.textContent === "") {
			try {
				await sending.send(this.#app.session, this.#id, file);
				announce("Uploaded");
			} catch (error) {
				say(problem, error.name === "AbortError" ? "Not uploaded." : error.message);
			}
		}
		sending.end();
		input.value = "";
		this.#poll.poke();
	}

	#showOutcome(data) {
		const parts = [];
		if (data.error) {
			parts.push(h("p", {class: "failure"}, h("bdi", {}, visible(data.error, true))));
		}
		if (data.results !== null) {
			parts.push(h("pre", {class: "results", tabindex: "0", "aria-label": "Results"}, visible(data.results, true)));
		}
		parts.push(facts(data.facts));
		return parts;
	}

	#showHistory(moves) {
		let before = null;
		return h("ol", {class: "history"}, moves.map((move) => {
			const seen = stateOf(move);
			const at = Date.parse(move.at);
			const after = before === null ? "" : `+${duration(Math.max(0, at - before) / 1000)}`;
			before = at;
			return h("li", {}, h("span", {class: `badge ${seen.class}`}, seen.word), h("span", {class: "cause"}, h("bdi", {}, visible(move.cause))),
				h("span", {class: "soft"}, move.attempt === 0 ? "" : `attempt ${move.attempt}`), h("time", {datetime: move.at, title: move.at, class: "soft"}, moment(move.at)), h("span", {class: "soft after"}, after));
		}));
	}

	#showPlacement(data) {
		const rows = data.workers.map((worker) => [
			h("a", {href: `#/${workerPath(worker.proplet_id).replace("proplets", "workers")}`}, h("bdi", {}, visible(worker.proplet_id))),
			h("span", {class: `badge ${worker.eligible ? "completed" : "skipped"}`}, worker.eligible ? "yes" : "no"),
			worker.reason, `${worker.running} of ${worker.slots}`, bytes(worker.memory_free_bytes),
		]);
		return [h("p", {}, visible(data.summary)), rows.length === 0 ? null : table("Workers for this task", ["Worker", "Can", "Why", "Runs", "Free memory"], rows)]
			.filter((part) => part !== null);
	}

	#showMetrics(samples) {
		const points = (name) => samples.filter((sample) => sample.metrics[name] !== undefined).map((sample) => [Date.parse(sample.timestamp), sample.metrics[name]]);
		const last = samples[samples.length - 1].metrics;
		return [
			...[["CPU", points("cpu_percent"), (value) => `${value.toFixed(1)} %`, 5], ["Memory", points("memory_bytes"), bytes]]
				.filter(([, line]) => line.length !== 0).map(([name, line, words, least]) => chart(name, line, words, least)),
			facts([["Runs for", last.uptime_seconds === undefined ? null : duration(last.uptime_seconds)], ["CPU time", last.cpu_seconds === undefined ? null : duration(last.cpu_seconds)],
				["Read", last.disk_read_bytes ? bytes(last.disk_read_bytes) : null], ["Written", last.disk_write_bytes ? bytes(last.disk_write_bytes) : null],
				["Threads", last.thread_count], ["Open files", last.file_descriptor_count], ["Fuel", last.fuel_used?.toLocaleString("en")]]),
		];
	}
}

function hasModule(task) {
	return Boolean(task.image_url) || task.module_size !== undefined;
}

function outcome(task) {
	const took = !isNever(task.started_at) && !isNever(task.finished_at) ? (Date.parse(task.finished_at) - Date.parse(task.started_at)) / 1000 : null;
	const text = task.results === undefined || task.results === null ? null : typeof task.results === "string" ? task.results : JSON.stringify(task.results, null, 2);
	const data = {
		error: task.error ?? "",
		results: text === null || text === "" || text === task.stdout ? null : text,
		facts: [
			["Exit code", task.exit_code === undefined ? null : String(task.exit_code)],
			["Took", took === null ? null : took < 0.001 ? "under 1 ms" : duration(took)],
			["Fuel used", task.fuel_used?.toLocaleString("en")], ["Gas used", task.gas_used?.toLocaleString("en")],
			["Restarts", task.restarts ? String(task.restarts) : null], ["Next attempt", timeOf(task.restart_at)],
		],
	};
	return data.error === "" && data.results === null && data.facts.every(([, value]) => value === null || value === undefined) ? null : data;
}

function outputs(task) {
	return {
		name: task.name, truncated: Boolean(task.truncated),
		streams: [["stdout", task.stdout, task.stdout_base64], ["stderr", task.stderr, task.stderr_base64]]
			.filter(([, text, base64]) => text || base64),
	};
}

function words(list) {
	return list && list.length !== 0 ? list.map((item) => JSON.stringify(item)).join(" ") : null;
}

// From a million on the API counts nanoseconds.
function secondsOf(interval) {
	return interval < 1e6 ? interval : interval / 1e9;
}

function definition(task) {
	return [
		["Module", task.image_url || (task.module_size === undefined ? "none yet" : bytes(task.module_size))],
		["Digest", task.digest && {mono: task.digest}], ["Engine", task.engine], ["Calls", task.invoke], ["Inputs", words(task.inputs)],
		["Arguments", words(task.cli_args)], ["Environment", words(task.env && Object.entries(task.env).map(([name, value]) => `${name}=${value}`))],
		["Standard input", task.stdin === undefined ? null : count(task.stdin.length, "character")],
		["Folders", words(task.dirs?.map((dir) => `${dir.host} as ${dir.guest || dir.host}${dir.write ? ", may write" : ""}`))],
		["Worker", task.proplet_id], ["Needs tags", words(task.required_tags)], ["Namespace", task.namespace],
		["Needs free", task.min_memory_bytes ? bytes(task.min_memory_bytes) : null],
		["Restart", task.restart && task.restart !== "never" ? `${task.restart}, ${task.restart_limit ?? 10} times at most` : null],
		["Measured", task.monitoring_profile?.interval ? `every ${duration(secondsOf(task.monitoring_profile.interval))}` : null],
		["Daemon", task.daemon ? "yes" : null], ["Priority", String(task.priority)], ["Attempt", task.attempt === 0 ? null : String(task.attempt)],
		["Created", timeOf(task.created_at)], ["Started", timeOf(task.start_time)], ["Ended", timeOf(task.finish_time)],
	];
}

function limits(task) {
	const {memory_bytes, wall_seconds, output_bytes, fuel, gas} = task.limits;
	return [
		["Memory", bytes(memory_bytes)], ["Time", wall_seconds ? duration(wall_seconds) : "none"], ["Output", bytes(output_bytes)],
		["Fuel", fuel?.toLocaleString("en")], ["Gas", gas?.toLocaleString("en")],
	];
}
