/** Layers, pools, norms and reductions. */
import fc from "../../seeded";
import { anyShape, floats, int, list, positive, type Sample, type Samples, seed, shapeOfRank, whole } from "../sample";

const maps = shapeOfRank(3, 4);
const each = <T>(shape: readonly number[], make: (axis: number) => T): T[] =>
  shape.slice(2).map((_, axis) => make(axis));

/** A window that fits the map: kernels no larger than it. */
const windowOf = (shape: readonly number[], n: number) => {
  const kernel = each(shape, (axis) => 1 + ((n >> axis) % Math.min(3, shape[2 + axis])));
  return {
    kernel_shape: kernel,
    strides: each(shape, (axis) => 1 + ((n >> (axis + 3)) % 2)),
    pads: [...kernel, ...kernel].map((extent) => (n % 5 ? 0 : extent >> 1)),
  };
};

const pooled = (op: string): fc.Arbitrary<Sample> =>
  fc.tuple(maps, seed).map(([shape, n]): Sample => ({ op, shape, attributes: windowOf(shape, n) }));

const axis = (op: string): fc.Arbitrary<Sample> =>
  anyShape.chain((shape) =>
    fc
      .tuple(int(1, shape.length - 1), fc.constantFrom(9, 11, 13, 17))
      .map(([at, opset]): Sample => ({ op, shape, opset, attributes: { axis: opset < 11 ? at : at - shape.length } })),
  );

/** Axes are an attribute, or an input: ReduceSum since set 13, the others since 18. */
const reduced = (op: string): fc.Arbitrary<Sample> =>
  anyShape.chain((shape) =>
    fc
      .record({
        axes: fc.subarray(shape.map((_, i) => i).slice(1), { minLength: 1 }),
        keepdims: int(0, 1),
        byInput: fc.boolean(),
      })
      .map(
        ({ axes, keepdims, byInput }): Sample => ({
          op,
          shape,
          opset: byInput ? 18 : 12,
          attributes: { keepdims, ...(!byInput && { axes }) },
          constants: byInput ? [list(axes)] : [],
          ...(["ReduceLogSum", "ReduceL1", "ReduceL2", "ReduceProd"].includes(op) && { domain: "positive" }),
        }),
      ),
  );

const reductions = ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"];

