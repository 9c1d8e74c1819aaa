import { env, InferenceSession, Tensor } from "onnxruntime-web";
import type { Engine } from "./engine";

/** ONNX Runtime compiled to wasm with SIMD. It has no gradients. */
const engineOf = (name: string, threads: number): Engine => ({
  name,
  version: env.versions.web ?? env.versions.common,
  layout: "nchw",
  prepare: async (bytes) => {
    env.wasm.numThreads = threads;
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
});

export const engine = engineOf("ort-web", 1);

/** The same on two cores. The module is one for all sessions of a process, so a run has one of the two. */
export const threadedEngine = engineOf("ort-web-2", 2);
