import { describe, expect, it } from "vitest";
import type { Attribute, Constant } from "../../src/graph/ir";
import {
  type ConvolutionLayer,
  convolutionMatrix,
  convolutionOnnx,
  type Deconvolution,
  deconvolution,
  deconvolutionWalkThrough,
  LayerError,
  loadModel,
  OptionError,
  ShapeError,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers, runReference } from "../graph/build";
import fc from "../seeded";

/** Sums of up to a few hundred products in another order, relative to the largest value. */
const tolerance = 2e-6;

const noise = (random: (from: number, to: number) => number, shape: readonly number[]): Float32Array =>
  randomFloats(random, shape).floats();

/** Channels-first data as the tensor people see. */
const tensorOf = (data: Float32Array, shape: readonly number[]): Tensor =>
  shape.length === 4 ? Tensor.fromNCHW(data, shape) : new Tensor(data, shape);
const channelsFirst = (tensor: Tensor): Float32Array => (tensor.shape.length === 4 ? tensor.toNCHW() : tensor.data);
const seen = (shape: readonly number[]): readonly number[] => tensorOf(new Float32Array(size(shape)), shape).shape;
const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

interface Geometry {
  readonly op: "Conv" | "ConvTranspose";
  readonly axes: readonly {
    readonly extent: number;
    readonly kernel: number;
    readonly stride: number;
    readonly dilation: number;
    readonly begin: number;
    readonly end: number;
    readonly outputPadding: number;
  }[];
  readonly groups: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly seed: number;
}

const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const geometries: fc.Arbitrary<Geometry> = fc.record({
  op: fc.constantFrom("Conv" as const, "ConvTranspose" as const),
  axes: fc.array(
    fc.record({
      extent: int(1, 7),
      kernel: int(1, 4),
      stride: int(1, 4),
      dilation: int(1, 3),
      begin: int(0, 4),
      end: int(0, 4),
      outputPadding: int(0, 3),
    }),
    { minLength: 1, maxLength: 2 },
  ),
  groups: int(1, 3),
  inputs: int(1, 2),
  outputs: int(1, 3),
  seed: int(0, 1e6),
});

/** The layer with its shapes as ONNX has them, or nothing where its output would be empty. */
function layerOf({ op, axes, groups, inputs, outputs, seed }: Geometry) {
  const [channels, made] = [inputs * groups, outputs * groups];
  const reach = (i: number): number => (axes[i].kernel - 1) * axes[i].dilation + 1;
  const out = axes.map(({ extent, stride, begin, end, outputPadding }, i) =>
    op === "Conv"
      ? Math.floor((extent + begin + end - reach(i)) / stride) + 1
      : (extent - 1) * stride + reach(i) + Math.min(outputPadding, stride - 1) - begin - end,
  );
  if (out.some((n) => n < 1)) return undefined;
  const random = randomIntegers(seed);
  const kernel = axes.map((axis) => axis.kernel);
  const weightShape = op === "Conv" ? [made, inputs, ...kernel] : [channels, outputs, ...kernel];
  const weight = noise(random, weightShape);
  const inputShape = [1, channels, ...axes.map(({ extent }) => extent)];
  const layer: ConvolutionLayer = {
    op,
    weight: tensorOf(weight, weightShape),
    inputShape: seen(inputShape),
    stride: axes.map(({ stride }) => stride),
    dilation: axes.map(({ dilation }) => dilation),
    pad: [...axes.map(({ begin }) => begin), ...axes.map(({ end }) => end)],
    groups,
    // Less than the stride, as onnxruntime asks.
    ...(op === "ConvTranspose" && { outputPadding: axes.map((a) => Math.min(a.outputPadding, a.stride - 1)) }),
  };
  const outputShape = [1, made, ...out];
  const narrowShape = op === "Conv" ? outputShape : inputShape;
  const y = noise(random, narrowShape);
  return { layer, weight, weightShape, inputShape, outputShape, y, narrowShape };
}

