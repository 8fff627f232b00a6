// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// RSS, live heap, what is mapped and threads against time.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { color, el, section } from "./dom.js";
import { bytes, count, seconds } from "./units.js";

const HEIGHT = 280;
// What is mapped hides all else where it is so much larger.
const MAPPED_MANY = 4;

const LINES = [
  { key: "rss_bytes", label: "RSS", stroke: "--line-rss", fill: true },
  { key: "heap_live_bytes", label: "Live heap", stroke: "--line-heap" },
  { key: "mapped_bytes", label: "Mapped", stroke: "--line-mapped" },
  { key: "threads", label: "Threads", stroke: "--line-threads", threads: true },
];

function series(line, shown) {
  return {
    label: line.label,
    scale: line.threads ? "threads" : "bytes",
    show: shown,
    width: 2,
    stroke: () => color(line.stroke),
    fill: line.fill ? () => `${color(line.stroke)}1c` : undefined,
    dash: line.threads ? [4, 3] : undefined,
    value: (plot, value) => (line.threads ? count(value) : bytes(value)),
    points: { show: false },
  };
}

function axis(options) {
  return {
    stroke: () => color("--muted"),
    grid: { stroke: () => color("--line"), width: 1 },
    ticks: { stroke: () => color("--line"), width: 1 },
    ...options,
  };
}

// The layer that the governor ran, behind all.
function shade(plot, phases) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const phase of phases) {
    const from = Math.max(plot.valToPos(phase.from_s, "x", true), bbox.left);
    const to = Math.min(plot.valToPos(phase.to_s, "x", true), bbox.left + bbox.width);
    ctx.fillStyle = color(`--layer-${phase.layer}`) || "transparent";
    if (to > from)
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
  }
  ctx.restore();
}

function mark(plot, { at, label, line }) {
  if (at === null || at < plot.scales.x.min || at > plot.scales.x.max)
    return;
  const { ctx, bbox } = plot;
  const x = Math.round(plot.valToPos(at, "x", true));
  const right = x > bbox.left + bbox.width * 0.8;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = color(line);
  ctx.setLineDash([5, 4]);
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = right ? "right" : "left";
  const row = line === "--line-rss" ? 12 : 26;
  const from = [x + (right ? -5 : 5) * devicePixelRatio, bbox.top + row * devicePixelRatio];
  ctx.setLineDash([]);
  ctx.strokeStyle = color("--card");
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeText(label, ...from);
  ctx.fillText(label, ...from);
  ctx.restore();
}

function options(process, width, shown) {
  const { peak } = process;
  const peaks = [
    { at: peak.rss_at_s, label: `peak RSS ${bytes(peak.rss_bytes)}`, line: "--line-rss" },
    { at: peak.heap_at_s, label: `peak heap ${bytes(peak.heap_live_bytes)}`, line: "--line-heap" },
  ];
  return {
    width,
    height: HEIGHT,
    scales: { x: { time: false }, bytes: { range: (plot, min, max) => [0, max * 1.1 || 1] },
      threads: { range: (plot, min, max) => [0, Math.max(max * 1.3, 4)] } },
    series: [{ label: "Time", value: (plot, value) => seconds(value) },
      ...LINES.map((line, i) => series(line, shown[i]))],
    axes: [
      axis({ values: (plot, ticks) => ticks.map((tick) => `${tick} s`) }),
      axis({ scale: "bytes", size: 76, values: (plot, ticks) => ticks.map(bytes),
        // Ticks at powers of two.
        incrs: Array.from({ length: 60 }, (_, i) => 2 ** i) }),
      axis({ scale: "threads", side: 1, size: 44, grid: { show: false }, incrs: [1, 2, 5, 10, 50,
        100, 500, 1000, 5000], values: (plot, ticks) => ticks.map(count) }),
    ],
    hooks: { drawClear: [(plot) => shade(plot, process.phases)],
      draw: [(plot) => peaks.forEach((one) => mark(plot, one))] },
  };
}

function layers(phases) {
  const names = [...new Set(phases.map((phase) => phase.layer))];
  return names.length ? el("p.legend.muted", null, "Background: ", names.map((name) => {
    const swatch = el("span.swatch");
    swatch.style.background = `var(--layer-${name})`;
    return el("span", null, swatch, { exact: "every call counted", burst: "counted in bursts",
      kernel: "no call counted" }[name] ?? name);
  })) : null;
}

// Returns the element, and what to call once it is on the page, after a change of theme and when it
// has left.
export function timeline({ process }) {
  const samples = process.timeline;
  if (samples.length < 2)
    return null;
  const values = LINES.map(({ key }) => samples.map((sample) => sample[key]));
  const most = (list) => list.reduce((a, b) => Math.max(a, b ?? 0), 0);
  const shown = values.map((list, i) => LINES[i].key !== "mapped_bytes" ||
    most(list) <= MAPPED_MANY * most(values[0]));
  const holder = el("div.plot", { role: "img", "aria-label":
    `Resident memory and live heap over time; peak RSS ${bytes(process.peak.rss_bytes)}` });
  const element = section("timeline", "Over time", holder,
    layers(process.phases), el("p.muted.hint", null,
      "A click on a name shows or hides it; drag to zoom, double-click for all."));
  let plot = null;
  const width = () => holder.clientWidth;
  return {
    element,
    draw: () => {
      plot = new uPlot(options(process, width(), shown),
        [samples.map((sample) => sample.t_s), ...values], holder);
      new ResizeObserver(() => holder.isConnected &&
        plot.setSize({ width: width(), height: HEIGHT })).observe(holder);
    },
    restyle: () => plot.redraw(false),
    stop: () => plot.destroy(),
  };
}
