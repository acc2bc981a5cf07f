// SPDX-License-Identifier: Apache-2.0
// Puts the parts together: what is in the address after the # says which view is shown.
import {Api, decode} from "./api.js";
import {now} from "./clock.js";
import {CreateView} from "./create.js";
import {help} from "./dialogs.js";
import {announce, attribute, dismiss, say} from "./dom.js";
import {EventStream} from "./events.js";
import {moment} from "./format.js";
import {listenToKeys} from "./keys.js";
import {tellTimes} from "./parts.js";
import {Session} from "./session.js";
import {TaskView} from "./task.js";
import {TasksView} from "./tasks.js";
import {TaskStore} from "./taskstore.js";
import {nextTheme, theme} from "./theme.js";
import {WorkerView} from "./worker.js";
import {WorkersView} from "./workers.js";
import {WorkerStore} from "./workerstore.js";

const session = new Session();
const api = new Api(session);
const stream = new EventStream(session);
const tasks = new TaskStore(api, stream);
const workers = new WorkerStore(api, stream);
const app = {session, api, stream, tasks, workers, go: (hash) => { location.hash = hash; }};

// By the first part of the address: the list, and the view of one of it.
const VIEWS = {
	tasks: [new TasksView(app), new TaskView(app)],
	workers: [new WorkersView(app), new WorkerView(app)],
	create: [new CreateView(app), null],
};
const main = document.querySelector("main");
const byId = (id) => document.getElementById(id);
let view = null;

// Where one goes on in a view: its list, else its title, else (while it is read) itself.
function focusTarget() {
	view.element.tabIndex = -1;
	return [view.grid?.element, view.element.querySelector("h1"), view.element].find((target) => target?.checkVisibility());
}

function route() {
	const [path, query] = location.hash.slice(1).split("?");
	const [, kind, id] = path.split("/");
	const name = Object.hasOwn(VIEWS, kind ?? "") ? kind : "tasks";
	const [list, one] = VIEWS[name];
	const next = id && one !== null ? one : list;
	const first = view === null;
	view?.leave();
	if (view !== next) {
		view = next;
		main.replaceChildren(view.element);
		main.scrollTop = 0;
	}
	document.title = `${view.title} · Airscrew`;
	for (const link of document.querySelectorAll("nav a")) {
		attribute(link, "aria-current", link.dataset.view === name ? (next === list ? "page" : "true") : null);
	}
	view.enter(new URLSearchParams(query ?? ""), decode(id ?? ""));
	if (!first && !view.element.contains(document.activeElement)) {
		focusTarget().focus({preventScroll: true});
	}
}

const AWAY_MS = 2000; // a break that is shorter is none
let away = 0;
const LINKS = {connecting: "Connecting…", live: "Live", waiting: "Reconnecting…", paused: "Paused"};

function showLink() {
	const link = byId("link");
	attribute(link, "data-state", stream.state);
	say(link.querySelector("span"), LINKS[stream.state]);
	clearTimeout(away);
	if (stream.state === "waiting") {
		const since = moment(now()).slice(11, 19); // the time of the day, to the second
		away = setTimeout(() => showAway(since), AWAY_MS);
	} else {
		byId("away").hidden = true;
	}
}

// What the word in the head has said already; this is how it stays seen.
function showAway(since) {
	say(byId("away").querySelector("p"), `The manager does not answer. What is shown is as it was at ${since}.`);
	byId("away").hidden = false;
}

function showTheme() {
	say(byId("theme"), {system: "◐ Auto", light: "○ Light", dark: "● Dark"}[theme()]);
}

function showSession() {
	byId("leave").hidden = session.token === "";
	byId("role").hidden = session.token === "";
	say(byId("role"), session.role);
}

// Again after every new token, and whenever the manager is there again: roles change.
async function askRole() {
	try {
		session.setRole((await api.get("whoami")).role);
	} catch {
		// an older manager, or none: then it says no to what it does not allow
	}
	showSession();
}

function inList(deed) {
	return () => {
		if (!view.grid) {
			return false;
		}
		const was = view.grid.isActive; // else the focus alone chooses a row
		view.grid.element.focus({preventScroll: true});
		return was || !view.grid.isActive ? deed(view.grid) : true;
	};
}

listenToKeys({
	"/": () => {
		if (view !== VIEWS.tasks[0]) {
			app.go("#/tasks");
		}
		setTimeout(() => VIEWS.tasks[0].search.focus());
	},
	"c": () => app.go("#/create"),
	"g t": () => app.go("#/tasks"),
	"g w": () => app.go("#/workers"),
	"?": () => help(),
	"j": inList((grid) => grid.move(1)),
	"k": inList((grid) => grid.move(-1)),
	"Escape": (event) => {
		if (dismiss()) { // what lies above the page, perhaps above what has the focus
			return true;
		}
		if (event.target.matches("input, textarea, select")) {
			event.target.blur();
		} else if (view.list) {
			app.go(view.list);
		} else {
			return false;
		}
		return true;
	},
});
document.querySelector(".skip").addEventListener("click", (event) => {
	event.preventDefault();
	focusTarget().focus();
});
byId("theme").addEventListener("click", () => {
	nextTheme();
	showTheme();
	announce(`Colours: ${{system: "as the system has them", light: "light", dark: "dark"}[theme()]}`);
});
byId("help").addEventListener("click", help);
byId("leave").addEventListener("click", () => session.forget());
byId("away").querySelector("button").addEventListener("click", () => stream.retry());
stream.addEventListener("state", () => {
	showLink();
	if (stream.state === "live") {
		askRole();
	}
});
session.addEventListener("role", showSession);
addEventListener("hashchange", route);
setInterval(tellTimes, 1000);
showTheme();
showLink();
showSession();
route();
stream.start();
