// SPDX-License-Identifier: Apache-2.0
// Puts the parts together: what is in the address after the # says which view is shown.
import {Api} from "./api.js";
import {EventStream} from "./events.js";
import {Session} from "./session.js";
import {TasksView} from "./tasks.js";
import {TaskStore} from "./taskstore.js";
import {attribute, say, announce} from "./dom.js";
import {nextTheme, theme} from "./theme.js";

const session = new Session();
const api = new Api(session);
const stream = new EventStream(session);
const tasks = new TaskStore(api, stream);
const app = {session, api, stream, tasks, go: (hash) => { location.hash = hash; }};
const lists = {tasks: new TasksView(app)};
const main = document.querySelector("main");
let view = null;

function parse() {
	const [path, query] = location.hash.slice(1).split("?");
	return {parts: path.split("/").filter((part) => part !== ""), query: new URLSearchParams(query ?? "")};
}

function route() {
	const {query} = parse();
	const next = lists.tasks;
	if (view !== next) {
		view?.leave();
		main.replaceChildren(next.element);
		if (view !== null) {
			next.element.querySelector("h1").focus();
		}
	}
	view = next;
	next.enter(query);
	document.title = `${next.title} · Airscrew`;
}

const LINKS = {
	connecting: "Connecting…", live: "Live", waiting: "Reconnecting…", paused: "Paused",
};

function showLink() {
	const link = document.getElementById("link");
	attribute(link, "data-state", stream.state);
	say(link.querySelector("span"), LINKS[stream.state]);
}

function showTheme() {
	say(document.getElementById("theme"), {system: "Auto", light: "Light", dark: "Dark"}[theme()]);
}

document.getElementById("theme").addEventListener("click", () => {
	nextTheme();
	showTheme();
	announce(`Colours: ${theme()}`);
});
stream.addEventListener("state", showLink);
addEventListener("hashchange", route);
showTheme();
showLink();
route();
stream.start();
