// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// Names that attack are text: in the page, in its tips and its tables, and under the policy.
import assert from "node:assert/strict";

import { browser, capture, golden, open, shoot } from "./browser.mjs";

const NAME = "</script><script>alert(1)</script>";
const IMAGE = "<img src=x onerror=alert(2)>";

const chromium = await browser();
const sql = golden("hostile").replace("COMMIT;",
  `UPDATE process SET comm = '${IMAGE}', exe = '/${IMAGE}', cgroup = '/${NAME}';
UPDATE meta SET value = '${IMAGE}${NAME}' WHERE key = 'command';
INSERT INTO lost VALUES ('__proto__', 3), ('${IMAGE}', 4);
COMMIT;`);
const { page, close } = await open(chromium, capture("hostile", sql));

assert.ok(!(await page.locator("img").count()), "a name became an element");
assert.equal(await page.locator("script").count(), 2);
assert.match(await page.textContent("h1"), /<img src=x onerror/);
assert.match(await page.textContent("#sites"), /<\/script><script>alert\(1\)/);
assert.match(await page.textContent("#losses"), /__proto__ 3/);
assert.match(await page.textContent("main"), /Heap: note .*x.* end/);
await page.locator("#flame g.frame", { hasText: "alert(1)" }).first().hover();
assert.match(await page.textContent(".tip"), /<\/script><script>alert\(1\)/);
for (const summary of await page.locator("summary").all())
  if (await summary.isVisible())
    await summary.click();
await page.fill("#flame input", "(alert[");
await shoot(page, "hostile-1280");

// The policy itself: a script that is added does not run. Chromium says so on its console, and
// nothing else.
assert.equal(await page.evaluate(() => {
  const script = document.createElement("script");
  script.textContent = "window.ran = true";
  document.body.append(script);
  return Boolean(window.ran);
}), false);
await assert.rejects(close(), ({ actual }) => actual.length === 1 &&
  /^console: .*Content Security Policy/.test(actual[0]));
await chromium.close();
