// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// The page of memtide report --html, and of memtide diff --html.
import { load } from "./data.js";
import { diffPage } from "./diff.js";
import { el } from "./dom.js";
import { bill, findings } from "./findings.js";
import { flame } from "./flame.js";
import { ledgers } from "./ledgers.js";
import { facts, figures, heapNote, losses, processTable, recording } from "./overview.js";
import { themeButton } from "./theme.js";
import { timeline } from "./timeline.js";
import { bytes, seconds, text } from "./units.js";
import "./style.css"; // after the libraries' own

const { report, stacks, meanings } = load(document.getElementById("data").textContent);
const { processes } = report;
const view = el("main");
let charts = [];

function nameOf(process) {
  return `${text(process.comm)}, pid ${text(process.pid)}`;
}

function show(index) {
  const context = { process: processes[index], stacks };
  charts.forEach((chart) => chart.stop?.());
  charts = [timeline(context), flame(context)].filter(Boolean);
  view.replaceChildren(
    el("h1", null, nameOf(context.process), el("span.muted", null,
      ` ${text(report.capture.mode)} mode, ${seconds(report.capture.duration_s)}`)),
    losses(report, meanings),
    ...[heapNote(context.process), figures(context.process), findings(context), bill(context)]
      .filter(Boolean),
    ...charts.map((chart) => chart.element), ...ledgers(context), facts(context.process),
    recording(report));
  charts.forEach((chart) => chart.draw());
}

function picker() {
  const select = el("select", { "aria-label": "Process",
    onchange: () => show(Number(select.value)) }, processes.map((process, i) =>
    el("option", { value: String(i) }, `${nameOf(process)}: ${bytes(process.peak.rss_bytes)}`)));
  return select;
}

function licences() {
  const details = el("details", { ontoggle: () => {
    if (details.childElementCount === 1)
      details.append(document.getElementById("licences").content.cloneNode(true));
  } }, el("summary", null, "Licences of what this page is made with"));
  return el("footer", null, details);
}

function header(...parts) {
  return el("header", null, el("span.brand", null, "memtide"), ...parts,
    themeButton(() => charts.forEach((chart) => chart.restyle?.())));
}

function startDiff() {
  const page = diffPage(report, stacks);
  ({ charts } = page);
  document.title = "memtide diff";
  document.body.append(header(el("span.command", null, "diff")), view, licences());
  view.replaceChildren(...page.parts);
  charts.forEach((chart) => chart.draw());
}

function startReport() {
  const largest = processes.reduce((best, process, i) =>
    (process.peak.rss_bytes > (processes[best].peak.rss_bytes ?? 0) ? i : best), 0);
  const select = picker();
  const choose = (index) => {
    select.value = String(index);
    show(index);
    scrollTo(0, 0);
  };
  document.title = `memtide: ${text(report.capture.command)}`;
  document.body.append(
    header(
      el("span.command", { title: text(report.capture.command) }, text(report.capture.command)),
      processes.length > 1 ? select : ""),
    view,
    el("div.all", null, processTable(report, choose)), licences());
  if (processes.length)
    choose(largest);
}

function start() {
  if (report.schema.startsWith("memtide.diff/"))
    startDiff();
  else
    startReport();
  // Drawn: the tests wait for it, and time it.
  requestAnimationFrame(() => setTimeout(() => {
    performance.mark("ready");
    document.documentElement.dataset.ready = "true";
  }));
}

start();
