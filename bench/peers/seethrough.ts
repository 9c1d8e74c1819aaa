import { loadModel, saliency, Tensor, version } from "../../dist/index.js";
import type { BenchInput, Engine } from "./engine";

const tensor = ({ shape, nhwc }: BenchInput): Tensor => {
  const [n, c, h, w] = shape;
  return new Tensor(nhwc, shape.length === 4 ? [n, h, w, c] : shape);
};

/** This library, as it is shipped, through its public functions. */
export const engine: Engine = {
  name: "seethrough",
  version,
  layout: "nhwc",
  prepare: async (bytes) => {
    const model = await loadModel(bytes);
    return {
      forward: async (input) => (await model.run(tensor(input))).output.data,
      gradient: async (input, target) => (await saliency(model, tensor(input), { target })).values.data,
      dispose: () => model.dispose(),
    };
  },
};
