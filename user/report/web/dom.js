// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// Elements. Whatever comes from a capture gets in as text or as an attribute's value, never as
// markup.

// el("p.note", { title: "..." }, "text", child): null children are left out.
export function el(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  if (classes.length)
    element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on"))
      element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

export function section(id, title, ...children) {
  return el("section.card", { id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, title), ...children);
}

export function badge(word) {
  return el(`span.badge.${word.replace(/\W/g, "")}`, null, word);
}

// A value of the style sheet, for what is drawn on a canvas.
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
