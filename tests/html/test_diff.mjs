// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// The page of memtide diff: what grew and what went, in colour, in the tips and in the table.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { browser, capture, golden, openFile, ROOT, scratch, shoot } from "./browser.mjs";

const NAME = "</script><script>alert(1)</script>";
const GROWN = 64 << 20;

function diff(name, before, after) {
  const out = join(scratch, `${name}.html`);
  execFileSync(join(ROOT, "build/memtide"), ["diff", before, after, "--html", "-o", out]);
  return out;
}

const chromium = await browser();
const boxes = (page) => page.locator("#flame g.frame");
const labels = (page) => boxes(page).evaluateAll((all) =>
  all.map((g) => [g.getAttribute("aria-label"), g.querySelector("rect").getAttribute("fill")]));

const before = capture("before", golden("ordinary"));
const after = capture("after", golden("ordinary").replace("COMMIT;",
  `UPDATE site SET at_peak_bytes = at_peak_bytes + ${GROWN}, alloc_bytes = alloc_bytes + ${GROWN}
WHERE process = 1 AND stack = 101 AND kind = 'malloc';
UPDATE symbol SET function = '${NAME}' WHERE function = 'main';
COMMIT;`));

// Nothing has changed.
const same = await openFile(chromium, diff("same", before, before));
assert.ok((await labels(same.page)).every(([, fill]) => fill === "var(--module-0)"));
await same.close();

// One site has grown; what was called from main is gone, and there under another name.
const { page, close } = await openFile(chromium, diff("grown", before, after));
assert.equal(await page.locator("script").count(), 2);
const grown = await labels(page);
assert.match(grown[0][0], /change: \+64\.0 MiB/);
assert.match(grown[0][1], /var\(--more\)/);
assert.ok(grown.some(([label, fill]) => label.startsWith("main:") && /var\(--less\)/.test(fill)));
assert.ok(grown.some(([label, fill]) => label.startsWith("</script>") && /var\(--more\)/.test(fill)));
assert.match(await page.textContent("#metrics"), /Threads at once1616same.*CPU time/);
assert.match(await page.locator("#sites tbody tr").first().textContent(), /MiB\+[\d.]+ MiB/);
assert.match(await page.textContent("#storms"), /Copied/);
assert.match(await page.textContent("#threads"), /Stacks reserved.*same/);
await page.click("#flame button:text-is('Allocated count')");
assert.match((await labels(page))[0][0], /change: same/);
await page.fill("#flame input", "script");
assert.match(await page.textContent("#flame [role=status]"), /^\d+ found/);
await shoot(page, "diff-1280");
await page.setViewportSize({ width: 800, height: 900 });
await shoot(page, "diff-800");
await close();
await chromium.close();
