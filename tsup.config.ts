import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { defineConfig, type Options } from "tsup";

/**
 * jpeg-js asks for Node's Buffer where it is a CommonJS module, which it is in every bundle. It alone gets one: what the command
 * line bundles knows more of Buffer.
 */
const ownBuffer: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "buffer of jpeg-js",
  setup(build) {
    build.onLoad({ filter: /jpeg-js[\\/]lib[\\/]encoder\.js$/ }, async ({ path }) => ({
      contents: `const Buffer = { from: (bytes) => Uint8Array.from(bytes) };\n${asModule(await readFile(path, "utf8"))}`,
    }));
  },
};

/** A module of its own, which bundlers leave out where nobody asks for it: CommonJS is kept as a whole. */
function asModule(encoder: string): string {
  const exported = encoder.replace(
    /^if \(typeof module !== 'undefined'\) \{[\s\S]*?^\}\s*$/m,
    "export default encode;",
  );
  if (exported === encoder) throw new Error("jpeg-js exports its encoder in another way: mend tsup.config.ts.");
  // A script that speaks of `module` is CommonJS to bundlers, and what it exports is missed.
  return exported
    .replace("if (typeof module === 'undefined') return", "return")
    .replace("var btoa = btoa || function(buf) {", "const unusedBtoa = function(buf) {");
}

/**
 * Parts on demand that share code with what every page may load. A bundler moves what such a part shares into the files that all
 * pages load, whether they ask for the part or not: therefore these are bundled by themselves, with copies of what they share.
 */
const parts: Readonly<Record<string, string>> = {
  "channels-first-input": "src/compile/channels-first-input.ts",
  "combine-pieces": "src/compile/combine-pieces.ts",
  compounds: "src/compile/lowering/compounds.ts",
  "cut-selection": "src/compile/cut-selection.ts",
  "box-evidence": "src/attribution/box-evidence.ts",
  "data-url": "src/view/data-url.ts",
  "detector-head": "src/model/detector-head.ts",
  encode: "src/image/encode.ts",
  heads: "src/model/heads/heads.ts",
  "foreign-files": "src/onnx/foreign-files.ts",
  quantisation: "src/compile/quantised/quantisation.ts",
  reader: "src/tfjs/reader.ts",
  "lite-reader": "src/tflite/lite-reader.ts",
  loops: "src/compile/unroll-loops.ts",
  "spectral-clusters": "src/audit/spectral-clusters.ts",
  "why-empty": "src/attribution/why-empty.ts",
};
const fileOfPart = new Map(Object.entries(parts).map(([name, source]) => [resolve(source), `./${name}.js`]));

const partsApart: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "parts apart",
  setup(build) {
    build.onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      const file = kind === "dynamic-import" && fileOfPart.get(resolve(resolveDir, `${path}.ts`));
      return file ? { path: file, external: true } : undefined;
    });
  },
};

/** What is known by its class, and so must not be there twice. */
const known = ["src/errors.ts", "src/graph/ir.ts", "src/tensor.ts"].map((source) => resolve(source));

const lost = known.find((path) => !existsSync(path));
if (lost !== undefined) throw new Error(`tsup.config.ts names ${lost}, which is not there.`);

const identities: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "identities",
  setup(build) {
    build.onResolve({ filter: /^\./ }, ({ path, resolveDir }) =>
      known.includes(resolve(resolveDir, `${path}.ts`)) ? { path: "./identities.js", external: true } : undefined,
    );
  },
};

const library: Options = {
  // One entry per way of getting the kernels; package.json "exports" chooses among the first three.
  entry: {
    index: "src/index.ts",
    workerd: "src/workerd.ts",
    "edge-light": "src/edge-light.ts",
    slim: "src/slim.ts",
    pool: "src/pool.ts",
    "pool-workerd": "src/pool-workerd.ts",
    "pool-edge-light": "src/pool-edge-light.ts",
    cli: "src/cli/main.ts",
    "cli-worker": "src/cli/worker.ts",
    pictures: "src/view/pictures.ts",
    identities: "src/graph/identities.ts",
  },
  format: ["esm"],
  target: "es2022",
  platform: "neutral",
  outDir: "dist",
  // The entries share their code as chunks.
  splitting: true,
  dts: { entry: { index: "src/index.ts", slim: "src/slim.ts", pool: "src/pool.ts" } },
  // Workers and edge hosts compile these imports at deployment.
  external: [/^node:/, /\.wasm(\?module)?$/],
  // What the library uses is a dev dependency and becomes part of it, so that a page can load it without a bundler or an
  // import map. The two dependencies of package.json are the command line's.
  removeNodeProtocol: false,
  esbuildPlugins: [ownBuffer, partsApart],
  metafile: true,
};

/** Both bundles write a metafile of one name, so the parts' gets another: the licences of what they alone bundle are found by it. */
const reported: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "what parts bundle",
  setup(build) {
    build.onEnd(({ metafile }) => writeFile("build/metafile-parts.json", JSON.stringify(metafile)));
  },
};

const onDemand: Options = {
  ...library,
  entry: parts,
  dts: false,
  metafile: false,
  esbuildPlugins: [ownBuffer, identities, reported],
};

// One file without imports: it can be copied anywhere, and Vite bundles workers as classic scripts, which have none.
const worker: Options = {
  ...library,
  entry: { "pool-worker": "src/pool-worker.ts", "kernel-thread": "src/kernel-thread.ts" },
  splitting: false,
  dts: false,
  metafile: false,
  esbuildPlugins: [ownBuffer],
  // Without white space the words would go that keep webpack away from what only Node imports.
  esbuildOptions(options) {
    options.minifySyntax = true;
    options.minifyIdentifiers = true;
  },
};

export default defineConfig([library, onDemand, worker]);
