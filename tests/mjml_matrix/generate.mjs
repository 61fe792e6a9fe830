/* The HTML that npm's mjml makes of every document here, beside it: what `tests/test_mjml_matrix.py` compares ours with.
 *
 *   mkdir /tmp/npm && cd /tmp/npm && npm install mjml@4.18
 *   node REPOSITORY/tests/mjml_matrix/generate.mjs
 *
 * mjml is looked for in the current folder.  Run again, it writes the same bytes.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const mjml2html = createRequire(join(process.cwd(), "x.js"))("mjml");
const folder = dirname(fileURLToPath(import.meta.url));

for (const name of readdirSync(folder).filter((name) => name.endsWith(".mjml")).sort()) {
  let seed = 1;
  Math.random = () => (seed = (seed * 16807) % 2147483647) / 2147483647; // mjml makes up ids of carousels and menus
  const source = readFileSync(join(folder, name), "utf8");
  const { html } = mjml2html(source, { fonts: {}, validationLevel: "skip" });
  const lines = html.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const kept = /<pre/.test(html) ? html : lines.join("\n") + "\n";
  writeFileSync(join(folder, name.replace(/\.mjml$/, ".html")), kept);
}
