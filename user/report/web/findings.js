// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// What to change, worst first, and what RSS is made of.
import { badge, el, section } from "./dom.js";
import { stackCell } from "./stack.js";
import { table } from "./table.js";
import { bytes, count, nanoseconds, percent, seconds, share, text } from "./units.js";

const WORST = ["high", "warn", "info"];

// A name's end is its unit.
function byName(name, value) {
  if (typeof value !== "number")
    return typeof value === "object" && value !== null ? JSON.stringify(value) : text(value);
  const show = [["_bytes", bytes], ["_pct", percent], ["_ns", nanoseconds], ["_s", seconds]]
    .find(([end]) => name.endsWith(end))?.[1];
  return show ? show(value) : Number.isInteger(value) ? count(value) : value.toPrecision(3);
}

function saves(finding) {
  const parts = [];
  if (finding.saves_bytes)
    parts.push(`saves about ${bytes(finding.saves_bytes)}`);
  if (finding.saves_reserved_bytes)
    parts.push(`${bytes(finding.saves_reserved_bytes)} of address space`);
  return parts.length ? el("span.saves", null, parts.join(", ")) : null;
}

function card(finding, { stacks, process }) {
  const evidence = Object.entries(finding.evidence ?? {});
  return el(`article.finding.${WORST.includes(finding.severity) ? finding.severity : "info"}`, null,
    el("h3", null, badge(text(finding.severity)), " ", text(finding.title),
      el("span.rule.muted", null, `(${finding.rule})`), saves(finding)),
    finding.advice ? el("p", null, finding.advice) : null,
    finding.note ? el("p.muted", null, finding.note) : null,
    finding.saved_how ? el("p.muted", null, `What it saves: ${finding.saved_how}`) : null,
    evidence.length ? el("dl.facts", null, evidence.map(([name, value]) =>
      el("div", null, el("dt", null, name.replace(/_(bytes|pct|ns|s)$/, "")
        .replaceAll("_", " ")), el("dd", null, byName(name, value))))) : null,
    finding.stack !== null && finding.stack !== undefined && finding.stack >= 0 ?
      stackCell(stacks, finding.stack, process.exe) : null);
}

export function findings(context) {
  const sorted = [...context.process.findings].sort((a, b) =>
    WORST.indexOf(a.severity) - WORST.indexOf(b.severity) ||
    (b.saves_bytes ?? 0) - (a.saves_bytes ?? 0));
  return sorted.length ? section("findings", `Findings (${sorted.length})`,
    ...sorted.map((finding) => card(finding, context))) : null;
}

/* ---- the bill ------------------------------------------------------------------------------ */

// The allocator's is one part where what lives is not known.
const PARTS = [
  ["heap_live_bytes", "Live heap", "--part-1"],
  ["heap_retained_bytes", "Kept by the allocator", "--part-2"],
  ["allocator_bytes", "Heap, live or kept", "--part-1"],
  ["thread_stacks_bytes", "Thread stacks", "--part-3"],
  ["file_bytes", "Files", "--part-4"],
  ["shmem_bytes", "Shared memory", "--part-5"],
  ["other_anon_bytes", "Other anonymous", "--part-6"],
  ["unexplained_bytes", "Unexplained", "--part-7"],
];

const isKnown = ({ heap_live_bytes: live }) => live !== null;

function partsOf(bills) {
  const known = bills.some(isKnown);
  const unknown = !bills.every(isKnown);
  return PARTS.filter(([key]) => (key === "allocator_bytes" ? unknown :
    known || !key.startsWith("heap_")));
}

// Of each part once.
function bar(bill) {
  return el("div.bar", { "aria-hidden": "true" }, partsOf([bill]).map(([key, name, color]) => {
    const part = el("span", { title: `${name}: ${bytes(bill[key])}` });
    part.style.flexGrow = Math.max(bill[key] ?? 0, 0);
    part.style.background = `var(${color})`;
    return part;
  }));
}

function amounts(bill, name) {
  const value = partsOf([bill]).some(([key]) => key === name) ? bill[name] : null;
  return [el("td.number", null, bytes(value)),
    el("td.number.muted", null, share(value, bill.rss_bytes))];
}

function key(bills) {
  return el("div.scroll", null, el("table.bill", null,
    el("thead", null, el("tr", null, el("td"), bills.map((bill) =>
      el("th.number", { scope: "col", colspan: "2" }, `At the ${bill.at}`)))),
    el("tbody", null, partsOf(bills).map(([name, title, color]) => {
      const swatch = el("span.swatch");
      swatch.style.background = `var(${color})`;
      return el("tr", null, el("th", { scope: "row" }, swatch, title),
        bills.map((bill) => amounts(bill, name)));
    })),
    el("tfoot", null, [["rss_bytes", "RSS"], ["page_tables_bytes", "Page tables, beside RSS"],
      ["kernel_stacks_bytes", "Kernel stacks, beside RSS"]].map(([name, title]) =>
      el("tr", null, el("th", { scope: "row" }, title), bills.map((bill) =>
        [el("td.number", null, bytes(bill[name])), el("td")]))))));
}

function mappings({ at, mappings: rows }) {
  return rows.length ? el("details", null,
    el("summary", null, `Mappings at the ${at} (${rows.length})`), table({
      label: `mappings at the ${at}`,
      rows,
      sortBy: 2,
      searchable: ({ name }) => (name ?? "").toLowerCase(),
      columns: [
        { title: "Mapping", words: true, value: (row) => row.name, show: text },
        { title: "Part", words: true, value: (row) => row.part, show: text },
        { title: "RSS", value: (row) => row.rss_bytes, show: bytes },
      ],
    })) : null;
}

export function bill({ process }) {
  const bills = process.rss_bill;
  return bills.length ? section("bill", "What RSS is made of",
    bills.map((one) => el("div.billed", null,
      el("h3", null, `At the ${one.at}: ${bytes(one.rss_bytes)}`,
        one.at_s === null ? null : el("span.muted", null, ` at ${seconds(one.at_s)}`)),
      bar(one))), key(bills), ...bills.map(mappings).filter(Boolean)) : null;
}
