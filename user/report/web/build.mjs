// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
// node user/report/web/build.mjs FOLDER: head.html and tail.html there; between them goes the report's data.
//
// The page may run this one script and use this one style sheet, by their hashes, and fetch
// nothing. The licences of what is bundled stand at its end.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

async function bundle() {
  const result = await build({
    absWorkingDir: here,
    entryPoints: { page: "main.js" },
    outdir: "out",
    bundle: true,
    charset: "ascii",
    format: "iife",
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    minify: true,
    target: "es2020",
    write: false,
  });
  const text = (end) => result.outputFiles.find((file) => file.path.endsWith(end)).text.trim();
  return { script: text(".js"), style: text(".css"), inputs: Object.keys(result.metafile.inputs) };
}

function licences(inputs) {
  const packages = new Set(inputs.map((path) => /^node_modules\/([^/]+)\//.exec(path)?.[1]));
  return [...packages].filter(Boolean).sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  }).join("\n----\n\n");
}

function sourceOf(text) {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

const { script, style, inputs } = await bundle();
const policy = ["default-src 'none'", `script-src ${sourceOf(script)}`,
  `style-src ${sourceOf(style)}`, "base-uri 'none'", "form-action 'none'"].join("; ");

if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style))
  throw new Error("the bundle would end its own element");
const [folder] = process.argv.slice(2);
writeFileSync(join(folder, "head.html"), `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>memtide</title>
<style>${style}</style>
</head>
<body>
<noscript>This report is drawn by its own script; the same numbers: memtide report FILE --json</noscript>
<script type="application/json" id="data">`);
writeFileSync(join(folder, "tail.html"), `</script>
<script>${script}</script>
<template id="licences"><pre>${escape(licences(inputs))}</pre></template>
</body>
</html>
`);
