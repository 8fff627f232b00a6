// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// What the tests of the HTML report share: a capture's page in Debian's Chromium.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const CHROMIUM = "/usr/bin/chromium";
const SKIPPED = 77;
export const SHOTS = join(ROOT, "build/html");
export const GOLDEN = join(ROOT, "tests/golden");

export const scratch = mkdtempSync(join(tmpdir(), "memtide-html-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

function skip(reason) {
  console.log(reason);
  process.exit(SKIPPED);
}

// A capture from SQL text.
export function capture(name, sql) {
  const file = join(scratch, `${name}.mtd`);
  execFileSync("sqlite3", ["-batch", "-bail", file], { input: sql });
  return file;
}

export function golden(name) {
  return readFileSync(join(GOLDEN, `${name}.sql`), "utf8");
}

// The report's file.
export function report(file, kind, program = "memtide") {
  const out = `${file}.${kind}`;
  const run = spawnSync(join(ROOT, "build", program), ["report", file, `--${kind}`, "-f", "-o", out],
    { encoding: "utf8" });
  if (run.stderr.includes("NO_HTML=1") && program === "memtide")
    skip("memtide was built with NO_HTML=1");
  assert.equal(run.status, 0, run.stderr);
  return out;
}

export async function browser() {
  if (!existsSync(CHROMIUM))
    skip("chromium is not installed: make setup");
  if (!existsSync(join(ROOT, "user/report/web/node_modules/playwright-core")))
    skip("playwright-core is not there: make without NO_HTML=1");
  const require = createRequire(join(ROOT, "user/report/web/package.json"));
  const { chromium } = require("playwright-core");
  mkdirSync(SHOTS, { recursive: true });
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox",
    "--disable-dev-shm-usage"] });
}

// A page, once it is drawn. close() ends it, and fails where it asked for anything or complained.
export async function openFile(chromium, file, options = {}) {
  const page = await chromium.newPage({ viewport: { width: 1280, height: 900 },
    reducedMotion: "reduce", ...options });
  const problems = [];
  const url = pathToFileURL(file).href;
  page.on("console", (message) => problems.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`error: ${error.stack}`));
  page.on("dialog", (dialog) => problems.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => request.url() === url || problems.push(`asks: ${request.url()}`));
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { timeout: 20000 });
  return { page, close: async () => {
    await page.close();
    assert.deepEqual(problems, []);
  } };
}

// That of a capture.
export function open(chromium, file, options = {}) {
  return openFile(chromium, report(file, "html"), options);
}

// When the boxes of the flame graph have come to the sizes and names that they are to have.
export async function settled(page) {
  await page.waitForFunction(() => [...document.querySelectorAll("#flame g.frame")].every((g) =>
    Math.abs(g.getAttribute("width") - g.querySelector("rect").getAttribute("width")) < 1 &&
    g.textContent));
  await page.evaluate(() => new Promise((painted) => {
    requestAnimationFrame(() => requestAnimationFrame(painted));
  }));
}

// What a page looks like, kept in build/html.
export async function shoot(page, name) {
  const options = { path: join(SHOTS, `${name}.png`), fullPage: true };

  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot(options); // Chromium resizes the page for the first, and it draws anew
  await settled(page);
  await page.screenshot(options);
}
