// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// Sites summed by the path of functions that leads to them: what a flame graph draws.
import { frameName, moduleName, shortName } from "./names.js";
import { bytes, count, things } from "./units.js";

// A page can show so many; smaller ones become one box beside their siblings.
const NODES_MAX = 20000;

const blocks = (n) => things(n, "block");
const calls = (n) => things(n, "call");
const faults = (n) => things(n, "fault");

const heapSites = ({ heap, sites }) => (heap ? sites : []);

// `beside` is what the tooltip says too.
export const METRICS = [
  { name: "At peak", sites: heapSites, key: "at_peak_bytes", show: bytes,
    beside: { key: "at_peak_count", show: blocks } },
  { name: "Live at end", sites: heapSites, key: "live_bytes", show: bytes,
    beside: { key: "live_count", show: blocks } },
  { name: "Allocated bytes", sites: heapSites, key: "alloc_bytes", show: bytes,
    beside: { key: "alloc_count", show: calls } },
  { name: "Allocated count", sites: heapSites, key: "alloc_count", show: calls,
    beside: { key: "alloc_bytes", show: bytes } },
  { name: "Temporary", sites: heapSites, key: "temporary_count", show: blocks,
    beside: { key: "alloc_count", show: calls } },
  { name: "Page faults", sites: (process) => process.faults?.sites ?? [], key: "bytes", show: bytes,
    beside: { key: "count", show: faults } },
  { name: "Mappings", sites: (process) => process.maps?.sites ?? [], key: "at_peak_bytes", show: bytes,
    beside: { key: "count", show: calls } },
];

export function hasMetric(metric, process) {
  return metric.sites(process).some((site) => site[metric.key] > 0);
}

function newNode(name, frame) {
  return { name, frame, value: 0, beside: 0, low: 0, high: 0, children: [], byKey: new Map() };
}

class Builder {
  constructor(stacks, rootName) {
    this.stacks = stacks;
    this.root = newNode(rootName, null);
    this.made = []; // callers first
    this.known = new Map([[-1, this.root]]);
  }

  child(parent, key, name, frame) {
    let node = parent.byKey.get(key);
    if (!node) {
      node = newNode(name, frame);
      node.parent = parent;
      parent.byKey.set(key, node);
      parent.children.push(node);
      this.made.push(node);
    }
    return node;
  }

  // A function is one box, whichever line of it calls.
  at(stack) {
    let node = this.known.get(stack);
    if (node)
      return node;
    const frame = this.stacks.innermost(stack);
    node = this.child(this.at(this.stacks.caller(stack)),
      `${frameName(frame)}\n${frame.module}\n${frame.inlined}`, shortName(frame), frame);
    this.known.set(stack, node);
    return node;
  }

  add(site, metric) {
    const node = site.stack >= 0 ? this.at(site.stack) :
      this.child(this.root, "", "(no stack)", null);
    const [low, high] = site.ci95?.[metric.key] ?? [site[metric.key], site[metric.key]];
    node.value += site[metric.key];
    node.beside += site[metric.beside.key] ?? 0;
    node.low += low ?? 0;
    node.high += high ?? Infinity;
  }

  // Each node's own becomes its total.
  sum() {
    for (let i = this.made.length - 1; i >= 0; i--) {
      const { parent, value, beside, low, high } = this.made[i];
      parent.value += value;
      parent.beside += beside;
      parent.low += low;
      parent.high += high;
    }
  }

  // A caller is never smaller than what it calls, and comes first where they are equal: what is
  // left is a tree.
  prune() {
    if (this.made.length <= NODES_MAX)
      return;
    const kept = new Set([...this.made].sort((a, b) => b.value - a.value).slice(0, NODES_MAX));
    for (const node of [this.root, ...kept]) {
      const small = node.children.filter((child) => !kept.has(child));
      if (!small.length)
        continue;
      const rest = newNode(`(${count(small.length)} smaller)`, null);
      for (const key of ["value", "beside", "low", "high"])
        rest[key] = small.reduce((total, child) => total + child[key], 0);
      node.children = node.children.filter((child) => kept.has(child));
      node.children.push(rest);
    }
  }
}

export function buildTree(stacks, process, metric, rootName) {
  const builder = new Builder(stacks, rootName);
  for (const site of metric.sites(process))
    if (site[metric.key] > 0)
      builder.add(site, metric);
  builder.sum();
  builder.prune();
  return builder.root;
}

// Modules by the area that they take, the largest first.
export function modulesOf(root) {
  const areas = new Map();
  const stack = [root];
  while (stack.length) {
    const node = stack.pop();
    if (node.frame) {
      const module = moduleName(node.frame);
      areas.set(module, (areas.get(module) ?? 0) + node.value);
    }
    stack.push(...node.children);
  }
  return [...areas].sort((a, b) => b[1] - a[1]).map(([name]) => name);
}
