import { pathToFileURL } from "node:url";
import * as library from "../../dist/index.js";
import type { BenchInput, Engine } from "./engine";

type Library = Pick<typeof library, "loadModel" | "saliency" | "Tensor" | "version">;

/** This library, as it is shipped, through its public functions. */
const engineOf = (
  name: string,
  options: { readonly arithmetic?: "fused"; readonly threads?: number } = {},
  { loadModel, saliency, Tensor, version }: Library = library,
): Engine => {
  const tensor = ({ shape, nhwc }: BenchInput): library.Tensor => {
    const [n, c, h, w] = shape;
    return new Tensor(nhwc, shape.length === 4 ? [n, h, w, c] : shape);
  };
  return {
    name,
    version,
    layout: "nhwc",
    prepare: async (bytes) => {
      const model = await loadModel(bytes, options);
      return {
        forward: async (input) => (await model.run(tensor(input))).output.data,
        gradient: async (input, target) => (await saliency(model, tensor(input), { target })).values.data,
        dispose: () => model.dispose(),
      };
    },
  };
};

export const engine = engineOf("seethrough");

/** The same with fused arithmetic, where the host has it: not in Node 20. */
export const fusedEngine = engineOf("seethrough-fused", { arithmetic: "fused" });

/** The same on two cores. */
export const threadedEngine = engineOf("seethrough-2", { threads: 2 });

/** Both. */
export const fusedThreadedEngine = engineOf("seethrough-fused-2", { arithmetic: "fused", threads: 2 });

/** Another build of this library: the folder that holds its `index.js`. */
export const buildEngine = async (folder: string): Promise<Engine> =>
  engineOf("against", {}, (await import(pathToFileURL(`${folder}/index.js`).href)) as Library);
