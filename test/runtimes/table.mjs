// Writes the README's table of runtimes from the reports that runtimes.test.ts left in build/. A runtime that did not run
// on this machine keeps its version and its time; its bits are checked where it runs.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hosts } from "./hosts/index.mjs";

const at = (path) => new URL(path, import.meta.url);
const readme = readFileSync(at("../../README.md"), "utf8");
const [all, allFused] = ["digests.json", "fused-digests.json"].map(
  (file) => JSON.parse(readFileSync(at(file), "utf8")).all,
);
const between = /(?<=<!-- runtimes -->\n)[\s\S]*?(?=<!-- \/runtimes -->)/;

const short = (digest) => `\`${digest.slice(0, 8)}\``;

const known = Object.fromEntries(
  (between.exec(readme)?.[0] ?? "").split("\n").map((line) => {
    const [, name, version, , , coldStart] = line.split("|").map((cell) => cell.trim());
    return [/\[(.*)\]/.exec(name)?.[1], { version, coldStart }];
  }),
);
const rows = Object.entries(hosts).map(([id, { name, page, fuses }]) => {
  const report = at(`build/${id}.json`);
  const found = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : undefined;
  if (!found && !known[name]) throw new Error(`${name} never ran here: node test/runtimes/run.mjs ${id}`);
  if (found && found.digests.all !== all) throw new Error(`${name} gave other bits: ${found.digests.all}, not ${all}`);
  const given = found?.fused.digests?.all;
  if (found && given !== (fuses ? allFused : undefined)) throw new Error(`${name} gave other fused bits: ${given}`);
  const version = found?.version ?? known[name].version;
  const coldStart = !found ? known[name].coldStart : found.coldStart ? String(Math.round(found.coldStart)) : "";
  return `| [${name}](docs/runtimes/${page}) | ${version} | ${short(all)} | ${fuses ? short(allFused) : ""} | ${coldStart} | yes |\n`;
});
const head = "| runtime | version | bits | fused | cold start, ms | passed |\n|---|---|---|---|---|---|\n";
writeFileSync(at("../../README.md"), readme.replace(between, head + rows.join("")));
