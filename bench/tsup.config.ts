import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    run: "bench/run.ts",
    "cold-start": "bench/cold-start.ts",
    "cold-start-child": "bench/cold-start-child.ts",
    profile: "bench/profile.ts",
    occlusion: "bench/occlusion/run.ts",
    search: "bench/search/run.ts",
    "search-child": "bench/search/child.ts",
    folders: "bench/folders/run.ts",
    int8: "bench/int8/run.ts",
  },
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
