// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// What frames are called.

const LONG = 60;

// What is in <> and () goes first where a name is long; a leading <> is a Rust type.
export function shorten(name) {
  if (name.length <= LONG)
    return name;
  let short = "";
  let depth = 0;
  for (let i = 0; i < name.length; i++) {
    const c = name[i];
    const arrow = (c === ">" || c === "<") && (name[i - 1] === "-" || short.endsWith("operator"));
    if ((c === ">" || c === ")") && !arrow && depth > 0)
      depth--;
    if (depth === 0)
      short += c;
    if ((c === "<" || c === "(") && !arrow && i > 0)
      depth++;
  }
  return short;
}

export function moduleName(frame) {
  return frame.module ? frame.module.slice(frame.module.lastIndexOf("/") + 1) : "unknown";
}

export function frameName(frame) {
  if (frame.function)
    return frame.function;
  if (frame.module)
    return `${moduleName(frame)}+0x${(frame.offset ?? 0).toString(16)}`;
  return frame.address ?? "unknown";
}

export function shortName(frame) {
  return shorten(frameName(frame)) + (frame.inlined ? " [inlined]" : "");
}

export function place(frame) {
  if (frame.file)
    return frame.line ? `${frame.file}:${frame.line}` : frame.file;
  return frame.module ?? "";
}

// An allocator's caller in a library says little: the first frame of the program's own code, else
// the innermost.
export function telling(frames, exe) {
  return frames.find((frame) => frame.function && frame.module === exe &&
    frame.function !== "_start") ?? frames[0] ?? null;
}
