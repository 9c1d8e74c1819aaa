// Compiles assembly/ to build/kernels.wasm, unless the module there was made of the same sources by the same compiler.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const target = "build/kernels.wasm";
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

export function buildKernels() {
  const sources = sourcesHash();
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === `${sources} ${hashOf(target)}`) return;
  execFileSync("node_modules/.bin/asc", ["--config", "asconfig.json", "--target", "simd"], { stdio: "inherit" });
  writeFileSync(stamp, `${sources} ${hashOf(target)}`);
}
