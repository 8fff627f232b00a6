// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// What the page unpacks is the JSON report, to the last number, and nothing in it is markup.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

import { load } from "../../user/report/web/data.js";
import { capture, GOLDEN, golden, report } from "./browser.mjs";

const BEGIN = '<script type="application/json" id="data">';
const END = "</script>";

// Numbers back to stacks; only frames without a name have an address in the report.
function resolve(value, stacks) {
  if (Array.isArray(value))
    return value.map((item) => resolve(item, stacks));
  if (value === null || typeof value !== "object")
    return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) =>
    [key, key === "stack" && typeof member === "number" ? stacks.of(member).map(withoutNull) :
      resolve(member, stacks)]));
}

function withoutNull({ address, ...frame }) {
  return address === null ? frame : { ...frame, address };
}

for (const file of readdirSync(GOLDEN).filter((name) => name.endsWith(".sql"))) {
  const name = file.slice(0, -4);
  const mtd = capture(name, golden(name));
  const html = readFileSync(report(mtd, "html"), "utf8");
  const json = JSON.parse(readFileSync(report(mtd, "json"), "utf8"));
  const begin = html.indexOf(BEGIN) + BEGIN.length;
  const data = html.slice(begin, html.indexOf(END, begin));
  const page = load(data);

  assert.ok(!data.includes("<"), `${name}: markup in the data`);
  assert.ok(JSON.stringify(page.report).includes('"stack":'), `${name}: no stacks to compare`);
  assert.deepEqual(resolve(page.report, page.stacks), json, name);
}
