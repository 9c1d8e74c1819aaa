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
};

const fuses = WebAssembly.validate(readFileSync(new URL("../../dist/kernels-fused.wasm", import.meta.url)));

/** What runs where nothing else is asked for: all engines of one thread, fused arithmetic where this Node has it. */
export const usualEngines = Object.keys(engines).filter(
  (name) => !name.endsWith("-2") && (fuses || name !== "seethrough-fused"),
);
