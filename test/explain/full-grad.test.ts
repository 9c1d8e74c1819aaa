/** FullGrad as pytorch-grad-cam computes it, layer by layer and without folding, in float64; and guided Grad-CAM's two factors. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Graph, Node } from "../../src/graph/ir";
import {
  decodeImage,
  fullGrad,
  gradCam,
  guidedBackprop,
  guidedGradCam,
  type Input,
  inputXGradient,
  loadModel,
  type Model,
  saliency,
  Tensor,
} from "../../src/index";
import { readOnnx } from "../../src/onnx/reader";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";
import { difference, Golden } from "../reference/goldens";
import { describeShared, readShared } from "../shared-folder";

/** The value between pixels of a plane, half-pixel centres, edges repeated. */
function sampled(plane: readonly number[][], y: number, x: number): number {
  const [h, w] = [plane.length, plane[0].length];
  const at = (row: number, column: number): number =>
    plane[Math.min(Math.max(row, 0), h - 1)][Math.min(Math.max(column, 0), w - 1)];
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [fy, fx] = [y - top, x - left];
  return (
    (1 - fy) * ((1 - fx) * at(top, left) + fx * at(top, left + 1)) +
    fy * ((1 - fx) * at(top + 1, left) + fx * at(top + 1, left + 1))
  );
}

/** scale_cam_image of each channel, and the sum over channels, at the input's size. */
function addScaled(sum: Float64Array, { data, shape }: Tensor, factors: (i: number) => number, width: number): void {
  const [h, w, c] = shape.length === 4 ? shape.slice(1) : [1, shape[2], shape[1]];
  const height = sum.length / width;
  for (let k = 0; k < c; k++) {
    const at = (y: number, x: number): number => (shape.length === 4 ? (y * w + x) * c + k : k * w + x);
    const plane = Array.from({ length: h }, (_, y) =>
      Array.from({ length: w }, (_, x) => Math.abs(data[at(y, x)] * factors(at(y, x)))),
    );
    const least = Math.min(...plane.flat());
    const most = Math.max(...plane.flat()) - least;
    const scaled = plane.map((row) => row.map((value) => (value - least) / (1e-7 + most)));
    for (let i = 0; i < sum.length; i++) {
      const [y, x] = [Math.floor(i / width), i % width];
      sum[i] += sampled(scaled, ((y + 0.5) * h) / height - 0.5, ((x + 0.5) * w) / width - 0.5);
    }
  }
}

/** The bias that pytorch-grad-cam sees at a node, by channel: of convolutions and, less what the mean takes, of batch norms. */
function biasOf({ op, inputs }: Node, graph: Graph): ArrayLike<number> | undefined {
  const [scale, shift, mean, variance] = inputs.slice(1).map((name) => graph.constants.get(name)?.floats() ?? []);
  if (op === "Conv") return inputs.length > 2 ? shift : undefined;
  if (op !== "BatchNormalization") return undefined;
  return Array.from(shift, (value, k) => value - (mean[k] * scale[k]) / Math.sqrt(variance[k] + 1e-5));
}

async function pytorchGradCam(model: Model, graph: Graph, x: Tensor, target: number): Promise<Float32Array> {
  const width = x.shape.length === 4 ? x.shape[2] : x.shape[2];
  const places = x.shape.length === 4 ? x.shape[1] * x.shape[2] : x.shape[2];
  const sum = new Float64Array(places);
  addScaled(sum, (await saliency(model, x, { target })).values, (i) => x.data[i], width);
  for (const node of graph.nodes) {
    const bias = biasOf(node, graph);
    if (!bias) continue;
    const { values } = await saliency(model, x, { target, layer: node.name });
    const length = values.shape.length === 4 ? 1 : values.shape[2];
    addScaled(sum, values, (i) => bias[Math.floor(i / length) % bias.length], width);
  }
  return Float32Array.from(sum);
}

const tensorOf = async (model: Model, input: Input): Promise<Tensor> =>
  (await model.run(input, { capture: [model.input.name] })).activations.get(model.input.name) as Tensor;

const cat = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const random = randomIntegers(9);

