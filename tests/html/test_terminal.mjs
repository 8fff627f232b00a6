// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// The page goes to a file or a pipe, never to a terminal.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";

import { capture, golden, report, ROOT } from "./browser.mjs";

const file = capture("ordinary", golden("ordinary"));
const command = `${join(ROOT, "build/memtide")} report ${file} --html`;

report(file, "html");
const terminal = spawnSync("script", ["-qec", command, "/dev/null"], { encoding: "utf8" });
assert.equal(terminal.status, 2);
assert.match(terminal.stdout, /not for a terminal: -o report.html/);
assert.doesNotMatch(terminal.stdout, /<html/);
assert.match(execFileSync("sh", ["-c", command], { encoding: "utf8" }), /^<!DOCTYPE html>/);
