// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// What was recorded, what was lost, and one process in a few figures.
import { badge, el, section } from "./dom.js";
import { table } from "./table.js";
import { bytes, count, percent, seconds, text, things } from "./units.js";

function tile(name, value, ...notes) {
  return el("div.tile", null, el("dt", null, name), el("dd", null, value),
    ...notes.filter(Boolean).map((note) => el("dd.note", null, note)));
}

function range(ci95, key, show) {
  return ci95?.[key] ? `95%: ${show(ci95[key][0])} to ${show(ci95[key][1])}` : null;
}

function heapTiles({ heap, peak }) {
  if (!heap)
    return [];
  const kind = badge(heap.kind ?? "not exact");
  const temporary = heap.temporary_count !== null && heap.alloc_count ?
    `${percent((100 * heap.temporary_count) / heap.alloc_count)} temporary` : null;
  return [
    tile("Peak live heap", bytes(peak.heap_live_bytes),
      peak.heap_at_s === null ? null : `at ${seconds(peak.heap_at_s)}`,
      range(heap.ci95, "peak_live_bytes", bytes), kind),
    tile("Live at the end", bytes(heap.live_bytes), heap.live_count === null ? null : things(heap.live_count, "block"),
      range(heap.ci95, "live_bytes", bytes)),
    tile("Allocated", bytes(heap.alloc_bytes), things(heap.alloc_count, "call"), temporary,
      range(heap.ci95, "alloc_bytes", bytes)),
  ];
}

// Why there is no heap, or not all of it.
export function heapNote({ heap_note: note }) {
  return note ? el("p.note.bad", null, `Heap: ${note}`) : null;
}

export function figures(process) {
  const { peak } = process;
  const error = peak.rss_error_bytes ? `\u00b1 ${bytes(peak.rss_error_bytes)}` : null;
  return el("dl.tiles", { id: "figures" },
    tile("Peak RSS", bytes(peak.rss_bytes),
      peak.rss_at_s === null ? null : `at ${seconds(peak.rss_at_s)}`, error),
    ...heapTiles(process),
    tile("Peak mapped", bytes(peak.mapped_bytes), "address space"),
    tile("Cost of tracing", percent(process.overhead_pct), "of its CPU time",
      `CPU ${seconds(process.cpu_s)}`));
}

function fact(name, value) {
  return value === null || value === undefined || value === "" ? null :
    el("div", null, el("dt", null, name), el("dd", null, value));
}

export function facts(process) {
  const exit = { exit: "exited", signal: "was killed", exec: "went on as another program",
    running: "still runs" }[process.ended] ?? process.ended;
  const { exit_status: status } = process;
  return section("facts", "The process", el("dl.facts", null,
    fact("Program", process.exe), fact("Parent", process.ppid ? String(process.ppid) : null),
    fact("Started", process.started),
    fact("End", [exit, status === null ? null : `, ${process.ended === "signal" ? "signal" : "status"
      } ${status}`, process.oom_killed ? ", out of memory" : null]),
    fact("Control group", process.cgroup),
    fact("Allocators", process.allocators.join(", ")), fact("Runtimes", process.runtimes.join(", ")),
    fact("Memory that its allocators explain", percent(process.coverage_pct)),
    fact("Time in which calls were counted", percent(process.counted_time_pct)),
    fact("Whole stacks", percent(process.stacks_complete_pct)),
    fact("Stacks that end early", Object.entries(process.stack_ends).filter(([, n]) => n)
      .map(([name, n]) => `${name}: ${count(n)}`).join(", "))));
}

export function recording({ host, capture }) {
  const budget = capture.budget_pct === null ? null : `budget ${percent(capture.budget_pct)}`;
  return section("recording", "The recording", el("dl.facts", null,
    fact("Target", capture.command), fact("Started", capture.started),
    fact("Duration", seconds(capture.duration_s)),
    fact("Mode", [capture.mode, budget].filter(Boolean).join(", ")),
    fact("Cost", percent(capture.overhead_pct)),
    fact("Counting every call would cost", percent(capture.exact_would_cost_pct)),
    fact("Traps", count(capture.traps)),
    fact("Sampled, every", capture.sample_bytes ? bytes(capture.sample_bytes) : null),
    fact("Hooks", `mappings: ${text(capture.hooks.vm)}, returns: ${text(capture.hooks.return)}`),
    fact("CPU time of memtide", seconds(capture.self_cpu_s)),
    fact("Host", `Linux ${text(host.kernel)}, ${text(host.arch)}, ${count(host.cpus)} CPUs`)));
}

export function losses({ capture }, meanings) {
  const lost = Object.entries(capture.lost).filter(([, n]) => n);
  if (!lost.length && capture.finished)
    return el("p.note.good", { id: "losses" }, "Nothing was lost.");
  return el("div.note.bad", { id: "losses", role: "note" },
    capture.finished ? null : el("p", null,
      "The recording was cut off: what was lost up to the end is unknown."),
    lost.length ? el("strong", null, "Lost") : null,
    el("ul", null, lost.map(([name, n]) => el("li", null, el("code", null, name),
      ` ${count(n)}: ${meanings[name] ?? "this version does not know what that is"}`))));
}

// `choose` is called with the number of the process that was clicked.
export function processTable({ processes, groups }, choose) {
  if (processes.length < 2)
    return null;
  const rows = processes.map((process, index) => ({ ...process, index }));
  const column = (title, value, show) => ({ title, value, show });
  return section("processes", `Processes (${processes.length})`, table({
    label: "processes",
    rows,
    sortBy: 2,
    searchable: ({ comm, exe, pid }) => `${comm} ${exe} ${pid}`.toLowerCase(),
    columns: [
      { title: "Process", words: true, node: true, value: (row) => row.comm ?? "",
        show: (row) => el("button.link", { type: "button", onclick: () => choose(row.index) },
          text(row.comm)) },
      column("Pid", (row) => row.pid, text),
      column("Peak RSS", (row) => row.peak.rss_bytes, bytes),
      column("Peak heap", (row) => row.peak.heap_live_bytes, bytes),
      column("Allocations", (row) => row.heap?.alloc_count ?? null, count),
      column("CPU time", (row) => row.cpu_s, seconds),
      column("Findings", (row) => row.findings.length, count),
    ],
  }), groups.length < 2 ? null : el("details", null,
    el("summary", null, `By unit and container (${groups.length})`), table({
      label: "units and containers",
      rows: groups,
      sortBy: 2,
      columns: [
        { title: "Name", words: true, value: (row) => row.name ?? row.cgroup, show: text },
        column("Processes", (row) => row.processes, count),
        column("Sum of peak RSS", (row) => row.peak_rss_bytes, bytes),
        column("Grew", (row) => row.grown_bytes, bytes),
      ],
    })));
}
