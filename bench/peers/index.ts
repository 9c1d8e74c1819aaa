import type { Engine } from "./engine";

/** The engines by name, loaded when asked for: a cold start must not pay for the others. */
export const engines: Readonly<Record<string, () => Promise<Engine>>> = {
  seethrough: async () => (await import("./seethrough")).engine,
  "ort-web": async () => (await import("./onnxruntime-web")).engine,
  "tfjs-wasm": async () => (await import("./tfjs-wasm")).engine,
  "ort-native": async () => (await import("./onnxruntime-node")).engine,
};
