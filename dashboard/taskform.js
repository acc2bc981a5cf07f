// SPDX-License-Identifier: Apache-2.0
// What a new task may say, and the form's texts as the API's JSON. Fields are called like the members
// that they fill (limits' as well), so that what the manager says of a member finds its field. Pure.

const MEBI = 1024 * 1024;

export const FIELDS = {
	name: {label: "Name", wide: true},
	file: {label: "Module", kind: "file", hint: "A .wasm file, a module or a component; or drop it here.", wide: true},
	image_url: {label: "Or its address", hint: "An image (registry.example/app:1), or an http(s) address that the worker may fetch.", wide: true},
	invoke: {label: "Function", hint: "The export to call; empty: the task's name, main, run or _start."},
	engine: {label: "Engine", kind: "choice", choices: [["", "the worker's choice"], ["multipass", "multipass"], ["singlepass", "singlepass"], ["interp", "interp"], ["external", "external"]]},
	inputs: {label: "Inputs", kind: "lines", hint: "Arguments of the function, one a line."},
	cli_args: {label: "Command line", kind: "lines", hint: "Arguments of a program, one a line."},
	env: {label: "Environment", kind: "lines", hint: "NAME=VALUE, one a line."},
	stdin: {label: "Standard input", kind: "lines"},
	memory_bytes: {label: "Memory, MiB", kind: "number", hint: "256, if left empty."},
	wall_seconds: {label: "Time, seconds", kind: "number", hint: "3600, if left empty."},
	output_bytes: {label: "Output, KiB", kind: "number", hint: "1024, if left empty."},
	fuel: {label: "Fuel", kind: "number", hint: "Without a limit, if left empty."},
	gas: {label: "Gas", kind: "number", hint: "Without a limit, if left empty."},
	proplet_id: {label: "Worker", kind: "worker", hint: "Only this one."},
	required_tags: {label: "Tags", hint: "That its worker needs; with commas between."},
	namespace: {label: "Namespace"},
	priority: {label: "Priority", kind: "number", hint: "0 to 100; 50, if left empty."},
	restart: {label: "Restart", kind: "choice", choices: [["", "never"], ["on-failure", "on failure"], ["always", "always"]]},
	restart_limit: {label: "Restarts at most", kind: "number", hint: "In a row; 10, if left empty."},
	daemon: {label: "A daemon: has no limit of time", kind: "check", wide: true},
};

export const GROUPS = [
	{title: "Task", open: true, names: ["name", "file", "image_url"]},
	{title: "What it is given", open: true, names: ["invoke", "engine", "inputs", "cli_args", "env", "stdin"]},
	{title: "Limits", names: ["memory_bytes", "wall_seconds", "output_bytes", "fuel", "gas"]},
	{title: "Where, and how often", names: ["proplet_id", "namespace", "required_tags", "priority", "restart", "restart_limit", "daemon"]},
];

const LIMITS = {memory_bytes: MEBI, wall_seconds: 1, output_bytes: 1024, fuel: 1, gas: 1};
const WHOLE = ["fuel", "gas", "priority", "restart_limit"];

function lines(text) {
	const list = text.split("\n");
	if (list[list.length - 1] === "") {
		list.pop();
	}
	return list;
}

function number(name, text, problems) {
	const value = Number(text.replaceAll(/[ _,]/g, ""));
	if (!Number.isFinite(value) || value < 0) {
		problems[name] = "A number is expected here.";
	} else if (WHOLE.includes(name) && !Number.isInteger(value)) {
		problems[name] = "A whole number is expected here.";
	} else if (value > Number.MAX_SAFE_INTEGER) {
		problems[name] = `At most ${Number.MAX_SAFE_INTEGER.toLocaleString("en")}.`;
	}
	return value;
}

function environment(text, problems) {
	const pairs = lines(text).filter((line) => line !== "").map((line) => [line, line.indexOf("=")]);
	const wrong = pairs.find(([, at]) => at < 1);
	if (wrong !== undefined) {
		problems.env = `“${wrong[0]}” is not NAME=VALUE.`;
	}
	return Object.fromEntries(pairs.map(([line, at]) => [line.slice(0, at), line.slice(at + 1)]));
}

// `elements` of the form: {task, problems}, the second by field, empty if there are none.
export function taskOf(elements) {
	const problems = {};
	const task = {};
	const text = (name) => elements[name].value;
	task.name = text("name").trim();
	if (task.name === "") {
		problems.name = "A task needs a name.";
	}
	if (elements.file.files.length !== 0 && text("image_url").trim() !== "") {
		problems.image_url = "A file is chosen above: only one of the two.";
	}
	for (const name of ["image_url", "invoke", "engine", "proplet_id", "namespace", "restart"].filter((field) => text(field).trim() !== "")) {
		task[name] = text(name).trim();
	}
	for (const name of ["inputs", "cli_args"].filter((field) => text(field) !== "")) {
		task[name] = lines(text(name));
	}
	if (text("env").trim() !== "") {
		task.env = environment(text("env"), problems);
	}
	if (text("stdin") !== "") {
		task.stdin = text("stdin");
	}
	if (text("required_tags").trim() !== "") {
		task.required_tags = text("required_tags").split(",").map((tag) => tag.trim()).filter((tag) => tag !== "");
	}
	for (const name of ["priority", "restart_limit"].filter((field) => text(field).trim() !== "")) {
		task[name] = number(name, text(name), problems);
	}
	const limits = Object.keys(LIMITS).filter((name) => text(name).trim() !== "");
	if (limits.length !== 0) {
		task.limits = Object.fromEntries(limits.map((name) => {
			const value = number(name, text(name), problems) * LIMITS[name];
			return [name, name.endsWith("bytes") ? Math.round(value) : value];
		}));
	}
	if (elements.daemon.checked) {
		task.daemon = true;
	}
	return {task, problems};
}
