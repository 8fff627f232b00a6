// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// A call stack on the page: one line, and all of it when opened.
import { el } from "./dom.js";
import { frameName, moduleName, place, shortName, telling } from "./names.js";

function frameLine(frame) {
  return el("li", null,
    el("span.function", null, frameName(frame)),
    frame.inlined ? el("span.inlined", null, "[inlined]") : null,
    el("span.place", null, place(frame) || moduleName(frame)));
}

function summary(frames, exe) {
  const own = telling(frames, exe);
  return [
    el("span.function", { title: frameName(frames[0]) }, shortName(frames[0])),
    own !== frames[0] ? el("span.via", { title: frameName(own) }, `\u2190 ${shortName(own)}`) : null,
    el("span.place", null, place(own ?? frames[0])),
  ];
}

// The list is made when it is first opened: there may be thousands.
export function stackCell(stacks, node, exe) {
  const frames = stacks.of(node);
  if (!frames.length)
    return el("span.muted", null, "(no stack)");
  const list = el("ol.frames");
  return el("details.stack", {
    ontoggle: () => list.childElementCount || list.append(...frames.map(frameLine)),
  }, el("summary", null, ...summary(frames, exe)), list);
}

// What a filter looks in: every frame's function, file and module.
export function searchable(stacks) {
  const texts = new Map();
  return ({ stack }) => {
    if (!texts.has(stack))
      texts.set(stack, stacks.of(stack).map((frame) =>
        `${frame.function ?? ""} ${frame.file ?? ""} ${frame.module ?? ""}`).join("\n").toLowerCase());
    return texts.get(stack);
  };
}