export const layerSamples: Samples = {
  AveragePool: pooled("AveragePool"),
  BatchNormalization: fc.tuple(maps, seed).map(([shape, n]): Sample => {
    const c = [shape[1]];
    return {
      op: "BatchNormalization",
      shape,
      constants: [floats(c, n), floats(c, n + 1), floats(c, n + 2), positive(c, n + 3)],
    };
  }),
  Conv: fc.tuple(maps, int(1, 9), seed).map(([shape, out, n]): Sample => {
    const attributes = windowOf(shape, n);
    return {
      op: "Conv",
      shape,
      attributes,
      constants: [floats([out, shape[1], ...attributes.kernel_shape], n), floats([out], n + 1)],
    };
  }),
  ConvTranspose: fc.tuple(maps, int(1, 9), seed).map(([shape, out, n]): Sample => {
    const { kernel_shape, strides } = windowOf(shape, n);
    return {
      op: "ConvTranspose",
      shape,
      attributes: { kernel_shape, strides },
      constants: [floats([shape[1], out, ...kernel_shape], n), floats([out], n + 1)],
    };
  }),
  Gemm: fc.tuple(int(1, 20), int(1, 12), fc.boolean(), seed).map(
    ([inputs, outputs, turned, n]): Sample => ({
      op: "Gemm",
      shape: [1, inputs],
      attributes: { transB: Number(turned), alpha: 0.5, beta: 2 },
      constants: [floats(turned ? [outputs, inputs] : [inputs, outputs], n), floats([outputs], n + 1)],
    }),
  ),
  CumSum: anyShape.chain((shape) =>
    fc.tuple(int(1, shape.length - 1), int(0, 1), int(0, 1)).map(
      ([at, exclusive, reverse]): Sample => ({
        op: "CumSum",
        shape,
        attributes: { exclusive, reverse },
        constants: [whole(reverse ? at : at - shape.length)],
      }),
    ),
  ),
  GlobalAveragePool: maps.map((shape): Sample => ({ op: "GlobalAveragePool", shape })),
  GlobalMaxPool: maps.map((shape): Sample => ({ op: "GlobalMaxPool", shape })),
  GridSample: fc
    .record({
      shape: shapeOfRank(4, 4),
      out: fc.tuple(int(1, 4), int(1, 4)),
      mode: fc.constantFrom("bilinear", "nearest", "linear"),
      padding: fc.constantFrom("zeros", "border", "reflection"),
      corners: int(0, 1),
      kind: int(0, 2),
      from: seed,
    })
    .map(({ shape: [, c, h, w], out: [height, width], mode, padding, corners, kind, from }): Sample => {
      const common = {
        op: "GridSample",
        opset: mode === "linear" ? 20 : 16,
        attributes: { mode, padding_mode: padding, align_corners: corners },
      };
      // Nearest pixels jump: none lies at a half where numbers are odd sixteenths and no extent is their multiple.
      const domain = mode === "nearest" ? ({ domain: "between" } as const) : {};
      if (kind === 0) return { ...common, shape: [1, c, h, w], constants: [floats([1, height, width, 2], from)] };
      if (kind === 1) {
        const constants = [floats([1, c, h, w], from)];
        return { ...common, ...domain, shape: [1, height, width, 2], constants, dataPosition: 1 };
      }
      // A grid that is computed of the image itself.
      return {
        ...common,
        ...domain,
        shape: [1, 2, 3, 3],
        constants: [list([1, 3, 3, 2])],
        before: [{ op: "Reshape", inputs: ["x", "constant0"], outputs: ["grid"] }],
        inputs: ["x", "grid"],
      };
    }),
  InstanceNormalization: fc.tuple(shapeOfRank(4, 4), seed).map(
    ([[, c, h, w], n]): Sample => ({
      op: "InstanceNormalization",
      shape: [1, c, h + 1, w + 1],
      constants: [floats([c], n), floats([c], n + 1)],
    }),
  ),
  LRN: shapeOfRank(4, 4).map(
    (shape): Sample => ({ op: "LRN", shape, attributes: { size: 3, alpha: 0.3, beta: 0.75, bias: 1.5 } }),
  ),
  LayerNormalization: fc.tuple(anyShape, seed).map(([shape, n]): Sample => {
    const wide = [...shape, 4];
    return {
      op: "LayerNormalization",
      shape: wide,
      attributes: { axis: -1 },
      constants: [floats([4], n), floats([4], n + 1)],
    };
  }),
  LogSoftmax: axis("LogSoftmax"),
  MatMul: fc
    .tuple(anyShape, int(1, 9), seed)
    .map(
      ([shape, out, n]): Sample => ({ op: "MatMul", shape, constants: [floats([shape[shape.length - 1], out], n)] }),
    ),
  MaxPool: pooled("MaxPool"),
  MaxUnpool: shapeOfRank(4, 4).map(
    ([, c, h, w]): Sample => ({
      op: "MaxUnpool",
      shape: [1, c, 2 * h, 2 * w],
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
      before: [
        {
          op: "MaxPool",
          inputs: ["x"],
          outputs: ["a", "b"],
          attributes: { kernel_shape: [2, 2], strides: [2, 2] },
        },
      ],
      inputs: ["a", "b"],
    }),
  ),
  RMSNormalization: fc.tuple(anyShape, seed).map(
    ([shape, n]): Sample => ({
      op: "RMSNormalization",
      shape: [...shape, 4],
      opset: 23,
      attributes: { axis: -1 },
      constants: [floats([4], n)],
    }),
  ),
  Softmax: axis("Softmax"),
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, reduced(`Reduce${name}`)])),
};
