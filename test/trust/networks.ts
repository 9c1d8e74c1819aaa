import { readFileSync } from "node:fs";
import { decodeImage, type ImageLike, type Model, Tensor } from "../../src/index";
import { floats, randomFloats, randomIntegers } from "../graph/build";
import { modelOf } from "../visualize/networks";

/** Score k = Σ w_k · x over an input [1, H, W, C]: everything about it is known. */
export async function linearModel(
  [h, w, c]: readonly [number, number, number],
  classes = 1,
  options: { readonly labels?: readonly string[] } = {},
): Promise<{ model: Model; weights: Float64Array[] }> {
  const flat = randomFloats(randomIntegers(5), [classes, c * h * w]).floats();
  const model = await modelOf([1, c, h, w], {
    nodes: [
      ["Flatten", ["image"], ["flat"]],
      ["Gemm", ["flat", "weights"], ["logits"], { transB: 1 }],
    ],
    constants: { weights: floats([classes, c * h * w], flat) },
    ...options,
  });
  // The file's order is channels first, a Tensor's is channels last.
  const weights = Array.from({ length: classes }, (_, k) =>
    Float64Array.from({ length: h * w * c }, (_, i) => flat[k * c * h * w + (i % c) * h * w + Math.floor(i / c)]),
  );
  return { model, weights };
}

export const randomTensor = (shape: readonly number[], seed = 1): Tensor =>
  new Tensor(randomFloats(randomIntegers(seed), shape).floats(), shape);

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

export const scene = (name: string): Promise<ImageLike> => decodeImage(readFileSync(`examples/images/${name}.png`));
