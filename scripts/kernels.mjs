// Compiles assembly/ to build/kernels.wasm and, with fused arithmetic, to build/kernels-fused.wasm, unless the modules there
// were made of the same sources by the same compiler.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

/** The targets of asconfig.json, what each is made of, and the module it makes. */
const targets = [
  { target: "simd", entry: "assembly/index.ts", module: "build/kernels.wasm" },
  { target: "fused", entry: "assembly/fused.ts", module: "build/kernels-fused.wasm" },
];
const modules = targets.map(({ module }) => module);
const stamp = "build/kernels.sources";

function sourcesHash() {
  const sources = readdirSync("assembly", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath}/${name}`)
    .sort();
  const hash = createHash("sha256");
  for (const path of [...sources, "asconfig.json", "node_modules/assemblyscript/package.json"]) {
    hash.update(`${path}\0`).update(readFileSync(path)).update("\0");
  }
  return hash.digest("hex");
}

const hashOf = (path) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** What the modules were made of, and what they are. */
const stampOf = (sources) => [sources, ...modules.map(hashOf)].join(" ");

export function buildKernels() {
  const sources = sourcesHash();
  if ([...modules, stamp].every((path) => existsSync(path)) && readFileSync(stamp, "utf8") === stampOf(sources)) return;
  for (const { target, entry } of targets) {
    execFileSync("node_modules/.bin/asc", [entry, "--config", "asconfig.json", "--target", target], {
      stdio: "inherit",
    });
  }
  writeFileSync(stamp, stampOf(sources));
}
