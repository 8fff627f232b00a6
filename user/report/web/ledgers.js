// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// The tables of one process: sites, realloc storms, threads, mappings, page faults.
import { badge, el, section } from "./dom.js";
import { searchable, stackCell } from "./stack.js";
import { table } from "./table.js";
import { bytes, count, nanoseconds, percent, seconds, text } from "./units.js";

function stackColumn({ stacks, process }, title) {
  return {
    title,
    words: true,
    node: true,
    value: ({ stack }) => stacks.innermost(stack)?.function ?? "",
    show: ({ stack }) => stackCell(stacks, stack, process.exe),
  };
}

const column = (title, value, show, hint) => ({ title, value, show, hint });

// Where it is an estimate, its interval is its hint.
function estimated(title, key, show, hint) {
  return {
    title,
    hint,
    node: true,
    value: (row) => row[key],
    show: (row) => {
      const range = row.ci95[key];
      return range ? el("span", { title: `95%: ${show(range[0])} to ${show(range[1])}` },
        show(row[key])) : show(row[key]);
    },
  };
}

function lines(...facts) {
  return el("dl.facts", null, facts.filter(Boolean).map(([name, value]) =>
    el("div", null, el("dt", null, name), el("dd", null, value))));
}

function sites(context) {
  const { process, stacks } = context;
  if (!process.sites.length)
    return null;
  const lives = process.sites.some((site) => site.at_peak_bytes !== null);
  return section("sites", "Allocation sites", table({
    label: "allocation sites",
    rows: process.sites,
    searchable: searchable(stacks),
    sortBy: lives ? 1 : 3,
    columns: [
      stackColumn(context, "Site"),
      estimated("At peak", "at_peak_bytes", bytes, "Live when the heap was largest"),
      estimated("Live", "live_bytes", bytes, "Live at the end"),
      estimated("Allocated", "alloc_bytes", bytes, "All that was asked for"),
      estimated("Calls", "alloc_count", count),
      estimated("Temporary", "temporary_count", count,
        "Freed by the same thread before its next allocation"),
      column("Size p50", (row) => row.size_bytes.p50, bytes),
      column("Largest", (row) => row.size_bytes.max, bytes),
      column("Life p50", (row) => row.lifetime_ns.p50, nanoseconds, "From allocation to free"),
    ],
  }));
}

function storms(context) {
  const { realloc } = context.process;
  if (!realloc || !realloc.count)
    return null;
  return section("storms", "Realloc",
    lines(["Calls", count(realloc.count)], ["Grew", count(realloc.grow_count)],
      ["Moved", count(realloc.moved_count)], ["Copied", bytes(realloc.copied_bytes)],
      realloc.failed_count ? ["Failed", count(realloc.failed_count)] : null),
    realloc.storms.length ? table({
      label: "realloc storms",
      rows: realloc.storms,
      searchable: searchable(context.stacks),
      sortBy: 1,
      columns: [
        stackColumn(context, "Storm"),
        column("Copied", (row) => row.copied_bytes, bytes),
        column("Calls", (row) => row.calls, count),
        column("Moved", (row) => row.moved, count),
        column("Chains", (row) => row.chains, count, "Blocks resized 4 times or more"),
        column("Longest", (row) => row.longest_chain, count, "Reallocs of one block"),
        column("Final p99", (row) => row.final_size_bytes.p99, bytes),
        column("Reserve", (row) => row.suggested_capacity_bytes, bytes,
          "A capacity that would have spared nearly all of it"),
      ],
    }) : el("p.muted", null, "No block was resized four times or more."));
}

function threads(context) {
  const { threads: ledger } = context.process;
  if (!ledger || (!ledger.created && ledger.list.length <= 1))
    return null;
  return section("threads", "Threads",
    lines(["Created", count(ledger.created)], ["Alive at once", count(ledger.peak_alive)],
      ["Stack reserved, peak", bytes(ledger.stack_reserved_peak_bytes)],
      ["Stack touched, peak", bytes(ledger.stack_touched_peak_bytes)]),
    ledger.spawn_sites.length ? table({
      label: "places that create threads",
      rows: ledger.spawn_sites,
      searchable: searchable(context.stacks),
      sortBy: 1,
      columns: [
        stackColumn(context, "Created by"),
        column("Created", (row) => row.created, count),
        column("Alive at once", (row) => row.peak_alive, count),
        column("Reserved each", (row) => row.reserved_bytes, bytes),
        column("Touched, deepest", (row) => row.touched_max_bytes, bytes),
        column("Would do", (row) => row.suggested_stack_bytes, bytes),
      ],
    }) : null,
    el("details", null, el("summary", null, `Every thread (${ledger.list.length})`), table({
      label: "threads",
      rows: ledger.list,
      sortBy: 4,
      columns: [
        { title: "Name", words: true, value: (row) => row.comm, show: text },
        column("Tid", (row) => row.tid, text),
        column("Reserved", (row) => row.reserved_bytes, bytes),
        column("Guard", (row) => row.guard_bytes, bytes),
        column("Touched", (row) => row.touched_bytes, bytes),
        column("Lived", (row) => row.lifetime_s, seconds),
      ],
    })));
}

function maps(context) {
  const { maps: ledger } = context.process;
  if (!ledger)
    return null;
  return section("maps", "Mappings",
    lines(["mmap", `${count(ledger.mmap_count)} (${bytes(ledger.mmap_bytes)})`],
      ["munmap", `${count(ledger.munmap_count)} (${bytes(ledger.munmap_bytes)})`],
      ["mremap", count(ledger.mremap_count)], ["brk grew", bytes(ledger.brk_grown_bytes)],
      ["Live at end", bytes(ledger.live_bytes)]),
    ledger.sites.length ? table({
      label: "mappings",
      rows: ledger.sites,
      searchable: searchable(context.stacks),
      sortBy: 2,
      columns: [
        stackColumn(context, "Mapped by"),
        { title: "Call", words: true, value: (row) => row.kind, show: text },
        column("At peak", (row) => row.at_peak_bytes, bytes, "When most was mapped"),
        column("Live", (row) => row.live_bytes, bytes),
        column("Calls", (row) => row.count, count),
      ],
    }) : null);
}

function faults(context) {
  const { faults: ledger } = context.process;
  if (!ledger || !ledger.kind)
    return null;
  return section("faults", "Touched first by",
    lines(["Page faults", [count(ledger.count), " ", badge(ledger.kind)]],
      ["Resident memory grew", bytes(ledger.grown_bytes)],
      ["Without a fault that was seen", bytes(ledger.unexplained_bytes)]),
    ledger.scaled ? el("p.muted", null, "Bytes are scaled to the growth of resident memory.") : null,
    ledger.sites.length ? table({
      label: "page faults",
      rows: ledger.sites,
      searchable: searchable(context.stacks),
      sortBy: 2,
      columns: [
        stackColumn(context, "Touched by"),
        { title: "Class", words: true, value: (row) => row.class, show: text },
        column("Bytes", (row) => row.bytes, bytes),
        column("Share", (row) => row.pct, percent),
        column("Faults", (row) => row.count, count),
      ],
    }) : null);
}

export function ledgers(context) {
  return [sites, storms, threads, maps, faults].map((make) => make(context)).filter(Boolean);
}
