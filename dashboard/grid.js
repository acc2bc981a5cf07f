// SPDX-License-Identifier: Apache-2.0
// A table of any length, of which only the rows in sight are in the page. Rows are reused while it
// scrolls, and written to only where something changed. The table itself has the keyboard's focus
// (aria-activedescendant says on which row), so that nothing is lost when a row goes out of sight.
import {attribute, h} from "./dom.js";

const MORE = 8; // rows above and below what is seen
const PRINTED = 1000; // rows at most on paper
let grids = 0;

export class Grid {
	#columns;
	#fill;
	#open;
	#id = `grid-${++grids}`;
	#items = [];
	#pool = [];
	#active = -1;
	#activeId = null;
	#height = 0;
	#planned = false;
	#printing = false;

	// `columns`: [{name, label, sort}]; `fill(cells, item)` writes a row's cells, in their order;
	// `open(item)` is Enter or a click; `sort(name)` a click on a head.
	constructor({label, kind, columns, fill, open, sort}) {
		this.#columns = columns;
		this.#fill = fill;
		this.#open = open;
		this.spacer = h("div", {class: "rows", role: "rowgroup"});
		this.heads = columns.map((column) => h("div", {role: "columnheader", class: `cell ${column.name}`},
			column.sort ? h("button", {type: "button", onclick: () => sort(column.name)}, column.label) : column.label));
		this.element = h("div", {
			class: `grid ${kind}`, role: "grid", tabindex: "0", "aria-label": label, "aria-colcount": String(columns.length),
			onkeydown: (event) => this.#key(event), onfocus: () => this.#focus(),
		}, h("div", {class: "head", role: "rowgroup"}, h("div", {class: "row", role: "row", "aria-rowindex": "1"}, this.heads)), this.spacer);
		this.element.addEventListener("scroll", () => this.#plan(), {passive: true});
		this.spacer.addEventListener("click", (event) => this.#click(event));
		new ResizeObserver(() => this.#plan()).observe(this.element);
		addEventListener("beforeprint", () => this.#print(true));
		addEventListener("afterprint", () => this.#print(false));
	}

	get isActive() {
		return this.#active >= 0;
	}

	get items() {
		return this.#items;
	}

	set items(items) {
		this.#items = items;
		attribute(this.element, "aria-rowcount", items.length + 1);
		this.#active = this.#activeId === null ? -1 : items.findIndex((item) => item.id === this.#activeId);
		this.#measure();
		this.#render();
	}

	// Hidden it has no focus: that goes to the title of its view.
	set shown(shown) {
		const leaves = !shown && this.element === document.activeElement;
		this.element.hidden = !shown;
		if (leaves) {
			this.element.closest(".view").querySelector("h1").focus({preventScroll: true});
		}
	}

	sorted(name, descending) {
		this.#columns.forEach((column, index) => attribute(this.heads[index], "aria-sort",
			column.name === name ? (descending ? "descending" : "ascending") : null));
	}

	// All rows in sight again, for what moves by itself (ages).
	refresh() {
		for (const row of this.#pool) {
			if (row.item !== null) {
				this.#fill(row.cells, row.item);
			}
		}
	}

	move(by) {
		this.#activate(Math.max(0, Math.min(this.#items.length - 1, (this.#active < 0 ? (by > 0 ? -1 : 1) : this.#active) + by)));
	}

	openActive() {
		if (this.#active >= 0) {
			this.#open(this.#items[this.#active]);
		}
	}

	// Paper does not scroll: so the first rows of all are there, not only those in sight.
	#print(begins) {
		if (this.element.isConnected) {
			this.#printing = begins;
			this.#measure();
			this.#render();
		}
	}

	#measure() {
		const row = this.#height || this.#rowHeight();
		this.#height = row;
		this.spacer.style.height = `${row * (this.#printing ? Math.min(PRINTED, this.#items.length) : this.#items.length)}px`;
		this.element.style.maxHeight = `${this.element.firstChild.offsetHeight + Math.max(3, this.#items.length) * row + 2}px`;
	}

	#rowHeight() {
		return parseFloat(getComputedStyle(this.element).getPropertyValue("--row-px")) || 0;
	}

