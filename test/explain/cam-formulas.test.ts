import { readFileSync } from "node:fs";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, it } from "vitest";
import {
  type Attribution,
  ablationCam,
  cam,
  decodeImage,
  eigenCam,
  gradCam,
  gradCamPlusPlus,
  hiResCam,
  layerCam,
  loadModel,
  type Model,
  saliency,
  scoreCam,
  Tensor,
  xGradCam,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";
import { type TransformerParts, transformer } from "../graph/transformer";
import { difference } from "../reference/goldens";

const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const petshop = await loadModel();
const flatten = await loadModel(new Uint8Array(readFileSync("models/petshop-flatten.onnx")));

interface Case {
  readonly model: Model;
  readonly x: Tensor;
  readonly layer: string;
  readonly target: number;
  /** Of tokens: how many places there are, and where in the layer's Tensor a channel of one is. */
  readonly tokens?: {
    readonly channels: number;
    readonly places: number;
    readonly at: (k: number, place: number) => number;
  };
}

const random = randomIntegers(5);
const numbers = (count: number): number[] => Array.from(randomFloats(random, [count]).floats());

/** A network without pooling at the end, on images or signals: its gradient differs from place to place. */
async function small(spatial: readonly number[]): Promise<Case> {
  const places = spatial.reduce((a, b) => a * b, 1);
  const inner = spatial.map((extent) => extent - 1);
  const innerPlaces = inner.reduce((a, b) => a * b, 1);
  const model = await loadModel(
    writeOnnx(
      graphOf({
        inputs: { x: [1, 2, ...spatial] },
        constants: {
          w: floats([5, 2, ...spatial.map(() => 2)], numbers(10 * 2 ** spatial.length)),
          b: floats([5], numbers(5)),
          head: floats([5 * innerPlaces, 3], numbers(15 * innerPlaces)),
          second: floats([3, 2], numbers(6)),
        },
        nodes: [
          ["Conv", ["x", "w", "b"], ["c"]],
          ["Relu", ["c"], ["maps"]],
          ["Flatten", ["maps"], ["f"]],
          ["Gemm", ["f", "head"], ["h"]],
          ["Tanh", ["h"], ["t"]],
          ["Gemm", ["t", "second"], ["y"]],
        ],
      }),
    ),
  );
  const data = Float32Array.from(numbers(2 * places));
  const x =
    spatial.length === 2 ? Tensor.fromNCHW(data, [1, 2, spatial[0], spatial[1]]) : new Tensor(data, [1, 2, places]);
  return { model, x, layer: "maps", target: 1 };
}

/** A transformer of 3×4 patches, looked at in a layer of tokens `[1, T, 6]`. */
async function tokens(
  layer: string,
  parts: Omit<TransformerParts, "grid">,
  grid: [number, number] = [3, 4],
): Promise<Case> {
  const [rows, columns] = grid;
  const model = await loadModel(writeOnnx(transformer({ grid, ...parts })));
  const x = new Tensor(Float32Array.from(numbers(12 * rows * columns)), [1, 2 * rows, 2 * columns, 3]);
  const at = (k: number, place: number): number => ((parts.inFront ?? 0) + place) * 6 + k;
  return { model, x, layer, target: 1, tokens: { channels: 6, places: rows * columns, at } };
}

/** The attention output of a block in windows of 2×2, [windows, 4, 6]. */
async function windows(kind: "windows" | "shifted"): Promise<Case> {
  const found = await tokens("block0_out", { blocks: [kind, "all"], head: "mean" }, [4, 6]);
  const layer = found.model.layers.filter(({ shape }) => shape.join() === "6,4,6").at(-1)?.name as string;
  const shift = Number(kind === "shifted");
  const at = (k: number, place: number): number => {
    const [y, x] = [(Math.floor(place / 6) - shift + 4) % 4, ((place % 6) - shift + 6) % 6];
    const window = (y >> 1) * 3 + (x >> 1);
    return (window * 4 + (y % 2) * 2 + (x % 2)) * 6 + k;
  };
  return { ...found, layer, tokens: { channels: 6, places: 24, at } };
}

const cases: Record<string, Case> = {
  "tokens behind a class token": await tokens("norm1", { inFront: 1, blocks: ["all", "all"], head: "first" }),
  "tokens between two in front and one behind": await tokens("norm1", {
    inFront: 2,
    behind: 1,
    blocks: ["all", "all"],
    norm: "pieces",
    head: "first",
  }),
  "tokens alone, cut out of the picture": await tokens("norm1", {
    blocks: ["all", "mixer"],
    head: "mean",
    embed: "reshape",
  }),
  "tokens in windows": await windows("windows"),
  "tokens in shifted windows": await windows("shifted"),
  "an image": await small([5, 6]),
  "a signal": await small([9]),
  "a photograph-like scene": {
    model: flatten,
    x: await flatten
      .run(cat, { capture: [flatten.input.name] })
      .then(({ activations }) => activations.get(flatten.input.name) as Tensor),
    layer: "relu5",
    target: 1,
  },
};

/** A value as planes: one array of places per channel. */
function planes({ data, shape }: Tensor, tokens: Case["tokens"]): number[][] {
  if (tokens) {
    const { channels, places, at } = tokens;
    return Array.from({ length: channels }, (_, k) => Array.from({ length: places }, (_, place) => data[at(k, place)]));
  }
  const channels = shape.length === 4 ? shape[3] : shape[1];
  const places = data.length / channels;
  const at = (k: number, place: number): number => (shape.length === 4 ? place * channels + k : k * places + place);
  return Array.from({ length: channels }, (_, k) => Array.from({ length: places }, (_, place) => data[at(k, place)]));
}

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe.each(Object.entries(cases))(
  "the formulas of pytorch-grad-cam, written out, on %s",
  (_, { model, x, layer, target, tokens: lie }) => {
    const inside = async (): Promise<{ A: number[][]; g: number[][] }> => {
      const { activations } = await model.run(x, { capture: [layer] });
      const { values } = await saliency(model, x, { layer, target });
      return { A: planes(activations.get(layer) as Tensor, lie), g: planes(values, lie) };
    };
    const expectMap = (attribution: Attribution, expected: readonly number[], tolerance = 1e-6): void => {
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0);
      expect(difference(attribution.values.data, Float32Array.from(expected)).max).toBeLessThan(tolerance);
      expect(attribution.layer).toBe(layer);
    };
    /** Σ_k w_k(place) A_k(place) */
    const weighed = (A: number[][], weight: (k: number, place: number) => number): number[] =>
      A[0].map((_, place) => total(A.map((plane, k) => weight(k, place) * plane[place])));
    const score = async (input: Tensor): Promise<number> => (await model.run(input)).output.data[target];
    const options = { layer, target };

    it("Grad-CAM, HiResCAM, LayerCAM, XGrad-CAM, Grad-CAM++", async () => {
      const { A, g } = await inside();
      const sums = A.map(total);
      expectMap(
        await gradCam(model, x, options),
        weighed(A, (k) => total(g[k]) / g[k].length),
      );
      expectMap(
        await hiResCam(model, x, options),
        weighed(A, (k, place) => g[k][place]),
      );
      expectMap(
        await layerCam(model, x, options),
        weighed(A, (k, place) => Math.max(g[k][place], 0)),
      );
      const shares = A.map((plane, k) => total(plane.map((a, place) => (a * g[k][place]) / (sums[k] + 1e-7))));
      expectMap(
        await xGradCam(model, x, options),
        weighed(A, (k) => shares[k]),
      );
      const alphas = g.map((plane, k) =>
        total(plane.map((v) => (v === 0 ? 0 : (Math.max(v, 0) * v ** 2) / (2 * v ** 2 + sums[k] * v ** 3 + 1e-6)))),
      );
      expectMap(
        await gradCamPlusPlus(model, x, options),
        weighed(A, (k) => alphas[k]),
      );
    });

    it("Ablation-CAM: a run without each map", async () => {
      const { A } = await inside();
      const plain = await score(x);
      const weights: number[] = [];
      for (const units of A.keys()) {
        const { output } = await model.run(x, { intervene: [{ layer, units }] });
        weights.push((plain - output.data[target]) / plain);
      }
      const attribution = await ablationCam(model, x, options);
      expectMap(
        attribution,
        weighed(A, (k) => weights[k]),
        1e-5,
      );
      expect(attribution.notes.some(({ code }) => code === "negative-score")).toBe(plain < 0);
    });

    it("Score-CAM: a run on the input behind each map", async () => {
      const { A } = await inside();
      const shape = x.shape.length === 4 ? x.shape.slice(1, 3) : [1, x.shape[2]];
      const grid = (await gradCam(model, x, options)).values.shape.slice(1, 3);
      const scores: number[] = [];
      for (const plane of A) {
        const mask = enlarged(plane, grid, shape);
        const [low, high] = [Math.min(...mask), Math.max(...mask)];
        const seen = x.data.map((value, i) => {
          const place = x.shape.length === 4 ? Math.floor(i / x.shape[3]) : i % x.shape[2];
          return (value * (mask[place] - low)) / (high - low + 1e-8);
        });
        scores.push(await score(new Tensor(seen, x.shape)));
      }
      const powers = scores.map(Math.exp);
      expectMap(
        await scoreCam(model, x, options),
        weighed(A, (k) => powers[k] / total(powers)),
        1e-5,
      );
    });

    it("Eigen-CAM: the first principal component by a full decomposition", async () => {
      const { A } = await inside();
      const X = new Matrix(A).transpose();
      const centred = X.subRowVector(X.mean("column"));
      const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(centred.transpose().mmul(centred), {
        assumeSymmetric: true,
      });
      const direction = eigenvectorMatrix.getColumn(realEigenvalues.indexOf(Math.max(...realEigenvalues)));
      const component = centred.mmul(Matrix.columnVector(direction)).to1DArray();
      const largest = component.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
      expectMap(
        await eigenCam(model, x, options),
        component.map((value) => value * Math.sign(largest)),
        1e-5,
      );
    });
  },
);

