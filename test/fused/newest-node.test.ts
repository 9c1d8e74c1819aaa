import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { fromNpm } from "../runtimes/hosts/programs.mjs";
import { hostFuses, newestNode } from "./host";

/**
 * The fused kernels run where the engine has relaxed SIMD, which Node 20 has not: these tests run in the newest Node. In vitest's mode
 * "fused" its kernels take the place of the plain ones, and what is true of those has to be true of them.
 */
const suites = {
  "fused arithmetic beside plain": ["test/fused/arithmetic.test.ts", "test/fused/networks.test.ts"],
  "fused arithmetic in a pool": ["test/pool/pool.test.ts", "-t", "arithmetic: "],
  "the kernels against plain loops, and adjoint": ["--mode", "fused", "test/kernels", "test/operation/convolution"],
  "operators against onnxruntime": ["--mode", "fused", "test/operators/convolutional-networks.test.ts"],
  "goldens, and occlusion by parts": [
    ...["--mode", "fused", "test/reference/goldens.test.ts", "test/explain/occlusion-engines.test.ts"],
  ],
};
const timeout = 900_000;

for (const [name, args] of Object.entries(suites)) {
  it(`${name}, in the newest Node`, { timeout }, async ({ skip }) => {
    const node = hostFuses ? process.execPath : newestNode();
    if (node === undefined) {
      const reason = `a Node with relaxed SIMD is not installed; to run the fused kernels: ${fromNpm}`;
      if (process.env.SEETHROUGH_RUNTIMES === "all") throw new Error(reason);
      console.log(`skipped: ${reason}`);
      skip(reason);
      return;
    }
    const { VITEST: _, ...env } = process.env;
    const run = promisify(execFile)(node, ["node_modules/vitest/vitest.mjs", "run", ...args], {
      env: { ...env, NO_COLOR: "1" },
      maxBuffer: 2 ** 26,
      timeout,
    });
    const { stdout } = await run.catch((error) => {
      throw new Error(`${error.message}\n${error.stdout ?? ""}\n${error.stderr ?? ""}`);
    });
    const [, passed, failed] = /(\d+) passed, (\d+) failed, \d+ skipped\s*$/.exec(stdout.trim()) ?? [];
    expect(Number(failed), stdout).toBe(0);
    expect(Number(passed), stdout).toBeGreaterThan(0);
    for (const line of stdout.split("\n").filter((each) => each.includes("of the largest output"))) console.log(line);
  });
}
