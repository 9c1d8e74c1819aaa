import { loadModel, saliency, Tensor, version } from "../../dist/index.js";
import type { BenchInput, Engine } from "./engine";

const tensor = ({ shape, nhwc }: BenchInput): Tensor => {
  const [n, c, h, w] = shape;
  return new Tensor(nhwc, shape.length === 4 ? [n, h, w, c] : shape);
};

/** This library, as it is shipped, through its public functions. */
const engineOf = (name: string, arithmetic: "plain" | "fused"): Engine => ({
  name,
  version,
  layout: "nhwc",
  prepare: async (bytes) => {
    const model = await loadModel(bytes, { arithmetic });
    return {
      forward: async (input) => (await model.run(tensor(input))).output.data,
      gradient: async (input, target) => (await saliency(model, tensor(input), { target })).values.data,
      dispose: () => model.dispose(),
    };
  },
});

export const engine = engineOf("seethrough", "plain");

/** The same with fused arithmetic, where the host has it: not in Node 20. */
export const fusedEngine = engineOf("seethrough-fused", "fused");
