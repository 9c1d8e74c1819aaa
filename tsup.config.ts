import { defineConfig } from "tsup";

export default defineConfig({
  entry: { index: "src/index.ts", cli: "src/cli/main.ts" },
  format: ["esm"],
  target: "es2022",
  platform: "neutral",
  outDir: "dist",
  // The command line and the library share their code as chunks.
  splitting: true,
  dts: { entry: { index: "src/index.ts" } },
  // `#…` is resolved by package.json "imports", so that every entry shares one module.
  external: [/^#/, /^node:/],
  noExternal: ["@assemblyscript/loader"],
});
