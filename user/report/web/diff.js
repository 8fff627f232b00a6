// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// The page of memtide diff --html: what changed from one recording to another.
import { badge, el, section } from "./dom.js";
import { flame } from "./flame.js";
import { searchable, stackCell } from "./stack.js";
import { table } from "./table.js";
import { bytes, count, nanoseconds, percent } from "./units.js";

const MEASURES = [
  ["at_peak_bytes", "At peak", bytes],
  ["live_bytes", "Live at end", bytes],
  ["alloc_bytes", "Allocated bytes", bytes],
  ["alloc_count", "Allocated count", count],
  ["temporary_count", "Temporary", count],
];

const STORMS = [
  ["calls", "Calls", count],
  ["moved", "Moved", count],
  ["copied_bytes", "Copied", bytes],
];

const THREADS = [
  ["created", "Created", count],
  ["peak_alive", "At once", count],
  ["reserved_bytes", "Stacks reserved", bytes],
];

const known = (value) => value !== null && value !== undefined;

function signed(show) {
  return (value) => (value === 0 ? "same" : `${value > 0 ? "+" : ""}${show(value)}`);
}

function unitOf(name) {
  return name.endsWith("_bytes") ? bytes : name.endsWith("_ns") ? nanoseconds : count;
}

// A place's measures as columns: before, now, and the change; the larger of both is a box's width,
// so that what went can be seen.
const flat = (measures) => ({ comm, stack, old, new: now }) => {
  const row = { comm, stack, ci95: {} };
  for (const [key] of measures) {
    const both = known(old[key]) && known(now[key]);
    row[`${key}_before`] = old[key];
    row[`${key}_now`] = now[key];
    row[`${key}_change`] = both ? now[key] - old[key] : null;
    row[key] = both ? Math.max(old[key], now[key]) : null;
  }
  return row;
};

const METRICS = MEASURES.map(([key, name, show]) => ({
  name, key, show, sites: ({ sites }) => sites,
  beside: { key: `${key}_change`, show: (value) => `change: ${signed(show)(value)}` },
}));

// The more of a box is new, or gone, the stronger its colour.
function paint() {
  return (d) => {
    if (d.highlight)
      return "var(--found)";
    const { value, beside } = d.data;
    const part = value ? Math.min(1, Math.abs(beside) / value) : 0;
    if (!part)
      return "var(--module-0)";
    const color = beside > 0 ? "var(--more)" : "var(--less)";
    return `color-mix(in srgb, ${color} ${Math.round(25 + 75 * part)}%, var(--module-0))`;
  };
}

function legend() {
  return [["more than before", "--more"], ["less than before", "--less"], ["as before", "--module-0"]]
    .map(([words, color]) => {
      const swatch = el("span.swatch");
      swatch.style.background = `var(${color})`;
      return el("span", null, swatch, words);
    });
}

function metricRow([name, { title, old, new: now, change, change_pct: part }]) {
  const show = unitOf(name);
  return el("tr", null, el("td", null, title),
    [show(old), show(now), signed(show)(change), signed(percent)(part)].map((words) =>
      el("td.number", null, words)));
}

function metrics(all) {
  const head = ["", "Before", "Now", "Change", "%"].map((title, i) =>
    el(`th${i ? ".number" : ""}`, { scope: "col" }, title));
  return section("metrics", "The whole programs", el("div.table", null,
    el("div.scroll", { tabindex: "0", role: "region", "aria-label": "The whole programs" },
      el("table", null, el("thead", null, el("tr", null, head)),
        el("tbody", null, Object.entries(all)
          .filter(([, { old, new: now }]) => known(old) || known(now)).map(metricRow))))));
}

function places({ id, title, column, rows, measures, stacks }) {
  const columns = measures.filter(([key]) => rows.some((row) => known(row[key])))
    .flatMap(([key, name, show]) => [
      { title: name, value: (row) => row[`${key}_now`], show, hint: "Now" },
      { title: "Change", node: true, value: ({ [`${key}_change`]: change }) => Math.abs(change),
        show: (row) => signed(show)(row[`${key}_change`]), hint: "Now less before" },
    ]);
  return section(id, title, table({
    label: title.toLowerCase(), rows, searchable: searchable(stacks), sortBy: 2,
    columns: [{ title: column, words: true, node: true,
      value: ({ stack }) => stacks.innermost(stack)?.function ?? "",
      show: ({ stack }) => stackCell(stacks, stack, null) }, ...columns],
  }));
}

// What neither recording has is no section.
function sections(report, process, stacks) {
  return [
    { id: "sites", title: "Allocation sites", column: "Site", rows: process.sites,
      measures: MEASURES },
    { id: "storms", title: "Realloc storms", column: "Storm",
      rows: report.storms.map(flat(STORMS)), measures: STORMS },
    { id: "threads", title: "What starts threads", column: "Place",
      rows: report.threads.map(flat(THREADS)), measures: THREADS },
  ].filter(({ id, rows }) => id === "sites" || rows.length)
    .map((one) => places({ ...one, stacks }));
}

function sure({ old_kind: before, new_kind: now }) {
  return el("p.muted", null, "Heap numbers: before ", badge(before ?? "not exact"),
    " now ", badge(now ?? "not exact"),
    before === "exact" && now === "exact" ? "" : " A small difference may be none.");
}

// The parts of the page, and what draws itself once it is in it.
export function diffPage(report, stacks) {
  const process = { sites: report.sites.map(flat(MEASURES)) };
  const chart = flame({ stacks, process, metrics: METRICS, title: "Where it changed",
    rootName: "all", painter: paint, explain: legend });
  return { charts: chart ? [chart] : [], parts: [el("h1", null, "What changed"), sure(report),
    metrics(report.metrics), ...(chart ? [chart.element] : []),
    ...sections(report, process, stacks)] };
}
