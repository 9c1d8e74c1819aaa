import { env, InferenceSession, Tensor } from "onnxruntime-web";
import type { Engine } from "./engine";

/** ONNX Runtime compiled to wasm with SIMD. It has no gradients. */
export const engine: Engine = {
  name: "ort-web",
  version: env.versions.web ?? env.versions.common,
  layout: "nchw",
  prepare: async (bytes) => {
    env.wasm.numThreads = 1;
    env.logLevel = "error";
    const session = await InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    });
    const [input] = session.inputNames;
    const [output] = session.outputNames;
    return {
      forward: async ({ nchw, shape }) => {
        const results = await session.run({ [input]: new Tensor("float32", nchw, shape) });
        return results[output].data as Float32Array;
      },
      dispose: () => session.release(),
    };
  },
};