/** The definition: every product of the convolution, sent back to where it came from. */
function definition(g: Geometry, given: NonNullable<ReturnType<typeof layerOf>>): Float64Array {
  const wideShape = g.op === "Conv" ? given.inputShape : given.outputShape;
  const two = (values: readonly number[], missing: number): [number, number] =>
    values.length === 1 ? [missing, values[0]] : [values[0], values[1]];
  const of = (key: "kernel" | "stride" | "dilation" | "begin", missing: number) =>
    two(
      g.axes.map((axis) => axis[key]),
      missing,
    );
  const [kernel, stride, dilation, begin] = [of("kernel", 1), of("stride", 1), of("dilation", 1), of("begin", 0)];
  const [narrow, wide] = [two(given.narrowShape.slice(2), 1), two(wideShape.slice(2), 1)];
  const [narrowChannels, wideChannels] = [given.narrowShape[1], wideShape[1]];
  const [perNarrow, perWide] = [narrowChannels / g.groups, wideChannels / g.groups];
  const x = new Float64Array(size(wideShape));
  for (let n = 0; n < narrowChannels; n++)
    for (let c = 0; c < perWide; c++)
      for (let oy = 0; oy < narrow[0]; oy++)
        for (let ox = 0; ox < narrow[1]; ox++)
          for (let ky = 0; ky < kernel[0]; ky++)
            for (let kx = 0; kx < kernel[1]; kx++) {
              const iy = oy * stride[0] + ky * dilation[0] - begin[0];
              const ix = ox * stride[1] + kx * dilation[1] - begin[1];
              if (iy < 0 || ix < 0 || iy >= wide[0] || ix >= wide[1]) continue;
              const channel = Math.floor(n / perNarrow) * perWide + c;
              x[(channel * wide[0] + iy) * wide[1] + ix] +=
                given.weight[((n * perWide + c) * kernel[0] + ky) * kernel[1] + kx] *
                given.y[(n * narrow[0] + oy) * narrow[1] + ox];
            }
  return x;
}

const outputsOf = ({ engine, matrix, zeroInsertion, phases, depthToSpace }: Deconvolution): [string, Tensor][] => [
  ["engine", engine],
  ["matrix", (matrix as NonNullable<typeof matrix>).output],
  ["zero insertion", zeroInsertion.output],
  ["phases", phases.output],
  ["depth to space", depthToSpace.output],
];

function expectEqual(actual: ArrayLike<number>, expected: ArrayLike<number>, name: string): void {
  expect(actual.length, name).toBe(expected.length);
  const largest = Math.max(1e-3, ...Array.from(expected, Math.abs));
  const worst = Math.max(0, ...Array.from(expected, (value, i) => Math.abs(value - actual[i])));
  expect(worst / largest, name).toBeLessThan(tolerance);
}

