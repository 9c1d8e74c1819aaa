import { readFileSync } from "node:fs";
import type { Engine } from "./engine";

/** The engines by name, loaded when asked for: a cold start must not pay for the others. */
export const engines: Readonly<Record<string, () => Promise<Engine>>> = {
  seethrough: async () => (await import("./seethrough")).engine,
  "seethrough-fused": async () => (await import("./seethrough")).fusedEngine,
  "seethrough-2": async () => (await import("./seethrough")).threadedEngine,
  "seethrough-fused-2": async () => (await import("./seethrough")).fusedThreadedEngine,
  "ort-web": async () => (await import("./onnxruntime-web")).engine,
  "tfjs-wasm": async () => (await import("./tfjs-wasm")).engine,
  "ort-native": async () => (await import("./onnxruntime-node")).engine,
  "ort-web-2": async () => (await import("./onnxruntime-web")).threadedEngine,
  "tfjs-wasm-2": async () => (await import("./tfjs-wasm")).threadedEngine,
  "ort-native-2": async () => (await import("./onnxruntime-node")).threadedEngine,
};

const fuses = WebAssembly.validate(readFileSync(new URL("../../dist/kernels-fused.wasm", import.meta.url)));

/** What runs where nothing else is asked for: all engines of one thread, fused arithmetic where this Node has it. */
export const usualEngines = Object.keys(engines).filter(
  (name) => !name.endsWith("-2") && (fuses || name !== "seethrough-fused"),
);

/** Peers that have one module for the whole process: with one thread or with two, not both in one run. */
export const checkTogether = (names: readonly string[]): void => {
  for (const name of ["ort-web", "tfjs-wasm"]) {
    if (names.includes(name) && names.includes(`${name}-2`)) {
      throw new Error(
        `--engines: ${name} and ${name}-2 share one module, whose threads are set once. Measure them in two runs.`,
      );
    }
  }
};
