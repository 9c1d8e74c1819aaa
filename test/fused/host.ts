import { readFileSync } from "node:fs";
import { packagedFile } from "../runtimes/hosts/programs.mjs";

export const fusedBytes = readFileSync("build/kernels-fused.wasm");

/** Told without the library: the processors of these tests fuse where the engine compiles relaxed SIMD. */
export const hostFuses = WebAssembly.validate(fusedBytes);

if (!hostFuses) {
  console.log(
    `Node ${process.versions.node} has no relaxed SIMD: what fused kernels compute is tested in the newest Node, test/fused/newest-node.test.ts`,
  );
}

const section = (id: number, ...bytes: readonly number[]): number[] => [id, bytes.length, ...bytes];
const text = (word: string): number[] =>
  [word.length, ...word].map((part) => (typeof part === "string" ? part.charCodeAt(0) : part));

/** A module whose `probe(x, w, a)` is a + x·w, the product rounded: (func (param f32 f32 f32) (result f32) …). */
export const unfused = Uint8Array.from([
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...section(1, 1, 0x60, 3, 0x7d, 0x7d, 0x7d, 1, 0x7d),
  ...section(3, 1, 0),
  ...section(7, 1, ...text("probe"), 0, 0),
  ...section(10, 1, 10, 0, 0x20, 0, 0x20, 1, 0x94, 0x20, 2, 0x92, 0x0b),
]);

/** The newest Node, where it is installed. */
export const newestNode = (): string | undefined => packagedFile("", "node-linux-", "bin/node");
