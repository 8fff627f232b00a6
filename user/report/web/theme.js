// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// Light or dark: the system's choice until the reader makes one, for this page.
import { el } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: dark)");

const root = document.documentElement;
let chosen = null;

function apply() {
  root.dataset.theme = chosen ?? (system.matches ? "dark" : "light");
}

// `changed` is called after each change, the system's too.
export function themeButton(changed) {
  const button = el("button.theme", {
    type: "button",
    title: "Switch between light and dark",
    onclick: () => {
      chosen = root.dataset.theme === "dark" ? "light" : "dark";
      update();
    },
  });
  const update = () => {
    apply();
    button.textContent = root.dataset.theme === "dark" ? "Light" : "Dark";
    changed();
  };
  system.addEventListener("change", update);
  update();
  return button;
}
