import { readFile } from "node:fs/promises";
import { defineConfig, type Options } from "tsup";

/**
 * jpeg-js asks for Node's Buffer where it is a CommonJS module, which it is in every bundle. It alone gets one: what the command
 * line bundles knows more of Buffer.
 */
const ownBuffer: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "buffer of jpeg-js",
  setup(build) {
    build.onLoad({ filter: /jpeg-js[\\/]lib[\\/]encoder\.js$/ }, async ({ path }) => ({
      contents: `const Buffer = { from: (bytes) => Uint8Array.from(bytes) };\n${await readFile(path, "utf8")}`,
    }));
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
    pictures: "src/view/pictures.ts",
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
  esbuildPlugins: [ownBuffer],
  metafile: true,
};

// One file without imports: it can be copied anywhere, and Vite bundles workers as classic scripts, which have none.
const worker: Options = {
  ...library,
  entry: { "pool-worker": "src/pool-worker.ts" },
  splitting: false,
  dts: false,
  metafile: false,
  // Without white space the words would go that keep webpack away from what only Node imports.
  esbuildOptions(options) {
    options.minifySyntax = true;
    options.minifyIdentifiers = true;
  },
};

export default defineConfig([library, worker]);
