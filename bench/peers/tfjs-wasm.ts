import { createRequire } from "node:module";
import { dirname } from "node:path";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { foldBatchNorm } from "../../src/compile/fold-batch-norm";
import { removeNoOps } from "../../src/compile/remove-no-ops";
import { specialise } from "../../src/compile/specialise";
import { readOnnx } from "../../src/onnx/reader";
import type { BenchInput, Engine } from "./engine";
import { TfjsNetwork } from "./tfjs-network";

/** TensorFlow.js on its wasm backend. The network is built from the ONNX file op by op, batch norms folded, ops fused. */
const engineOf = (name: string, threads: number): Engine => ({
  name,
  version: tf.version_core,
  layout: "nhwc",
  prepare: async (bytes) => {
    await start(threads);
    const graph = removeNoOps(specialise(readOnnx(bytes), new Map()));
    const folded = foldBatchNorm(graph, new Set(graph.outputs));
    const forward = new TfjsNetwork(folded, "fused");
    // Fused layers ask for the gradient of their weights, which the wasm backend does not have.
    let differentiable: TfjsNetwork | undefined;
    return {
      forward: async (input) => {
        const y = forward.run(tensor(input));
        const data = await y.data();
        y.dispose();
        return data as Float32Array;
      },
      gradient: async (input, target) => {
        await import("@tensorflow/tfjs-core/dist/register_all_gradients");
        differentiable ??= new TfjsNetwork(folded, "plain");
        const network = differentiable;
        const score = (x: tf.Tensor): tf.Scalar => tf.reshape(tf.slice(network.run(x), [0, target], [1, 1]), []);
        const dx = tf.tidy(() => tf.grad(score)(tensor(input)));
        const data = await dx.data();
        dx.dispose();
        return data as Float32Array;
      },
      dispose: () => {
        forward.dispose();
        differentiable?.dispose();
      },
    };
  },
});

export const engine = engineOf("tfjs-wasm", 1);

/** The same on two cores. The backend is one for the process, so a run has one of the two. */
export const threadedEngine = engineOf("tfjs-wasm-2", 2);

const tensor = ({ shape, nhwc }: BenchInput): tf.Tensor => {
  const [n, c, h, w] = shape;
  return tf.tensor(nhwc, shape.length === 4 ? [n, h, w, c] : [...shape]);
};

async function start(threads: number): Promise<void> {
  if (tf.getBackend() === "wasm") return;
  const entry = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(`${dirname(entry)}/`);
  setThreadsCount(threads);
  await tf.setBackend("wasm");
  await tf.ready();
}
