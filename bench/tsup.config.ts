import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["bench/run.ts", "bench/cold-start.ts", "bench/cold-start-child.ts", "bench/profile.ts"],
  outDir: "bench/build",
  format: ["esm"],
  target: "node20",
  splitting: true,
  clean: true,
  // The library is measured as it is shipped, the peers as they are installed.
  external: [/dist\/index\.js$/],
  skipNodeModulesBundle: true,
  // Only the package's source has the gradients. Its registry is global, so this copy of the source fills that of the package.
  noExternal: [/register_all_gradients/, /^#/],
});
