// Writes the README's table of runtimes from the reports that runtimes.test.ts left in build/. A runtime that did not run
// on this machine keeps its version and its time; its bits are checked where it runs.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hosts } from "./hosts/index.mjs";

const at = (path) => new URL(path, import.meta.url);
const readme = readFileSync(at("../../README.md"), "utf8");
const { all } = JSON.parse(readFileSync(at("digests.json"), "utf8"));
const between = /(?<=<!-- runtimes -->\n)[\s\S]*?(?=<!-- \/runtimes -->)/;

const known = Object.fromEntries(
  (between.exec(readme)?.[0] ?? "").split("\n").map((line) => {
    const [, name, version, , coldStart] = line.split("|").map((cell) => cell.trim());
    return [/\[(.*)\]/.exec(name)?.[1], { version, coldStart }];
  }),
);
const rows = Object.entries(hosts).map(([id, { name, page }]) => {
  const report = at(`build/${id}.json`);
  const found = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined;
  if (!found && !known[name]) throw new Error(`${name} never ran here: node test/runtimes/run.mjs ${id}`);
  if (found && found.digests.all !== all) throw new Error(`${name} gave other bits: ${found.digests.all}, not ${all}`);
  const version = found?.version ?? known[name].version;
  const coldStart = !found ? known[name].coldStart : found.coldStart ? String(Math.round(found.coldStart)) : "";
  return `| [${name}](docs/runtimes/${page}) | ${version} | \`${all.slice(0, 8)}\` | ${coldStart} | yes |\n`;
});
const head = "| runtime | version | bits | cold start, ms | passed |\n|---|---|---|---|---|\n";
writeFileSync(at("../../README.md"), readme.replace(between, head + rows.join("")));
