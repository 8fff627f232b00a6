// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
//
// nodejs dh_view.js FILE: opens a DHAT file as valgrind's dh_view.html does, with its own script
// and just as much of a browser as that needs, and shows it by each sort metric in turn. Prints
// what the page then says; status 1 where it says that there is an error.
"use strict";
const fs = require("fs");
const vm = require("vm");

const SCRIPT = "/usr/libexec/valgrind/dh_view.js";
const errors = [];

class Element {
  constructor(text = "") {
    this.childNodes = [];
    this.text = text;
    this.selectedIndex = 0;
    this.classList = { contains: () => false, toggle() {} };
  }
  get textContent() {
    return this.text + this.childNodes.map((c) => c.textContent).join("");
  }
  set textContent(text) {
    this.text = text;
    this.childNodes = [];
  }
  set className(name) {
    this.error = name === "error";
  }
  set selected(on) {
    if (on) this.parentNode.selectedIndex = this.parentNode.childNodes.indexOf(this);
  }
  appendChild(child) {
    child.parentNode = this;
    this.childNodes.push(child);
    return child;
  }
  replaceChild(child, old) {
    child.parentNode = this;
    this.childNodes[this.childNodes.indexOf(old)] = child;
  }
  cloneNode() {
    return new Element();
  }
  setAttribute() {}
  addEventListener() {}
  all() {
    return [this, ...this.childNodes.flatMap((c) => c.all())];
  }
}

const body = new Element();
const context = vm.createContext({
  console,
  performance,
  URLSearchParams,
  Intl,
  document: {
    body,
    location: { search: "" },
    createElement: () => new Element(),
    createTextNode: (text) => new Element(text),
  },
  FileReader: class {
    readAsText(file) {
      this.onload({ target: { result: file.text } });
    }
  },
  file: { name: process.argv[2], text: fs.readFileSync(process.argv[2], "utf8") },
});

function look(what) {
  for (const e of body.all()) if (e.error) errors.push(`${what}: ${e.textContent}`);
}

vm.runInContext(fs.readFileSync(SCRIPT, "utf8"), context);
vm.runInContext("onLoad(); gInput.files = [file]; loadFile();", context);
look("loaded");
const shown = vm.runInContext("gMainDiv", context).textContent;
const metrics = vm.runInContext("gSelect.childNodes", context);
metrics.forEach((option, i) => {
  if (option.disabled) return;
  vm.runInContext(`gSelect.selectedIndex = ${i}; changeSortMetric();`, context);
  look(`metric ${i}`);
});
console.log(shown);
errors.forEach((e) => console.error(e));
process.exit(errors.length ? 1 : 0);
