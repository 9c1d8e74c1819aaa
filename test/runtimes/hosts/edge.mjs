// Vercel's edge functions: their sandbox with code generation off, as in production.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { fromNpm, packagedFile } from "./programs.mjs";

const require = createRequire(import.meta.url);
const manifest = () => packagedFile("@edge-runtime", "vm", "package.json");

/** Bundlers of edge functions turn `file.wasm?module` into a module that the host has compiled. */
const wasmModules = (found) => ({
  name: "wasm-modules",
  setup(build) {
    build.onResolve({ filter: /\.wasm\?module$/ }, async ({ path, resolveDir, kind }) => {
      const file = await build.resolve(path.replace("?module", ""), { resolveDir, kind });
      return { path: file.path, namespace: "wasm-module" };
    });
    build.onLoad({ filter: /.*/, namespace: "wasm-module" }, ({ path }) => {
      const name = `wasm${Object.keys(found).length}`;
      found[name] = new WebAssembly.Module(readFileSync(path));
      return { contents: `export default globalThis.${name};` };
    });
  },
});

/** Runs a script in the sandbox. @returns its global `report`, and the time from the new sandbox to its first result */
async function evaluate(folder, entry, globals) {
  const modules = {};
  const out = await bundle(folder, "edge", [entry], {
    format: "iife",
    conditions: ["edge-light", "worker", "browser"],
    plugins: [wasmModules(modules)],
  });
  const { EdgeVM } = require("@edge-runtime/vm");
  const script = readFileSync(
    join(
      out,
      entry
        .split("/")
        .at(-1)
        .replace(/\.mjs$/, ".js"),
    ),
    "utf8",
  );
  const started = performance.now();
  let coldStart;
  const firstResult = () => {
    coldStart = performance.now() - started;
  };
  const sandbox = new EdgeVM({
    codeGeneration: { strings: false, wasm: false },
    extend: (context) => Object.assign(context, modules, globals, { firstResult }),
  });
  sandbox.evaluate(script);
  const report = await sandbox.evaluate("report");
  return { report, coldStart };
}

export const edgeHosts = {
  edge: {
    name: "Vercel Edge (EdgeVM)",
    fuses: false,
    page: "vercel-edge.md",
    missing: () => (manifest() ? undefined : fromNpm),
    async run(folder) {
      const { version } = JSON.parse(readFileSync(manifest(), "utf8"));
      const { report, coldStart } = await evaluate(folder, "suite/edge.mjs");
      return { version, digests: report.digests, fused: report.fused, coldStart };
    },
    async snippet(folder, files) {
      for (const [file, code] of Object.entries(files)) writeFileSync(join(folder, file), code);
      const photo = readFileSync(join(folder, "photo.png"));
      return (await evaluate(folder, "suite/edge-request.mjs", { photo })).report;
    },
  },
};
