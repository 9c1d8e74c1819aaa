import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { configDefaults, defineConfig } from "vitest/config";
import { CountReporter } from "./test/count-reporter.ts";
import { longSuites } from "./test/suites.ts";

const long = Object.keys(longSuites);
const lost = long.find((path) => !existsSync(path));
if (lost !== undefined) throw new Error(`test/suites.ts names ${lost}, which is not there.`);

/** The tests with the kernels of fused arithmetic in the place of the others, on a host that fuses: see test/fused.test.ts. */
const fusedKernels = {
  name: "fused kernels",
  enforce: "pre" as const,
  resolveId: (id: string) =>
    id.endsWith("/generated/kernels.js") ? resolve("src/generated/kernels-fused.js") : undefined,
};

/** `vitest run --mode long` runs the long suites alone, `--mode all` every one; without a mode, or with files named, see test/suites.ts. */
export default defineConfig(({ mode }) => {
  const isNamed = process.argv.slice(2).some((word) => /(^|\/)test(\/|$)/.test(word));
  const leftOut = mode === "test" && !isNamed ? long : [];
  return {
    plugins: mode === "fused" ? [fusedKernels] : [],
    test: {
      include: mode === "long" ? long : ["test/**/*.test.ts"],
      exclude: [...configDefaults.exclude, ...leftOut],
      // By default one processor is left to itself, and of two that is half.
      maxWorkers: "100%",
      // Files of the quick suite share a worker's modules: to load the source and compile the kernels anew for each was a third of
      // the whole. The long suites end their workers, and measure memory.
      isolate: mode !== "test",
      testTimeout: 120_000,
      hookTimeout: 120_000,
      reporters: ["default", new CountReporter(leftOut)],
    },
  };
});
