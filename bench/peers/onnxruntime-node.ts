import { env, InferenceSession, Tensor } from "onnxruntime-node";
import type { Engine } from "./engine";

/** ONNX Runtime as native code with the widest vectors of the machine: what wasm cannot reach. It has no gradients. */
const engineOf = (name: string, threads: number): Engine => ({
  name,
  version: env.versions.node ?? env.versions.common,
  layout: "nchw",
  prepare: async (bytes) => {
    const session = await InferenceSession.create(bytes, {
      executionProviders: ["cpu"],
      graphOptimizationLevel: "all",
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
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

export const engine = engineOf("ort-native", 1);

/** The same on two cores. */
export const threadedEngine = engineOf("ort-native-2", 2);
