// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// The report as memtide wrote it into the page (user/report/pack.h), unpacked: memtide.report/1,
// but that a stack is the number of its innermost frame's node.

function unpackArray([kind, first, second]) {
  if (kind === "words")
    return second.map((index) => (index < 0 ? null : first[index]));
  if (kind === "list")
    return first.map(unpack);
  const rows = Array.from({ length: first }, () => ({}));
  for (const [key, column] of Object.entries(second))
    unpackArray(column).forEach((value, i) => {
      rows[i][key] = value;
    });
  return rows;
}

function unpack(value) {
  if (Array.isArray(value))
    return unpackArray(value);
  if (value === null || typeof value !== "object")
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, unpack(member)]));
}

export class Stacks {
  constructor(frames, nodes) {
    this.frames = frames;
    this.nodes = nodes;
  }

  // Innermost first.
  of(node) {
    const frames = [];
    while (node !== null && node >= 0) {
      frames.push(this.frames[this.nodes.frame[node]]);
      node = this.caller(node);
    }
    return frames;
  }

  innermost(node) {
    return node !== null && node >= 0 ? this.frames[this.nodes.frame[node]] : null;
  }

  // -1 above the outermost.
  caller(node) {
    return this.nodes.up[node] ? node - this.nodes.up[node] : -1;
  }
}

export function load(text) {
  const data = JSON.parse(text);
  return {
    report: unpack(data.report),
    stacks: new Stacks(unpackArray(data.frames), data.nodes),
    meanings: data.meanings,
  };
}