/** A signal network with every kind of bias: of a convolution, a batch norm, a sum, a difference and a dense layer. */
const biased = graphOf({
  inputs: { x: [1, 2, 12] },
  constants: {
    w: randomFloats(random, [4, 2, 3]),
    b: randomFloats(random, [4]),
    scale: floats([4], [0.7, -1.2, 0.4, 2]),
    shift: randomFloats(random, [4]),
    mean: randomFloats(random, [4]),
    variance: floats([4], [0.5, 1, 2, 0.3]),
    plus: randomFloats(random, [4, 1]),
    minus: randomFloats(random, [4, 10]),
    head: randomFloats(random, [40, 3]),
    bias: randomFloats(random, [3]),
  },
  nodes: [
    ["Conv", ["x", "w", "b"], ["c"]],
    ["BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["n"]],
    ["Relu", ["n"], ["r"]],
    ["Add", ["r", "plus"], ["a"]],
    ["Sub", ["minus", "a"], ["s"]],
    ["LeakyRelu", ["s"], ["l"], { alpha: 0.1 }],
    ["Flatten", ["l"], ["f"]],
    ["Gemm", ["f", "head", "bias"], ["y"], { beta: 0.5 }],
  ],
});

describe("fullGrad", () => {
  it("has the values of pytorch-grad-cam on the embedded networks, image and signal", async () => {
    for (const file of ["models/petshop.onnx", "models/petshop-flatten.onnx"]) {
      const bytes = new Uint8Array(readFileSync(file));
      const model = await loadModel(bytes);
      const x = await tensorOf(model, cat);
      const { values } = await fullGrad(model, x, { target: 1 });
      expect(values.shape).toEqual([1, 96, 96, 1]);
      expect(difference(values.data, await pytorchGradCam(model, readOnnx(bytes), x, 1)).l2, file).toBeLessThan(1e-4);
    }
  });

  it("is complete: input and biases of every kind make the score", async () => {
    const model = await loadModel(writeOnnx(biased));
    const x = new Tensor(randomFloats(random, [24]).floats(), [1, 2, 12]);
    for (const target of [0, 1, 2]) {
      const { convergenceDelta, target: report } = await fullGrad(model, x, { target });
      const { values } = await inputXGradient(model, x, { target });
      const withoutBiases = values.data.reduce((sum, value) => sum + value, 0);
      expect(Math.abs(withoutBiases - report.score)).toBeGreaterThan(0.01);
      expect(Math.abs(convergenceDelta as number)).toBeLessThan(1e-5);
      expect(Math.abs((await fullGrad(model, x, { target, layer: "r" })).convergenceDelta as number)).toBeLessThan(
        1e-5,
      );
    }
    const petshop = await loadModel(undefined, { memory: "low" });
    const found = await fullGrad(petshop, cat);
    expect(Math.abs(found.convergenceDelta as number)).toBeLessThan(1e-4 * Math.abs(found.target.score));
  });

  it("says by how much a smooth activation keeps part of the score", async () => {
    const nodes = biased.nodes.map((node) => (node.op === "Relu" ? { ...node, op: "Tanh" } : node));
    const model = await loadModel(writeOnnx({ ...biased, nodes }));
    const x = new Tensor(randomFloats(random, [24]).floats(), [1, 2, 12]);
    expect(Math.abs((await fullGrad(model, x, { target: 1 })).convergenceDelta as number)).toBeGreaterThan(1e-3);
  });

  it("starts at a layer: at its grid, only with the biases behind it", async () => {
    const model = await loadModel();
    const found = await fullGrad(model, cat, { target: 1, layer: "relu5" });
    const { values } = await inputXGradient(model, cat, { target: 1, layer: "relu5" });
    expect(found.values.shape.slice(0, 3)).toEqual(values.shape.slice(0, 3));
    expect(Math.abs(found.convergenceDelta as number)).toBeLessThan(1e-4);
    expect(found.recipe).toMatchObject({ method: "full-grad", options: { target: 1, layer: "relu5" } });
  });

  it("refuses an input without places", async () => {
    const dense = graphOf({
      inputs: { z: [1, 4] },
      constants: { w: randomFloats(random, [4, 2]) },
      nodes: [["MatMul", ["z", "w"], ["y"]]],
    });
    const model = await loadModel(writeOnnx(dense));
    const z = new Tensor(new Float32Array(4), [1, 4]);
    await expect(fullGrad(model, z)).rejects.toThrow(
      'FullGrad adds maps at the places of "z" (1×4), which has none. inputXGradient works without.',
    );
    await expect(guidedGradCam(model, z)).rejects.toThrow(
      'Guided Grad-CAM looks at places of the input, and "z" (1×4) has none. guidedBackprop works without.',
    );
  });
});

describe("guidedGradCam", () => {
  it("multiplies guided backprop by the map, enlarged as asked", async () => {
    const model = await loadModel();
    const options = { target: "cat", layer: "relu5" };
    const guided = await guidedBackprop(model, cat, { target: "cat" });
    const { values: map } = await gradCam(model, cat, { ...options, relu: true });
    const [, h, w] = map.shape;
    const plane = Array.from({ length: h }, (_, y) => Array.from(map.data.slice(y * w, (y + 1) * w)));
    const at = {
      nearest: (y: number, x: number) => plane[Math.floor((y * h) / 96)][Math.floor((x * w) / 96)],
      bilinear: (y: number, x: number) => sampled(plane, ((y + 0.5) * h) / 96 - 0.5, ((x + 0.5) * w) / 96 - 0.5),
    };
    for (const interpolation of ["nearest", "bilinear"] as const) {
      const expected = guided.values.data.map((value, i) => {
        const pixel = Math.floor(i / 3);
        return value * at[interpolation](Math.floor(pixel / 96), pixel % 96);
      });
      const found = await guidedGradCam(model, cat, { ...options, interpolation });
      expect(difference(found.values.data, expected).l2, interpolation).toBeLessThan(1e-6);
      expect(found.recipe.options).toEqual({ ...options, interpolation });
      expect(found.notes.map(({ code }) => code)).toContain("not-class-specific");
    }
    const plain = await guidedGradCam(model, cat, { target: "cat" });
    expect(plain.layer).toBe((await gradCam(model, cat, { target: "cat" })).layer);
    // @ts-expect-error no such interpolation
    await expect(guidedGradCam(model, cat, { interpolation: "cubic" })).rejects.toThrow(
      'interpolation "cubic" is none of nearest, bilinear.',
    );
  });
});

describeShared("fullGrad on trained networks against pytorch-grad-cam's formula", () => {
  for (const [folder, file] of [
    ["resnet20/cat", "models/resnet20-cifar10-bn.onnx"],
    ["lenet5/mnist_nine", "models/lenet5-mnist.onnx"],
  ]) {
    it(folder, async () => {
      const bytes = readShared(file);
      const model = await loadModel(bytes);
      const golden = new Golden(folder);
      const { target } = golden.manifest;
      const { values, convergenceDelta, target: report } = await fullGrad(model, golden.input(), { target });
      const expected = await pytorchGradCam(model, readOnnx(bytes), golden.input(), target);
      expect(difference(values.data, expected).l2).toBeLessThan(1e-4);
      expect(Math.abs(convergenceDelta as number)).toBeLessThan(1e-4 * Math.abs(report.score));
    });
  }
});
