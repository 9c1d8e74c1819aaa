// node test/runtimes/run.mjs              lists the runtimes as JSON
// node test/runtimes/run.mjs deno [DIR]   runs the suite and the page's snippet in one of them, prints the report as JSON
// node test/runtimes/run.mjs large [DIR]  explains a network of ResNet-50's size in a Worker with little memory
// node test/runtimes/run.mjs flood [DIR]  sends a thousand requests, most of them bad, to the example's Worker
// node test/runtimes/run.mjs examples      lists the examples that need another runtime than Node
// node test/runtimes/run.mjs examples/deno [DIR]  runs one, prints what it printed and should as JSON
import { rmSync } from "node:fs";
import { listExamples, runExample } from "./hosts/examples.mjs";
import { flood } from "./hosts/flood.mjs";
import { hosts } from "./hosts/index.mjs";
import { large } from "./hosts/large.mjs";
import { makeConsumer } from "./pack.mjs";
import { readPage } from "./page.mjs";

const [id, given] = process.argv.slice(2);
if (id === undefined) {
  const list = Object.entries(hosts).map(([key, { name, fuses, threads = false, missing }]) => ({
    id: key,
    name,
    fuses,
    threads,
    missing: missing(),
  }));
  console.log(JSON.stringify(list));
} else if (id === "examples") {
  console.log(JSON.stringify(listExamples()));
} else {
  const folder = given ?? makeConsumer();
  try {
    console.log(JSON.stringify(await work(folder)));
  } finally {
    if (!given) rmSync(folder, { recursive: true });
  }
}

function work(folder) {
  if (id === "flood") return flood.run(folder);
  if (id === "large") return large.run(folder);
  return id.startsWith("examples/") ? runExample(id.slice("examples/".length), folder) : reportOf(hosts[id], folder);
}

async function reportOf({ name, page, run, snippet }, folder) {
  const report = { name, ...(await run(folder)) };
  if (!snippet) return report;
  const { files, output } = readPage(page);
  return { ...report, snippet: { page, printed: await snippet(folder, files), expected: output } };
}

// Browsers and emulators leave handles behind.
process.exit();
