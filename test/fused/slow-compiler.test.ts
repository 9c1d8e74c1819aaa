import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { newestNode } from "./host";

/** Node from 24 on ends a program that waits for nothing but a compilation; with these flags compiling takes long enough to see it. */
it("a program that only loads a network is not ended before its kernels are compiled", async () => {
  const code = `const { loadModel } = await import("./dist/index.js");
    const { default: bytes } = await import("./dist/default-model.js");
    const models = [await loadModel(bytes), await loadModel(bytes, { arithmetic: "fastest" })];
    console.log(models.map(({ name }) => name).join(" "));`;
  const flags = ["--no-liftoff", "--no-wasm-lazy-compilation", "--input-type=module", "-e", code];
  const { stdout } = await promisify(execFile)(newestNode() ?? process.execPath, flags);
  expect(stdout.trim().split(" ")).toHaveLength(2);
});