	#plan() {
		if (!this.#planned) {
			this.#planned = true;
			requestAnimationFrame(() => {
				this.#planned = false;
				this.#measure();
				this.#render();
			});
		}
	}

	#render() {
		const height = this.#height;
		if (height === 0 || this.element.clientHeight === 0) {
			return;
		}
		const top = this.#printing ? 0 : this.element.scrollTop;
		const seen = this.#printing ? Math.min(PRINTED, this.#items.length) : Math.ceil(this.element.clientHeight / height) + 1;
		const first = Math.max(0, Math.floor(top / height) - MORE);
		const last = Math.min(this.#items.length, Math.floor(top / height) + seen + (this.#printing ? 0 : MORE));
		this.#fit(seen + 2 * MORE);
		for (let index = first; index < first + this.#pool.length; index++) {
			this.#place(this.#pool[index % this.#pool.length], index < last ? index : -1);
		}
		this.#mark();
	}

	#fit(size) {
		while (this.#pool.length > size) {
			this.#pool.pop().element.remove();
		}
		while (this.#pool.length < size) {
			const cells = this.#columns.map((column) => h("div", {role: "gridcell", class: `cell ${column.name}`}));
			const element = h("div", {role: "row", class: "row", id: `${this.#id}-${this.#pool.length}`}, cells);
			element.hidden = true;
			this.#pool.push({element, cells, index: -1, item: null});
			this.spacer.append(element);
		}
	}

	#place(row, index) {
		const item = index < 0 ? null : this.#items[index];
		if (row.index !== index) {
			row.index = index;
			row.element.hidden = index < 0;
			row.element.style.transform = `translateY(${index * this.#height}px)`;
			attribute(row.element, "aria-rowindex", index < 0 ? null : index + 2);
			attribute(row.element, "data-odd", index % 2 === 1 ? "" : null);
		}
		if (row.item !== item) {
			row.item = item;
			if (item !== null) {
				this.#fill(row.cells, item);
			}
		}
	}

	#mark() {
		const active = this.#active < 0 ? undefined : this.#pool.find((row) => row.index === this.#active);
		for (const row of this.#pool) {
			attribute(row.element, "aria-selected", row === active ? "true" : null);
		}
		attribute(this.element, "aria-activedescendant", active?.element.id);
	}

	#activate(index) {
		if (index < 0 || index >= this.#items.length) {
			return;
		}
		this.#active = index;
		this.#activeId = this.#items[index].id;
		const head = this.element.firstChild.offsetHeight;
		const top = index * this.#height;
		const room = this.element.clientHeight - head;
		if (top < this.element.scrollTop) {
			this.element.scrollTop = top;
		} else if (top + this.#height > this.element.scrollTop + room) {
			this.element.scrollTop = top + this.#height - room;
		}
		this.#render();
	}

	#focus() {
		if (this.#active < 0 && this.#items.length !== 0) {
			this.#activate(Math.min(this.#items.length - 1, Math.ceil(this.element.scrollTop / (this.#height || 1))));
		}
	}

	#key(event) {
		const page = Math.max(1, Math.floor(this.element.clientHeight / (this.#height || 1)) - 2);
		const deeds = {
			ArrowDown: () => this.move(1), ArrowUp: () => this.move(-1),
			PageDown: () => this.move(page), PageUp: () => this.move(-page),
			Home: () => this.#activate(0), End: () => this.#activate(this.#items.length - 1),
			Enter: () => this.openActive(),
		};
		if (event.target === this.element && deeds[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
			event.preventDefault();
			deeds[event.key]();
		}
	}

	#click(event) {
		const element = event.target.closest(".row");
		const row = this.#pool.find((candidate) => candidate.element === element);
		if (!row || row.index < 0 || getSelection().toString() !== "" || event.target.closest("a")) {
			return;
		}
		this.#activate(row.index);
		this.#open(row.item);
	}
}
