// The folders of examples/ that need another runtime than Node: their files run as they are, and print what their README says.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { browserHosts } from "./browsers.mjs";
import { cloudflareHosts, runWorker } from "./cloudflare.mjs";
import { edgeHosts } from "./edge.mjs";
import { scriptHosts } from "./scripts.mjs";

/** How each is run in a folder made by pack.mjs. */
const runs = {
  deno: { host: scriptHosts.deno, print: (folder, files) => scriptHosts.deno.snippet(folder, files) },
  bun: { host: scriptHosts.bun, print: (folder, files) => scriptHosts.bun.snippet(folder, files) },
  edge: { host: edgeHosts.edge, print: (folder, files) => edgeHosts.edge.snippet(folder, files) },
  "cloudflare-worker": {
    host: cloudflareHosts.workerd,
    async print(folder, files) {
      for (const [file, code] of Object.entries(files)) writeFileSync(join(folder, file), code);
      const lines = await runWorker(folder, "suite/cloudflare-example.mjs", ["photo.png"]);
      return lines.map(({ text }) => `${text}\n`).join("");
    },
  },
  "browser-module": {
    host: browserHosts.chromium,
    print: (folder, files) => browserHosts.chromium.plainPage(folder, files),
  },
};

const folderOf = (name) => new URL(`../../../examples/${name}/`, import.meta.url);

/** `{ id, name, missing }` of each, as hosts have them. */
export const listExamples = () =>
  Object.entries(runs).map(([id, { host }]) => ({ id, name: `examples/${id}`, missing: host.missing() }));

/** @returns what an example printed, and what its README says it prints */
export async function runExample(id, folder) {
  const names = readdirSync(folderOf(id)).filter((name) => /\.(js|mjs|html)$/.test(name));
  const files = Object.fromEntries(names.map((name) => [name, readFileSync(new URL(name, folderOf(id)), "utf8")]));
  const [, expected] = /```text\n([\s\S]*?)```/.exec(readFileSync(new URL("README.md", folderOf(id)), "utf8"));
  return { printed: await runs[id].print(folder, files), expected };
}
