// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// The flame graph, callers above: choose what it measures, search, zoom by a click or Enter.
import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";

import { el, section } from "./dom.js";
import { frameName, moduleName, place } from "./names.js";
import { buildTree, hasMetric, METRICS, modulesOf } from "./tree.js";
import { share } from "./units.js";

const COLORS = 8; // --module-1 and so on; --module-0 is for all other modules
const CELL = 20; // pixels
const LEAST = 2; // pixels of a box that is drawn
const SLIDE_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150;

function describe(node, metric, root) {
  const { beside } = metric;
  return [
    `${metric.show(node.value)} (${share(node.value, root.value)})`,
    beside.show(node.beside),
    node.low < node.high ? `95%: ${metric.show(node.low)} to ${node.high < Infinity ?
      metric.show(node.high) : "unknown"}` : null,
  ].filter(Boolean);
}

// What the pointer or the keyboard is on.
class Tip {
  constructor() {
    this.element = el("div.tip", { role: "tooltip", hidden: true });
  }

  show(node, metric, root, x, y) {
    const { frame } = node;
    this.element.replaceChildren(
      el("strong", null, frame ? frameName(frame) : node.name),
      frame?.inlined ? el("span.inlined", null, "[inlined]") : "",
      ...(frame ? [el("div.place", null, moduleName(frame)), el("div.place", null, place(frame))] :
        []),
      ...describe(node, metric, root).map((line) => el("div", null, line)));
    this.element.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = this.element;
    this.element.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 12))}px`;
    this.element.style.top = `${y + 18 + height > innerHeight ? y - height - 10 : y + 18}px`;
  }

  hide() {
    this.element.hidden = true;
  }
}

function paint(modules) {
  return (d) => {
    if (d.highlight)
      return "var(--found)";
    if (!d.data.frame)
      return "var(--module-0)";
    const index = modules.indexOf(moduleName(d.data.frame));
    const color = `var(--module-${index >= 0 && index < COLORS ? index + 1 : 0})`;
    return d.data.frame.inlined ? `color-mix(in srgb, ${color} 60%, var(--card))` : color;
  };
}

function legend(modules) {
  const named = modules.slice(0, COLORS).map((name, i) => [name, `--module-${i + 1}`]);
  if (modules.length > COLORS)
    named.push([`${modules.length - COLORS} others`, "--module-0"]);
  return named.map(([name, color]) => {
    const swatch = el("span.swatch");
    swatch.style.background = `var(${color})`;
    return el("span", null, swatch, name);
  });
}

const nameOf = ({ comm, pid }) => `${comm ?? "process"} (${pid})`;

class Flame {
  // Each has its metrics, a title and how it is painted and its legend told, where that is not by
  // module.
  constructor({ stacks, process, metrics = METRICS, title = "Where it comes from",
    rootName = nameOf(process), painter = paint, explain = legend }) {
    Object.assign(this, { stacks, process, rootName, painter, explain });
    this.metrics = metrics.filter((metric) => hasMetric(metric, process));
    this.tip = new Tip();
    this.holder = el("div.flame", { onkeydown: (event) => this.move(event),
      onfocusin: (event) => this.focused(event), onfocusout: () => this.tip.hide(),
      onscroll: () => this.tip.hide() });
    this.found = el("span.muted", { role: "status" });
    this.legend = el("p.legend.muted");
    this.search = el("input", { type: "search", placeholder: "Search functions and modules",
      "aria-label": "Search the flame graph", oninput: () => this.look() });
    this.buttons = this.metrics.map((metric) => el("button", { type: "button",
      "aria-pressed": "false", onclick: () => this.choose(metric) }, metric.name));
    this.element = section("flame", title,
      el("div.tools", null, el("div.choice", { role: "group", "aria-label": "Measure" },
        ...this.buttons), this.search, el("button", { type: "button",
        onclick: () => this.chart.resetZoom() }, "Reset zoom"), this.found),
      this.holder, this.legend, this.tip.element);
  }

  choose(metric) {
    this.metric = metric;
    this.buttons.forEach((button, i) =>
      button.setAttribute("aria-pressed", String(this.metrics[i] === metric)));
    this.root = buildTree(this.stacks, this.process, metric, this.rootName);
    const modules = modulesOf(this.root);
    this.legend.replaceChildren(...this.explain(modules));
    this.chart = this.newChart(modules);
    this.holder.replaceChildren();
    select(this.holder).datum(this.root).call(this.chart);
    this.label();
    this.look();
  }

  newChart(modules) {
    const tooltip = () => {};
    tooltip.show = (event, d) =>
      this.tip.show(d.data, this.metric, this.root, event.clientX, event.clientY);
    tooltip.hide = () => this.tip.hide();
    return flamegraph().width(this.holder.clientWidth).cellHeight(CELL).inverted(true)
      .sort((a, b) => b.data.value - a.data.value || a.data.name.localeCompare(b.data.name))
      .minFrameSize(LEAST).transitionDuration(SLIDE_MS).tooltip(tooltip)
      .setColorMapper(this.painter(modules)).onClick(() => this.label())
      .setSearchMatch((d, word) => this.matches(d.data, word))
      .setSearchHandler((results, sum) => {
        this.found.textContent = `${results.length} found: ${this.metric.show(sum)} (${
          share(sum, this.root.value)})`;
      });
  }

  matches({ frame }, word) {
    return Boolean(frame) &&
      `${frameName(frame)} ${frame.module ?? ""} ${frame.file ?? ""}`.toLowerCase().includes(word);
  }

  look() {
    const word = this.search.value.trim().toLowerCase();
    if (word) {
      this.chart.search(word);
    } else {
      this.chart.clear();
      this.found.textContent = "";
    }
  }

  // The boxes, for the keyboard and for a screen reader: one of them is in the order of tabs.
  label() {
    select(this.holder).selectAll("g.frame").attr("tabindex", (d) => (d.parent ? -1 : 0))
      .attr("role", "button")
      .attr("aria-label", (d) =>
        `${d.data.name}: ${describe(d.data, this.metric, this.root).join(", ")}`);
  }

  focused({ target }) {
    const d = select(target).datum();
    const { left, top } = target.getBoundingClientRect();
    if (d?.data && target.matches(":focus-visible"))
      this.tip.show(d.data, this.metric, this.root, Math.max(left, 0), top);
  }

  move(event) {
    const d = select(event.target).datum();
    if (!d?.data)
      return;
    const siblings = d.parent?.children ?? [d];
    const to = { ArrowUp: d.parent, ArrowDown: d.children?.[0],
      ArrowLeft: siblings[siblings.indexOf(d) - 1],
      ArrowRight: siblings[siblings.indexOf(d) + 1] }[event.key];
    if (event.key === "Enter" || event.key === " ")
      event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    else if (!event.key.startsWith("Arrow"))
      return;
    event.preventDefault();
    select(this.holder).selectAll("g.frame").filter((other) => other === to).node()?.focus();
  }

  draw() {
    this.choose(this.metrics[0]);
    let width = this.holder.clientWidth;
    new ResizeObserver(() => {
      if (!this.holder.isConnected || this.holder.clientWidth === width)
        return;
      width = this.holder.clientWidth;
      this.chart.width(width).update();
      this.label();
    }).observe(this.holder);
  }
}

// As timeline() does.
export function flame(context) {
  const graph = new Flame(context);
  return graph.metrics.length ? { element: graph.element, draw: () => graph.draw() } : null;
}
