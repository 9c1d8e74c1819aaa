import { describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import fc from "../seeded";
import { type Case, dot, graphOf, Runner, reference, values, worst } from "./harness";

/** Sums of at most a few hundred products of numbers below 2 in another order. */
const tolerance = 2e-5;

const floats = (shape: readonly number[], seed: number): Constant => Constant.fromFloats(values(shape, seed), shape);
const positive = (shape: readonly number[], seed: number): Constant =>
  Constant.fromFloats(
    values(shape, seed).map((value) => Math.abs(value) + 0.1),
    shape,
  );
const ints = (numbers: readonly number[]): Constant => Constant.fromNumbers("int", numbers, [numbers.length]);
const scalar = (value: number): Constant => Constant.fromFloats(Float32Array.of(value), []);

const int = (min: number, max: number) => fc.integer({ min, max });
const pair = (min: number, max: number) => fc.tuple(int(min, max), int(min, max));

/** A shape N×C×H×W small enough for hundreds of runs, with channel counts on both sides of the vector width. */
const image = fc.tuple(fc.constant(1), fc.constantFrom(1, 2, 3, 4, 5, 8, 13), int(3, 11), int(3, 11));

const convCase = fc
  .record({
    shape: image,
    groups: fc.constantFrom(1, 1, 1, 2, "depthwise" as const),
    perGroup: fc.constantFrom(1, 2, 3, 8, 9),
    kernel: pair(1, 3),
    strides: pair(1, 3),
    dilations: pair(1, 2),
    pads: fc.tuple(int(0, 2), int(0, 2), int(0, 2), int(0, 2)),
    bias: fc.boolean(),
    seed: int(0, 1e6),
  })
  .map(({ shape: [n, c, h, w], groups, perGroup, kernel, strides, dilations, pads, bias, seed }): Case => {
    const group = groups === "depthwise" ? c : groups === 2 && c % 2 === 0 ? 2 : 1;
    const out = groups === "depthwise" ? c : group * perGroup;
    const weight = [out, c / group, ...kernel];
    return {
      op: "Conv",
      shape: [n, c, h + 2, w + 2],
      attributes: { group, strides, dilations, pads, kernel_shape: kernel },
      constants: [floats(weight, seed), ...(bias ? [floats([out], seed + 1)] : [])],
    };
  });

const convTransposeCase = fc
  .record({
    shape: image,
    groups: fc.constantFrom(1, 1, 2, "depthwise" as const),
    perGroup: fc.constantFrom(1, 2, 3, 8, 9),
    kernel: pair(1, 4),
    strides: pair(1, 3),
    dilations: pair(1, 2),
    pad: pair(0, 1),
    bias: fc.boolean(),
    seed: int(0, 1e6),
  })
  .map(({ shape, groups, perGroup, kernel, strides, dilations, pad, bias, seed }): Case => {
    const c = shape[1];
    const group = groups === "depthwise" ? c : groups === 2 && c % 2 === 0 ? 2 : 1;
    const outPerGroup = groups === "depthwise" ? 1 : perGroup;
    return {
      op: "ConvTranspose",
      shape,
      attributes: { group, strides, dilations, pads: [...pad, ...pad], kernel_shape: kernel },
      constants: [
        floats([c, outPerGroup, ...kernel], seed),
        ...(bias ? [floats([outPerGroup * group], seed + 1)] : []),
      ],
    };
  });

const poolAttributes = fc
  .record({
    kernel_shape: pair(1, 3),
    strides: pair(1, 3),
    ceil_mode: int(0, 1),
    pads: fc.tuple(int(0, 1), int(0, 1), int(0, 1), int(0, 1)),
  })
  .map(({ kernel_shape, pads, ...rest }) => ({
    ...rest,
    kernel_shape,
    // Padding must be smaller than the window.
    pads: pads.map((padding, i) => Math.min(padding, kernel_shape[i % 2] - 1)),
  }));

const averagePoolCase = fc.record({ shape: image, attributes: poolAttributes, count_include_pad: int(0, 1) }).map(
  ({ shape, attributes, count_include_pad }): Case => ({
    op: "AveragePool",
    shape,
    attributes: { ...attributes, count_include_pad },
    opset: 19,
  }),
);

const maxPoolCase = fc
  .record({ shape: image, attributes: poolAttributes })
  .map((given): Case => ({ op: "MaxPool", ...given }));

const modes = fc.constantFrom("nearest", "linear", "cubic");
const resizeCase = fc
  .record({
    shape: image,
    mode: modes,
    coordinate: fc.constantFrom("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"),
    nearest: fc.constantFrom("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    size: pair(1, 15),
  })
  .map(
    ({ shape, mode, coordinate, nearest, size }): Case => ({
      op: "Resize",
      shape,
      attributes: { mode, coordinate_transformation_mode: coordinate, nearest_mode: nearest },
      constants: ["", "", ints([shape[0], shape[1], ...size])],
    }),
  );

/** Operand shapes that broadcast against N×C×H×W in every usual way. */
const operandShape = (shape: readonly number[]) =>
  fc.constantFrom([...shape], [1, shape[1], 1, 1], [shape[1], 1, 1], [1], [], [1, 1, shape[2], shape[3]], [shape[3]]);

const arithmetic = (op: string) =>
  image.chain((shape) =>
    fc.record({ operand: operandShape(shape), first: fc.boolean(), seed: int(0, 1e6) }).map(
      ({ operand, first, seed }): Case => ({
        op,
        shape,
        constants: [positive(operand, seed)],
        dataPosition: first && op !== "Div" ? 1 : 0,
      }),
    ),
  );

const padCase = fc
  .record({
    shape: image,
    mode: fc.constantFrom("constant", "reflect", "edge"),
    pads: fc.tuple(int(-1, 2), int(-1, 2), int(-1, 2), int(-1, 2)),
    channels: int(0, 2),
  })
  .map(({ shape, mode, pads, channels }): Case => {
    const image = mode === "constant" ? pads : pads.map((value) => Math.abs(value));
    const extra = mode === "constant" ? channels : 0;
    return {
      op: "Pad",
      shape,
      attributes: { mode },
      constants: [
        ints([0, extra, image[0], image[1], 0, extra, image[2], image[3]]),
        ...(mode === "constant" ? [scalar(0)] : []),
      ],
    };
  });

const sliceCase = image.chain((shape) =>
  fc
    .record({ axis: int(1, 3), start: int(-3, 3), end: int(-2, 20), step: fc.constantFrom(1, 2, -1, -2) })
    .map(({ axis, start, end, step }): Case => {
      const [from, to] = step > 0 ? [Math.min(start, 0), Math.max(end, shape[axis])] : [end, -100];
      return { op: "Slice", shape, constants: [ints([from]), ints([to]), ints([axis]), ints([step])] };
    }),
);

/** Linear in the data: the adjoint identity must hold exactly but for rounding. */
const linear: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  Conv: convCase,
  "Conv 1-D": fc
    .record({
      c: fc.constantFrom(1, 3, 8),
      length: int(5, 20),
      out: fc.constantFrom(1, 5, 8),
      kernel: int(1, 5),
      stride: int(1, 3),
      pad: int(0, 2),
      seed: int(0, 1e6),
    })
    .map(
      ({ c, length, out, kernel, stride, pad, seed }): Case => ({
        op: "Conv",
        shape: [1, c, length],
        attributes: { kernel_shape: [kernel], strides: [stride], pads: [pad, pad] },
        constants: [floats([out, c, kernel], seed)],
      }),
    ),
  ConvTranspose: convTransposeCase,
  Gemm: fc
    .record({
      inputs: int(1, 40),
      outputs: int(1, 20),
      transB: int(0, 1),
      alpha: fc.constantFrom(1, 0.5),
      beta: fc.constantFrom(1, 2),
      seed: int(0, 1e6),
    })
    .map(
      ({ inputs, outputs, transB, alpha, beta, seed }): Case => ({
        op: "Gemm",
        shape: [1, inputs],
        attributes: { transB, alpha, beta },
        constants: [floats(transB ? [outputs, inputs] : [inputs, outputs], seed), floats([outputs], seed + 1)],
      }),
    ),
  MatMul: fc
    .record({
      shape: fc.oneof(fc.tuple(fc.constant(1), int(1, 9)), fc.tuple(fc.constant(1), int(1, 5), int(1, 9))),
      outputs: int(1, 12),
      seed: int(0, 1e6),
    })
    .map(
      ({ shape, outputs, seed }): Case => ({
        op: "MatMul",
        shape,
        constants: [floats([shape.at(-1) as number, outputs], seed)],
      }),
    ),
  AveragePool: averagePoolCase,
  GlobalAveragePool: image.map((shape): Case => ({ op: "GlobalAveragePool", shape })),
  ReduceMean: fc
    .record({ shape: image, axes: fc.constantFrom([2, 3], [1], [-1], [1, 3], [1, 2, 3]), keepdims: int(0, 1) })
    .map(({ shape, axes, keepdims }): Case => ({ op: "ReduceMean", shape, attributes: { axes, keepdims } })),
  ReduceSum: fc.record({ shape: image, axes: fc.constantFrom([2, 3], [1], [-2]), keepdims: int(0, 1) }).map(
    ({ shape, axes, keepdims }): Case => ({
      op: "ReduceSum",
      shape,
      attributes: { keepdims },
      constants: [ints(axes)],
    }),
  ),
  BatchNormalization: fc.record({ shape: image, seed: int(0, 1e6) }).map(({ shape, seed }): Case => {
    const c = [shape[1]];
    return {
      op: "BatchNormalization",
      shape,
      constants: [floats(c, seed), floats(c, seed + 1), floats(c, seed + 2), positive(c, seed + 3)],
    };
  }),
  Add: arithmetic("Add"),
  Sub: arithmetic("Sub"),
  Mul: arithmetic("Mul"),
  Div: arithmetic("Div"),
  Sum: fc.record({ shape: image, seed: int(0, 1e6) }).map(
    ({ shape, seed }): Case => ({
      op: "Sum",
      shape,
      constants: [floats(shape, seed), floats([shape[1], 1, 1], seed)],
    }),
  ),
  Neg: image.map((shape): Case => ({ op: "Neg", shape })),
  Concat: fc
    .record({ shape: image, axis: int(1, 3), extra: int(1, 3), first: fc.boolean(), seed: int(0, 1e6) })
    .map(({ shape, axis, extra, first, seed }): Case => {
      const other = shape.map((extent, i) => (i === axis ? extra : extent));
      return {
        op: "Concat",
        shape,
        attributes: { axis },
        constants: [floats(other, seed)],
        dataPosition: first ? 1 : 0,
      };
    }),
  Slice: sliceCase,
  Pad: padCase,
  Flatten: image.map((shape): Case => ({ op: "Flatten", shape })),
  Reshape: image.map(
    ([n, c, h, w]): Case => ({ op: "Reshape", shape: [n, c, h, w], constants: [ints([n, h, c * w])] }),
  ),
  "Reshape 4-D": image.map(
    ([n, c, h, w]): Case => ({ op: "Reshape", shape: [n, c, h, w], constants: [ints([n, w, c, h])] }),
  ),
  Transpose: fc
    .record({
      shape: image,
      perm: fc.constantFrom([0, 1, 3, 2], [0, 2, 3, 1], [0, 3, 1, 2], [0, 2, 1, 3], [3, 2, 1, 0]),
    })
    .map(({ shape, perm }): Case => ({ op: "Transpose", shape, attributes: { perm } })),
  Squeeze: image.map(([, c, h]): Case => ({ op: "Squeeze", shape: [1, c, h, 1], constants: [ints([3])] })),
  Unsqueeze: image.map(([, c, h]): Case => ({ op: "Unsqueeze", shape: [1, c, h], constants: [ints([2])] })),
  Expand: image.map(([n, c, h, w]): Case => ({ op: "Expand", shape: [n, c, 1, 1], constants: [ints([n, c, h, w])] })),
  Gather: fc
    .record({
      shape: image,
      axis: int(1, 3),
      picks: fc.array(int(0, 0), { minLength: 1, maxLength: 4 }),
      negative: fc.boolean(),
    })
    .map(
      ({ shape, axis, picks, negative }): Case => ({
        op: "Gather",
        shape,
        attributes: { axis },
        constants: [ints(picks.map((_, i) => (negative ? -1 - (i % shape[axis]) : i % shape[axis])))],
      }),
    ),
  "Gather all channels": fc
    .record({ shape: image, step: fc.constantFrom(1, 5, 7) })
    .filter(({ shape, step }) => shape[1] % step !== 0 || step === 1)
    .map(
      ({ shape, step }): Case => ({
        op: "Gather",
        shape,
        attributes: { axis: 1 },
        // Every channel once: the step and their number have no common divisor.
        constants: [ints(Array.from({ length: shape[1] }, (_, i) => (shape[1] - 1 + i * step) % shape[1]))],
      }),
    ),
  "Gather one": image.map(
    (shape): Case => ({
      op: "Gather",
      shape,
      attributes: { axis: 2 },
      constants: [Constant.fromNumbers("int", [1], [])],
    }),
  ),
  DepthToSpace: fc
    .record({ c: int(1, 5), h: int(1, 5), w: int(1, 5), blocksize: int(1, 3), mode: fc.constantFrom("DCR", "CRD") })
    .map(
      ({ c, h, w, blocksize, mode }): Case => ({
        op: "DepthToSpace",
        shape: [1, c * blocksize ** 2, h, w],
        attributes: { blocksize, mode },
      }),
    ),
  SpaceToDepth: fc.record({ c: int(1, 5), h: int(1, 5), w: int(1, 5), blocksize: int(1, 3) }).map(
    ({ c, h, w, blocksize }): Case => ({
      op: "SpaceToDepth",
      shape: [1, c, h * blocksize, w * blocksize],
      attributes: { blocksize },
    }),
  ),
  Resize: resizeCase,
  Upsample: image.map(
    (shape): Case => ({
      op: "Upsample",
      shape,
      attributes: { mode: "nearest" },
      constants: [Constant.fromFloats(Float32Array.of(1, 1, 2, 3), [4])],
      opset: 9,
    }),
  ),
};

const slowOracle = { numRuns: 25, seed: 20, endOnFailure: true } as const;

describe("linear operators: as onnxruntime, and ⟨apply(x), dy⟩ = ⟨x, adjoint(dy)⟩", () => {
  for (const [name, cases] of Object.entries(linear)) {
    it(name, async () => {
      await fc.assert(
        fc.asyncProperty(cases, async (given) => {
          const graph = graphOf(given);
          const runner = new Runner(graph);
          const x = values(given.shape, 7);
          const y = runner.forward(x);
          const expected = (await reference(graph, x)).get("y0") as { data: Float32Array; dims: readonly number[] };
          expect(runner.shapeOf("y0")).toEqual([...expected.dims]);
          expect(worst(y, expected.data)).toBeLessThan(tolerance);

          const dy = values(runner.shapeOf("y0"), 11);
          const dx = runner.backward(x, dy);
          const zero = runner.forward(new Float32Array(x.length));
          const left = dot(
            y.map((value, i) => value - zero[i]),
            dy,
          );
          const scale = Math.sqrt(dot(y, y) * dot(dy, dy)) + 1;
          expect(Math.abs(left - dot(x, dx)) / scale).toBeLessThan(tolerance);

          // Three samples at once give the bits of three samples one by one.
          const batch = Float32Array.from([...x, ...x.map((value) => -value), ...dx]);
          const together = runner.forward(batch, "y0", 3);
          expect(together.slice(0, y.length)).toEqual(y);
          expect(runner.forward(batch.slice(2 * x.length))).toEqual(together.slice(2 * y.length));
        }),
        slowOracle,
      );
    });
  }
});

const unaryOperators: Readonly<Record<string, Partial<Case>>> = {
  Relu: {},
  LeakyRelu: { attributes: { alpha: 0.1 } },
  Elu: { attributes: { alpha: 0.7 } },
  Selu: {},
  Sigmoid: {},
  HardSigmoid: { attributes: { alpha: 0.3, beta: 0.4 } },
  HardSwish: {},
  Tanh: {},
  Softplus: {},
  Gelu: { opset: 20 },
  Mish: { opset: 18 },
  "Gelu tanh": { op: "Gelu", opset: 20, attributes: { approximate: "tanh" } },
  Erf: {},
  Exp: {},
  Abs: {},
  Clip: { constants: [scalar(-0.5), scalar(1)] },
  "Clip by attributes": { op: "Clip", opset: 10, attributes: { min: 0, max: 1.5 } },
  "Clip from below": { op: "Clip", constants: [scalar(0.2)] },
  PRelu: { constants: [floats([5, 1, 1], 3)] },
  "PRelu, one slope": { op: "PRelu", constants: [floats([1], 3)] },
  "PRelu, rank 1": { op: "PRelu", shape: [9], constants: [floats([1], 3)] },
  "PRelu, rank 1, a slope each": { op: "PRelu", shape: [9], constants: [floats([9], 3)] },
  "PRelu, rank 2": { op: "PRelu", shape: [3, 4], constants: [floats([4], 3)] },
  "Pow 2": { op: "Pow", constants: [scalar(2)] },
  "Pow 3": { op: "Pow", constants: [scalar(3)] },
  Max: { constants: [scalar(0.3)] },
  Min: { constants: [scalar(0.3)] },
  "1 / x": { op: "Div", dataPosition: 1, constants: [positive([1, 5, 4, 6], 2)] },
  "x·x broadcast": { op: "Mul", constants: [floats([1, 5, 1, 1], 2)] },
  Softmax: { attributes: { axis: 1 } },
  "Softmax, rows": { op: "Softmax", attributes: { axis: 3 } },
  "Softmax, opset 11": { op: "Softmax", opset: 11, attributes: { axis: 1 } },
  LogSoftmax: { attributes: { axis: 1 } },
  "LogSoftmax, columns": { op: "LogSoftmax", attributes: { axis: 2 } },
  LRN: { attributes: { size: 3, alpha: 0.3, beta: 0.75, bias: 1.5 } },
  InstanceNormalization: { constants: [floats([5], 4), floats([5], 5)] },
  MaxPool: { attributes: { kernel_shape: [2, 3], strides: [2, 2] } },
  "MaxPool dilated": { op: "MaxPool", attributes: { kernel_shape: [2, 2], dilations: [2, 2], strides: [1, 1] } },
  GlobalMaxPool: {},
};

describe("other operators: as onnxruntime, and derivatives as central differences", () => {
  for (const [name, given] of Object.entries(unaryOperators)) {
    it(name, async () => {
      const single: Case = { op: name, shape: [1, 5, 4, 6], ...given };
      const graph = graphOf(single);
      const runner = new Runner(graph);
      const x = values(single.shape, 23);
      const y = runner.forward(x);
      const expected = (await reference(graph, x)).get("y0") as { data: Float32Array };
      expect(worst(y, expected.data)).toBeLessThan(tolerance);

      const dy = values(runner.shapeOf("y0"), 29);
      const dx = runner.backward(x, dy);
      // A direction in which no kink is crossed: 1e-3 is small against the gaps between the random values.
      const direction = values(single.shape, 31);
      const step = 1e-3;
      const at = (sign: number): number =>
        dot(runner.forward(x.map((value, i) => value + sign * step * direction[i])), dy);
      const numeric = (at(1) - at(-1)) / (2 * step);
      const scale = Math.sqrt(dot(dx, dx) * dot(direction, direction)) + 1e-3;
      expect(Math.abs(numeric - dot(dx, direction)) / scale).toBeLessThan(5e-3);
    });
  }

  it("MaxPool over random windows", async () => {
    await fc.assert(
      fc.asyncProperty(maxPoolCase, async (given) => {
        const graph = graphOf(given);
        const runner = new Runner(graph);
        const x = values(given.shape, 7);
        const y = runner.forward(x);
        const expected = (await reference(graph, x)).get("y0") as { data: Float32Array };
        expect(worst(y, expected.data)).toBeLessThan(tolerance);
        // Every output is one input, so pulling ones back counts how often each input was the maximum.
        const counts = runner.backward(x, new Float32Array(y.length).fill(1));
        expect(dot(counts, x)).toBeCloseTo(
          y.reduce((a, b) => a + b, 0),
          2,
        );
      }),
      slowOracle,
    );
  });
});

describe("weights", () => {
  it("of float16 are exactly those numbers", () => {
    const half = Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x0001, 0x7bff, 0x8000);
    const numbers = Float32Array.of(1, -2, 0.333251953125, 2 ** -24, 65504, -0);
    const shape = [2, 3];
    const x = Float32Array.of(1, 2, 3);
    const gemm = (weight: Constant) =>
      new Runner(graphOf({ op: "Gemm", shape: [1, 3], attributes: { transB: 1 }, constants: [weight] }));
    const packed = gemm(Constant.fromBytes(new Uint8Array(half.buffer), "float16", shape));
    expect(packed.forward(x)).toEqual(gemm(Constant.fromFloats(numbers, shape)).forward(x));
    expect(packed.forward(x)[0]).toBeCloseTo(1 - 4 + 3 * 0.333251953125, 6);
  });
});

describe("rules", () => {
  const shape = [1, 3, 2, 2];
  const x = values(shape, 5);
  const dy = values(shape, 6);
  const runner = new Runner(graphOf({ op: "Relu", shape }));

  it("deconvnet ignores the forward mask and keeps positive signal", () => {
    expect(runner.backward(x, dy, { rectifier: "deconvnet" })).toEqual(dy.map((value) => Math.max(value, 0)));
  });

  it("guided backprop needs both to be positive", () => {
    const expected = dy.map((value, i) => (x[i] > 0 ? Math.max(value, 0) : 0));
    expect(runner.backward(x, dy, { rectifier: "guided" })).toEqual(expected);
  });
});
