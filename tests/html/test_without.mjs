// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// A memtide that was built with NO_HTML=1 says what to do, and prints the other reports.
import assert from "node:assert/strict";

import { capture, golden, report } from "./browser.mjs";

const PROGRAM = "memtide-without-page";
const file = capture("ordinary", golden("ordinary"));

assert.throws(() => report(file, "html", PROGRAM), /install nodejs and npm and build it again/);
report(file, "text", PROGRAM);
report(file, "json", PROGRAM);
