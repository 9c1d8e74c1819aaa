import { readFileSync } from "node:fs";

const tiles = 4096;

export interface Peak {
  /** Floating-point operations of one call. */
  readonly flops: number;
  run(): void;
}

/**
 * The most this machine's wasm can multiply and add in one thread (bench/assembly/peak.ts).
 *
 * @param wasm  the compiled loop
 */
export async function peakLoop(wasm: URL): Promise<Peak> {
  // At once: Node from 24 on does not wait for a compilation.
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(wasm)), {});
  const { peak } = instance.exports as { peak: (tiles: number) => number };
  return { flops: peak(tiles), run: () => peak(tiles) };
}

/** Where the bench script puts it. */
export const peakModule = new URL("./peak.wasm", import.meta.url);
