// node test/runtimes/run.mjs              lists the runtimes as JSON
// node test/runtimes/run.mjs deno [DIR]   runs the suite and the page's snippet in one of them, prints the report as JSON
import { rmSync } from "node:fs";
import { hosts } from "./hosts/index.mjs";
import { makeConsumer } from "./pack.mjs";
import { readPage } from "./page.mjs";

const [id, given] = process.argv.slice(2);
if (id === undefined) {
  const list = Object.entries(hosts).map(([key, { name, missing }]) => ({ id: key, name, missing: missing() }));
  console.log(JSON.stringify(list));
} else {
  const { name, page, run, snippet } = hosts[id];
  const folder = given ?? makeConsumer();
  try {
    const report = await run(folder);
    const { files, output } = readPage(page);
    const printed = snippet && (await snippet(folder, files));
    console.log(JSON.stringify({ name, ...report, ...(snippet && { snippet: { page, printed, expected: output } }) }));
  } finally {
    if (!given) rmSync(folder, { recursive: true });
  }
}
// Browsers and emulators leave handles behind.
process.exit();