/** Bilinear with the corners of both grids on each other. */
function enlarged(plane: readonly number[], [h, w]: readonly number[], [height, width]: readonly number[]): number[] {
  const along = (i: number, from: number, to: number): [number, number, number] => {
    const position = to > 1 ? (i * (from - 1)) / (to - 1) : 0;
    const low = Math.min(Math.floor(position), from - 1);
    return [low, Math.min(low + 1, from - 1), position - low];
  };
  return Array.from({ length: height * width }, (_, i) => {
    const [top, bottom, down] = along(Math.floor(i / width), h, height);
    const [left, right, across] = along(i % width, w, width);
    const row = (y: number): number => plane[y * w + left] * (1 - across) + plane[y * w + right] * across;
    return row(top) * (1 - down) + row(bottom) * down;
  });
}

it("after global average pooling and a linear layer cam, gradCam, hiResCam and xGradCam agree up to the number of places", async () => {
  for (const target of petshop.labels ?? []) {
    const exact = await cam(petshop, cat, { target });
    const places = exact.values.data.length;
    for (const method of [gradCam, hiResCam, xGradCam]) {
      const { values, layer } = await method(petshop, cat, { target });
      expect(layer).toBe(exact.layer);
      expect(
        difference(
          Float32Array.from(values.data, (value) => value * places),
          exact.values.data,
        ).max,
      ).toBeLessThan(2e-5);
    }
  }
});
