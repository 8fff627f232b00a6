// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// A table that sorts by a click on a heading, filters by a word, and shows its first rows.
import { el } from "./dom.js";
import { count } from "./units.js";

const PAGE = 200;
const FILTER_FROM = 8; // rows; fewer need no filter

const missing = (value) => value === null || value === undefined;

// Unknown last, whichever way.
function compare(a, b, descending) {
  if (missing(a) || missing(b))
    return missing(a) - missing(b);
  const order = typeof a === "string" ? a.localeCompare(b) : a - b;
  return descending ? -order : order;
}

class Table {
  // columns: { title, value(row), show(row) or show(value), node: true where show takes the row,
  // words: true where it is text, hint }. One of numbers of which none is known is left out.
  constructor({ label, columns, rows, sortBy = 0, searchable }) {
    const known = columns.filter(({ words, value }) => words ||
      rows.some((row) => !missing(value(row))));
    Object.assign(this, { columns: known, rows, searchable });
    this.sortBy = Math.max(known.indexOf(columns[sortBy]), 0);
    this.descending = !known[this.sortBy].words;
    this.limit = PAGE;
    this.word = "";
    this.head = el("tr");
    this.body = el("tbody");
    this.more = el("button.more", { type: "button", onclick: () => this.showMore() });
    this.status = el("span.muted", { role: "status" });
    this.element = el("div.table", null,
      searchable && rows.length >= FILTER_FROM ? el("div.tools", null, this.filter(label),
        this.status) : null,
      el("div.scroll", { tabindex: "0", role: "region", "aria-label": label },
        el("table", null, el("thead", null, this.head), this.body)),
      this.more);
    this.update();
  }

  filter(label) {
    return el("input", {
      type: "search",
      placeholder: "Filter",
      "aria-label": `Filter ${label}`,
      oninput: (event) => {
        this.word = event.target.value.toLowerCase();
        this.limit = PAGE;
        this.update();
      },
    });
  }

  showMore() {
    this.limit += PAGE;
    this.update();
  }

  sort(index) {
    this.descending = index === this.sortBy ? !this.descending : !this.columns[index].words;
    this.sortBy = index;
    this.update();
    this.head.children[index].querySelector("button").focus();
  }

  heading(column, index) {
    const sorted = index === this.sortBy;
    const direction = this.descending ? "descending" : "ascending";
    return el(`th${column.words ? "" : ".number"}`,
      { scope: "col", "aria-sort": sorted ? direction : null },
      el("button", { type: "button", title: column.hint ?? null, onclick: () => this.sort(index) },
        column.title, el("span.arrow", { "aria-hidden": "true" },
          sorted ? (this.descending ? "\u25be" : "\u25b4") : "")));
  }

  row(row) {
    return el("tr", null, this.columns.map((column) =>
      el(`td${column.words ? "" : ".number"}`, null,
        column.node ? column.show(row) : column.show(column.value(row)))));
  }

  update() {
    const { value } = this.columns[this.sortBy];
    const found = this.rows.filter((row) => !this.word || this.searchable(row).includes(this.word));
    const sorted = found.map((row) => [value(row), row])
      .sort((a, b) => compare(a[0], b[0], this.descending)).map(([, row]) => row);
    this.head.replaceChildren(...this.columns.map((column, i) => this.heading(column, i)));
    this.body.replaceChildren(...sorted.slice(0, this.limit).map((row) => this.row(row)));
    const hidden = sorted.length - this.limit;
    this.more.hidden = hidden <= 0;
    this.more.textContent = `Show ${Math.min(PAGE, hidden)} more of ${count(hidden)}`;
    this.status.textContent = this.word ? `${count(sorted.length)} of ${count(this.rows.length)}` :
      `${count(this.rows.length)} rows`;
  }
}

export function table(options) {
  return new Table(options).element;
}