describe("all forms of a deconvolution are equal", () => {
  it("for random geometries: 1-D and 2-D, stride, padding, dilation, groups, output padding", async () => {
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(geometries, async (geometry) => {
        const given = layerOf(geometry);
        fc.pre(given !== undefined);
        if (!given) return;
        tried++;
        const model = await loadModel(convolutionOnnx(given.layer));
        const result = await deconvolution(model, tensorOf(given.y, given.narrowShape));
        const expected = definition(geometry, given);
        for (const [name, tensor] of outputsOf(result)) expectEqual(channelsFirst(tensor), expected, name);
        for (const difference of Object.values(result.differences)) expect(difference).toBeLessThan(tolerance);
        // W itself, the other way: ⟨W·x, y⟩ = ⟨x, Wᵀ·y⟩ for every unit vector x.
        const { data, shape } = await convolutionMatrix(model);
        const transposed = Float64Array.from({ length: shape[1] }, (_, column) =>
          given.y.reduce((sum, value, row) => sum + value * data[row * shape[1] + column], 0),
        );
        expectEqual(transposed, expected, "Wᵀ·y");
      }),
      { numRuns: 120, seed: 3 },
    );
    expect(tried).toBeGreaterThan(100);
  });

  it("the sub-pixel kernel runs as Conv and DepthToSpace in onnxruntime", async () => {
    const random = randomIntegers(9);
    const weight = tensorOf(noise(random, [4, 3, 5, 5]), [4, 3, 5, 5]);
    const layer = { weight, inputShape: [1, 8, 12, 3], stride: 2, pad: 2 };
    const y = noise(random, [1, 4, 4, 6]);
    const { engine, depthToSpace } = await deconvolution(
      await loadModel(convolutionOnnx(layer)),
      Tensor.fromNCHW(y, [1, 4, 4, 6]),
    );
    const [m, kh, kw, c] = depthToSpace.kernel.shape;
    const graph = graphOf({
      inputs: { y: [1, 4, 4, 6] },
      constants: { w: floats([m, c, kh, kw], depthToSpace.kernel.toNCHW()) },
      nodes: [
        ["Conv", ["y", "w"], ["channels"], { pads: depthToSpace.pads as number[] }],
        ["DepthToSpace", ["channels"], ["x"], { blocksize: depthToSpace.blockSize[0], mode: "CRD" }],
      ],
    });
    const { x } = await runReference(graph, { y: floats([1, 4, 4, 6], y) });
    expectEqual(Float32Array.from(x.data as Float32Array), engine.toNCHW(), "onnxruntime");
  });

  it("of a layer of a network, on its own activation", async () => {
    const model = await loadModel();
    const image = new Tensor(noise(randomIntegers(1), [1, 96, 96, 3]), [1, 96, 96, 3]);
    const { activations } = await model.run(image, { capture: ["conv3"] });
    const done: number[] = [];
    const result = await deconvolution(model, activations.get("conv3") as Tensor, {
      layer: "conv3",
      onProgress: (count, total) => done.push(count / total),
    });
    expect(result.engine.shape).toEqual([1, 24, 24, 24]);
    expect(result.zeroInsertion.kernel.shape).toEqual([24, 3, 3, 48]);
    for (const difference of Object.values(result.differences)) expect(difference).toBeLessThan(tolerance);
    expect(done.at(-1)).toBe(1);
    expect(result.matrix).toBeUndefined();
    expect(result.notes[0]).toMatch(/W of "conv3" would have 27,648 rows and 13,824 columns, 382,205,952 numbers/);
  });

  it("of a ConvTranspose of a network is its output, bias included", async () => {
    const random = randomIntegers(4);
    const [w, b] = [noise(random, [3, 2, 3, 3]), noise(random, [2])];
    const up: Record<string, Attribute> = { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] };
    const constants: Record<string, Constant> = { w: floats([3, 2, 3, 3], w), b: floats([2], b) };
    const graph = graphOf({
      inputs: { x: [1, 3, 5, 4] },
      constants,
      nodes: [
        ["ConvTranspose", ["x", "w", "b"], ["up"], up],
        ["Relu", ["up"], ["y"]],
      ],
      outputs: ["y", "up"],
    });
    const x = noise(random, [1, 3, 5, 4]);
    const expected = await runReference(graph, { x: floats([1, 3, 5, 4], x) });
    const model = await loadModel(writeOnnx(graph));
    const result = await deconvolution(model, Tensor.fromNCHW(x, [1, 3, 5, 4]), { layer: "up" });
    for (const [name, tensor] of outputsOf(result)) {
      expectEqual(tensor.toNCHW(), Float32Array.from(expected.up.data as Float32Array), name);
    }
  });

  it("says what is wrong", async () => {
    const model = await loadModel();
    const y = new Tensor(new Float32Array(96 * 96 * 12), [1, 96, 96, 12]);
    await expect(deconvolution(model, y)).rejects.toThrow(/Which layer\? Pass \{ layer \}: one of conv1, conv2/);
    await expect(deconvolution(model, y, { layer: "relu1" })).rejects.toThrow(LayerError);
    await expect(deconvolution(model, y, { layer: "relu1" })).rejects.toThrow(/"relu1" is a Relu, not a convolution/);
    await expect(deconvolution(model, y, { layer: "conv2" })).rejects.toThrow(
      /Conv "conv2" takes a Tensor of the layer's output shape 1×48×48×24, got 1×96×96×12/,
    );
    await expect(convolutionMatrix(model, { layer: "conv1" })).rejects.toThrow(OptionError);
    await expect(convolutionMatrix(model, { layer: "conv1" })).rejects.toThrow(
      /110,592 rows and 27,648 columns, 3,057,647,616 numbers \(11,664 MiB\); at most 16,777,216/,
    );
    const weight = new Tensor(new Float32Array(4), [1, 1, 4]);
    expect(() => convolutionOnnx({ weight, inputShape: [1, 12] })).toThrow(/inputShape must be \[1, C, L\]/);
    expect(() => convolutionOnnx({ weight: [1, 2] as never, inputShape: [1, 1, 12] })).toThrow(
      /weight must be a Tensor/,
    );
    await expect(loadModel(convolutionOnnx({ weight, inputShape: [1, 2, 12] }))).rejects.toThrow(ShapeError);
    expect(() => convolutionOnnx({ weight, inputShape: [1, 1, 12], stride: [2, 2] })).toThrow(
      /stride takes one whole number of at least 1 or a list of one, got \[2,2\]/,
    );
    expect(() => convolutionOnnx({ weight, inputShape: [1, 1, 12], outputPadding: 1 })).toThrow(
      /outputPadding is for a ConvTranspose/,
    );
    const single = await loadModel(convolutionOnnx({ weight, inputShape: [1, 1, 12] }));
    const small = new Tensor(new Float32Array(9), [1, 1, 9]);
    await expect(deconvolution(single, small, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});

describe("the walk-through", () => {
  it("has the arrays of the 1-D example", async () => {
    const { padded, W, y, back, zeroInsertion, phases, byPhases, depthToSpace, gram } =
      await deconvolutionWalkThrough();
    expect(padded).toEqual([0, 0, 3, 1, 4, 1, 5, 9, 2, 6, 0, 0]);
    expect(W).toEqual([
      [-1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 1],
    ]);
    expect(y).toEqual([1, -2, 5, 1, -2]);
    expect(back).toEqual([-1, 0, 2, 1, -5, -2, -1, 5, 2, 1, 0, -2]);
    expect(zeroInsertion).toEqual({
      inserted: [0, 0, 0, 1, 0, -2, 0, 5, 0, 1, 0, -2, 0, 0, 0],
      flipped: [1, 0, 0, -1],
      output: back,
    });
    expect(phases.map(({ first, taps }) => ({ first, taps }))).toEqual([
      {
        first: 0,
        taps: [
          { index: 2, weight: 0, from: -1 },
          { index: 0, weight: -1, from: 0 },
        ],
      },
      {
        first: 1,
        taps: [
          { index: 3, weight: 1, from: -1 },
          { index: 1, weight: 0, from: 0 },
        ],
      },
    ]);
    expect(phases.map(({ output }) => output)).toEqual([
      [-1, 2, -5, -1, 2, 0],
      [0, 1, -2, 5, 1, -2],
    ]);
    expect(byPhases).toEqual(back);
    expect(depthToSpace.kernels).toEqual([
      [0, -1],
      [1, 0],
    ]);
    expect(depthToSpace.channels).toEqual(phases.map(({ output }) => output));
    expect(depthToSpace.output).toEqual(back);
    expect(gram).toEqual(W.map((_, i) => W.map((__, j) => (i === j ? 2 : 0))));
  });

  it("back-projection divided by 2 is exact in the row space and nowhere else", async () => {
    const outside = await deconvolutionWalkThrough();
    expect(outside.normSquared).toBe(2);
    expect(outside.lost?.some((value) => value !== 0)).toBe(true);
    // What is lost has no share in any row: the projection is orthogonal.
    for (const row of outside.W) expect(row.reduce((sum, w, i) => sum + w * (outside.lost?.[i] ?? 1), 0)).toBe(0);
    // 1, 2 and 3 times the three rows that do not touch the padding.
    const inside = await deconvolutionWalkThrough({ x: [-1, 0, -2, 1, -3, 2, 0, 3] });
    expect(inside.y).toEqual([0, 2, 4, 6, 0]);
    expect(inside.projection).toEqual(inside.padded);
    expect(inside.back).toEqual(inside.padded.map((value) => 2 * value));
    expect(inside.lost).toEqual(new Array(12).fill(0));
  });

  it("a filter whose rows are not orthogonal has no such projection", async () => {
    const { normSquared, projection, y } = await deconvolutionWalkThrough({ filter: [1, 2, 2, 1] });
    expect(y).toHaveLength(5);
    expect([normSquared, projection]).toEqual([undefined, undefined]);
    await expect(deconvolutionWalkThrough({ filter: [] })).rejects.toThrow(/filter of 0 values/);
    await expect(deconvolutionWalkThrough({ pad: -1 })).rejects.toThrow(/pad must be a whole number/);
    await expect(deconvolutionWalkThrough({ stride: 0 })).rejects.toThrow(
      /stride must be a whole number of at least 1/,
    );
  });
});
