// SPDX-License-Identifier: Apache-2.0
// What a new task may say, and the form's texts as the API's JSON. Fields are called like the members
// that they fill (those of limits as well), so that what the manager says of a member finds its field. Pure.

const MEBI = 1024 * 1024;

function lines(text) {
	const list = text.split("\n");
	if (list[list.length - 1] === "") {
		list.pop();
	}
	return list;
}

function filled(text) {
	return lines(text).filter((line) => line.trim() !== "");
}

function pairs(text) {
	return Object.fromEntries(filled(text).map((line) => {
		const at = line.indexOf("=");
		if (at < 1) {
			throw new Error(`“${line}” is not NAME=VALUE.`);
		}
		return [line.slice(0, at), line.slice(at + 1)];
	}));
}

// HOST[:GUEST][:rw], as the command line has it.
function folders(text) {
	return filled(text).map((line) => {
		const parts = line.trim().split(":");
		const write = parts.length > 1 && parts[parts.length - 1] === "rw";
		const paths = write ? parts.slice(0, -1) : parts;
		if (paths.length > 2 || !paths.every((path) => path.startsWith("/"))) {
			throw new Error(`“${line}” is not HOST, HOST:GUEST or HOST:GUEST:rw, with paths from / on.`);
		}
		return {host: paths[0], guest: paths[paths.length - 1], write};
	});
}

function words(text) {
	return text.split(",").map((word) => word.trim()).filter((word) => word !== "");
}

function number(text, isWhole) {
	const value = Number(text.replaceAll(/[ _,]/g, ""));
	if (!Number.isFinite(value) || value < 0) {
		throw new Error("A number is expected here.");
	}
	if (isWhole && !Number.isInteger(value)) {
		throw new Error("A whole number is expected here.");
	}
	if (value > Number.MAX_SAFE_INTEGER) {
		throw new Error(`At most ${Number.MAX_SAFE_INTEGER.toLocaleString("en")}.`);
	}
	return value;
}

const trimmed = (text) => text.trim();
const whole = (text) => number(text, true);
const any = (text) => number(text, false);
const NANOS_FROM = 1000000; // numbers from here on are nanoseconds to the manager

function interval(text) {
	const value = number(text, false);
	if (value >= NANOS_FROM) {
		throw new Error(`At most ${(NANOS_FROM - 1).toLocaleString("en")}.`);
	}
	return value;
}

const times = (unit) => (text) => Math.round(number(text, false) * unit);

// `kind` of its element (a line of text, if there is none), `read` of its text, `into` the member that holds it.
export const FIELDS = {
	name: {label: "Name", wide: true},
	file: {label: "Module", kind: "file", hint: "A .wasm file, a module or a component; or drop it here.", wide: true},
	image_url: {label: "Or its address", hint: "An image (registry.example/app:1), or an http(s) address that the worker may fetch.", wide: true, read: trimmed},
	invoke: {label: "Function", hint: "The export to call; empty: the task's name, main, run or _start.", read: trimmed},
	engine: {label: "Engine", kind: "choice", choices: [["", "the worker's choice"], ["multipass", "multipass"], ["singlepass", "singlepass"], ["interp", "interp"], ["external", "external"]], read: trimmed},
	inputs: {label: "Inputs", kind: "lines", hint: "Arguments of the function, one a line.", read: lines, exact: true},
	cli_args: {label: "Command line", kind: "lines", hint: "Arguments of a program, one a line.", read: lines, exact: true},
	env: {label: "Environment", kind: "lines", hint: "NAME=VALUE, one a line.", read: pairs},
	stdin: {label: "Standard input", kind: "lines", hint: "What it reads, as it is.", read: (text) => text, exact: true},
	dirs: {label: "Folders of the worker", kind: "lines", hint: "HOST, HOST:GUEST or HOST:GUEST:rw (may write), one a line. Only what the worker's operator allows.", wide: true, read: folders},
	memory_bytes: {label: "Memory, MiB", kind: "number", hint: "256, if left empty.", read: times(MEBI), into: "limits"},
	wall_seconds: {label: "Time, seconds", kind: "number", hint: "3600, if left empty; a daemon has none.", read: any, into: "limits"},
	output_bytes: {label: "Output, KiB", kind: "number", hint: "1024, if left empty.", read: times(1024), into: "limits"},
	fuel: {label: "Fuel", kind: "number", hint: "Of its engine; without a limit, if left empty.", read: whole, into: "limits"},
	gas: {label: "Gas", kind: "number", hint: "The same in every engine; without a limit, if left empty.", read: whole, into: "limits"},
	proplet_id: {label: "Worker", kind: "worker", hint: "Only this one.", read: trimmed},
	namespace: {label: "Namespace", hint: "Only workers of it.", read: trimmed},
	required_tags: {label: "Tags", hint: "That its worker needs; with commas between.", read: words},
	min_memory_bytes: {label: "Free memory, MiB", kind: "number", hint: "That its worker needs.", read: times(MEBI)},
	priority: {label: "Priority", kind: "number", hint: "0 to 100; 50, if left empty. Higher goes first.", read: whole},
	restart: {label: "Restart", kind: "choice", choices: [["", "never"], ["on-failure", "on failure"], ["always", "always"]], read: trimmed},
	restart_limit: {label: "Restarts at most", kind: "number", hint: "In a row; 10, if left empty.", read: whole},
	daemon: {label: "A daemon: has no limit of time", kind: "check", wide: true},
	digest: {label: "Digest", hint: "SHA-256 of the module in hex; another one is refused.", wide: true, read: trimmed},
	interval: {label: "Measure every, seconds", kind: "number", hint: "10, if left empty; of a daemon 120.", read: interval, into: "monitoring_profile"},
	metadata: {label: "Metadata", kind: "lines", hint: "NAME=VALUE, one a line; kept with the task.", read: pairs},
};

export const GROUPS = [
	{title: "Task", open: true, names: ["name", "file", "image_url"]},
	{title: "What it is given", open: true, names: ["invoke", "engine", "inputs", "cli_args", "env", "stdin", "dirs"]},
	{title: "Limits", names: ["memory_bytes", "wall_seconds", "output_bytes", "fuel", "gas"]},
	{title: "Where, and how often", names: ["proplet_id", "namespace", "required_tags", "min_memory_bytes", "priority", "restart", "restart_limit", "daemon"]},
	{title: "More", names: ["digest", "interval", "metadata"]},
];

function put(task, name, into, value) {
	if (into === undefined) {
		task[name] = value;
	} else {
		task[into] = {...task[into], [name]: value};
	}
}

// `elements` of the form, `start` if it shall be started, too: {task, problems}, the second by field,
// empty if there are none.
export function taskOf(elements, start) {
	const problems = {};
	const task = {name: elements.name.value.trim()};
	if (task.name === "") {
		problems.name = "A task needs a name.";
	}
	const hasFile = elements.file.files.length !== 0;
	const hasAddress = elements.image_url.value.trim() !== "";
	if (hasFile && hasAddress) {
		problems.image_url = "A file is chosen above: only one of the two.";
	} else if (start && !hasFile && !hasAddress) {
		problems.file = "Without a module it cannot be started: choose a file, or say its address below.";
	}
	for (const [name, {read, into, exact}] of Object.entries(FIELDS).filter(([, field]) => field.read !== undefined)) {
		const text = elements[name].value;
		if ((exact ? text : text.trim()) !== "") {
			try {
				put(task, name, into, read(text));
			} catch (error) {
				problems[name] = error.message;
			}
		}
	}
	if (elements.daemon.checked) {
		task.daemon = true;
	}
	return {task, problems};
}
