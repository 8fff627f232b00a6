// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// What a reader does: choose a process and a measure, search, zoom, sort, filter, open a stack,
// change the theme; with the mouse and with the keyboard; on a wide screen and a narrow one.
import assert from "node:assert/strict";

import { browser, capture, golden, open, settled, shoot } from "./browser.mjs";

const chromium = await browser();
const ordinary = capture("ordinary", golden("ordinary"));

const frames = (page) => page.locator("#flame g.frame");
const shownFrames = (page) => frames(page).evaluateAll((all) =>
  all.map((g) => g.getAttribute("aria-label")).sort());
const column = (page, id, n) => page.locator(`#${id} tbody tr td:nth-child(${n})`).allTextContents();

async function choose(page, comm) {
  const option = page.locator("header option", { hasText: `${comm}, pid` });
  await page.selectOption("header select", await option.getAttribute("value"));
}

async function testFlame(page) {
  const before = await shownFrames(page);
  const root = await frames(page).first().getAttribute("aria-label");
  await page.click("#flame button:text-is('Allocated count')");
  assert.notEqual(await frames(page).first().getAttribute("aria-label"), root);
  assert.equal(await page.getAttribute("#flame button:text-is('Allocated count')", "aria-pressed"),
    "true");
  await page.click("#flame button:text-is('At peak')");
  assert.deepEqual(await shownFrames(page), before);

  await page.fill("#flame input", "LIBC");
  assert.match(await page.textContent("#flame [role=status]"), /^\d+ found: .*%\)$/);
  assert.notEqual(await page.locator("#flame rect[fill='var(--found)']").count(), 0);
  await page.fill("#flame input", "");
  assert.equal(await page.locator("#flame rect[fill='var(--found)']").count(), 0);
}

async function testZoom(page) {
  const width = async () => Number(await page.locator("#flame svg").getAttribute("width"));
  const leaf = frames(page).last();
  const name = (await leaf.getAttribute("aria-label")).split(":")[0];
  await leaf.click({ position: { x: 1, y: 8 } });
  const zoomed = page.locator(`#flame g.frame[aria-label^=${JSON.stringify(name)}] rect`).first();
  await page.waitForFunction(([rect, wide]) => Math.abs(rect.getAttribute("width") - wide) < 1,
    [await zoomed.elementHandle(), await width()]);
  await page.click("#flame button:text-is('Reset zoom')");
}

async function testKeyboard(page) {
  await frames(page).first().focus();
  await page.keyboard.press("ArrowDown");
  const label = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  assert.notEqual(label, await frames(page).first().getAttribute("aria-label"));
  assert.match(await page.textContent(".tip"), /%\)/);
  await page.keyboard.press("Enter");
  assert.equal(await frames(page).first().getAttribute("class"), "frame fade");
  await page.click("#flame button:text-is('Reset zoom')");
}

async function testTables(page) {
  const byPeak = await column(page, "sites", 2);
  assert.equal(await page.getAttribute("#sites th:nth-child(2)", "aria-sort"), "descending");
  await page.click("#sites th:nth-child(2) button");
  assert.equal(await page.getAttribute("#sites th:nth-child(2)", "aria-sort"), "ascending");
  assert.deepEqual(await column(page, "sites", 2), byPeak.reverse());
  const stack = page.locator("#sites details").first();
  await stack.locator("summary").click();
  await stack.locator("li").first().waitFor();
}

async function testTheme(page) {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.click("button.theme");
  assert.notEqual(await background(), light);
  await shoot(page, "ordinary-dark-1280");
  await page.click("button.theme");
  assert.equal(await background(), light);
}

async function testWidths(page) {
  for (const width of [1280, 800]) {
    await page.setViewportSize({ width, height: 900 });
    await page.waitForFunction((wide) => Math.abs(wide -
      document.querySelector("#flame svg").getAttribute("width")) < 100, width);
    await settled(page);
    const { right, width: drawn } = await frames(page).first().evaluate((g) =>
      g.getBoundingClientRect());
    assert.ok(right <= width && drawn > width * 0.9, `the root is ${drawn} of ${width} wide`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} pixels too wide at ${width}`);
    await shoot(page, `ordinary-${width}`);
  }
}

const { page, close } = await open(chromium, ordinary);
assert.match(await page.textContent("h1"), /^batch, pid 4301/); // the largest
await page.click("#processes button:text-is('server')");
assert.match(await page.textContent("h1"), /^server, pid 4242/);
assert.match(await page.textContent("#figures"), /Peak RSS.*700 MiB.*Peak live heap.*500 MiB/s);
assert.match(await page.textContent("#findings article:first-of-type"), /^high /);
assert.match(await page.textContent("#bill tbody tr"), /^Live heap[\d.]+ MiB/);
assert.match(await page.textContent("#losses"), /live_full 12: blocks that did not fit/);
assert.notEqual(await page.locator("#timeline canvas").count(), 0);
for (const test of [testFlame, testZoom, testKeyboard, testTables, testTheme, testWidths])
  await test(page);
for (const option of await page.locator("header option").all()) {
  await page.selectOption("header select", await option.getAttribute("value"));
  assert.doesNotMatch(await page.innerText("body"), /\[object|undefined|NaN/);
}
await choose(page, "server");
await close();

for (const name of ["auto", "sampled", "killed"]) {
  const other = await open(chromium, capture(name, golden(name)), { colorScheme: "dark" });
  await shoot(other.page, name);
  if (name === "auto") {
    await frames(other.page).first().hover();
    assert.match(await other.page.textContent(".tip"), /302 MiB \(100.0%\).*95%: \d+ MiB to \d+ MiB/);
    assert.doesNotMatch(await other.page.textContent("#sites thead"), /At peak/); // not known
  }
  await other.close();
}
await chromium.close();
