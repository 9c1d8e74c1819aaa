/** Operators that are written by others, and uses of operators that are. */

import { Constant } from "../../../src/graph/ir";
import fc from "../../seeded";
import {
  anyShape,
  floats,
  halves,
  int,
  list,
  type Sample,
  type Samples,
  scalar,
  seed,
  shapeOfRank,
  whole,
} from "../sample";

const maps = shapeOfRank(3, 4);

const pool = fc.tuple(maps, int(1, 3), int(0, 1), seed).map(([shape, p, ceil, n]): Sample => {
  const kernel = shape.slice(2).map((extent, i) => 1 + ((n >> i) % Math.min(3, extent)));
  return {
    op: "LpPool",
    shape,
    opset: 18,
    // One that begins at a 0 keeps its gradient finite.
    before: [{ op: "Relu", inputs: ["x"], outputs: ["r"] }],
    inputs: ["r"],
    domain: "between",
    attributes: {
      p,
      kernel_shape: kernel,
      strides: kernel.map((_, i) => 1 + ((n >> (i + 3)) % 2)),
      pads: [...kernel, ...kernel].map((extent) => (n % 3 ? 0 : extent >> 1)),
      ceil_mode: n % 3 ? ceil : 0,
    },
  };
});

const padded = fc
  .record({
    shape: shapeOfRank(2, 6),
    mode: fc.constantFrom("reflect", "edge", "wrap"),
    from: seed,
  })
  .map(({ shape, mode, from }): Sample => {
    const room = shape.map((extent, axis) => (axis === 0 ? 0 : mode === "reflect" ? extent - 1 : extent));
    const pads = [...room, ...room].map((most, i) => (most < 0 ? 0 : (from >> (i % 16)) % (most + 1)));
    return { op: "Pad", shape, opset: 19, attributes: { mode }, constants: [list(pads)] };
  });

const sizes = fc.tuple(int(1, 9), int(1, 9), int(1, 9));

/** Any one axis behind the first, or two. */
const resizedAnywhere = fc
  .record({ shape: shapeOfRank(2, 5), mode: fc.constantFrom("nearest", "linear"), sizes, from: seed })
  .map(({ shape, mode, sizes: extents, from }): Sample => {
    const axis = 1 + (from % (shape.length - 1));
    return {
      op: "Resize",
      shape,
      opset: 18,
      attributes: { mode, axes: [axis], coordinate_transformation_mode: "half_pixel" },
      constants: ["", "", list([extents[0]])],
    };
  })
  // onnxruntime blends images of this rank alone, and along these axes.
  .map((sample): Sample => ({ ...sample, attributes: { ...sample.attributes, mode: "nearest" } }));

const channelsLast = fc.tuple(shapeOfRank(4, 4), sizes).map(
  ([[, c, h, w], [height, width]]): Sample => ({
    op: "Resize",
    shape: [1, h, w, c],
    opset: 18,
    attributes: { mode: "linear", coordinate_transformation_mode: "half_pixel" },
    constants: ["", "", list([1, height, width, c])],
  }),
);

const antialiased = fc
  .record({
    shape: shapeOfRank(4, 4),
    mode: fc.constantFrom("linear", "cubic"),
    coordinate: fc.constantFrom("half_pixel", "align_corners", "asymmetric"),
    sizes,
    exclude: int(0, 1),
  })
  .map(
    ({ shape, mode, coordinate, sizes: [height, width], exclude }): Sample => ({
      op: "Resize",
      shape: [1, shape[1], shape[2] + 6, shape[3] + 4],
      opset: 18,
      attributes: {
        mode,
        antialias: 1,
        coordinate_transformation_mode: coordinate,
        ...(mode === "cubic" && { exclude_outside: exclude }),
      },
      constants: ["", "", list([1, shape[1], height, width])],
    }),
  );

const excluding = fc.tuple(shapeOfRank(4, 4), sizes).map(
  ([shape, [height, width]]): Sample => ({
    op: "Resize",
    shape: [1, shape[1], shape[2] + 3, shape[3] + 3],
    opset: 18,
    attributes: { mode: "cubic", exclude_outside: 1, coordinate_transformation_mode: "half_pixel" },
    constants: ["", "", list([1, shape[1], height, width])],
  }),
);

const cropped = fc
  .record({
    shape: shapeOfRank(4, 4),
    mode: fc.constantFrom("nearest", "linear"),
    sizes,
    value: fc.constantFrom(0, 1.5),
    from: int(-4, 2),
    to: int(6, 12),
  })
  .map(
    ({ shape, mode, sizes: [height, width], value, from, to }): Sample => ({
      op: "Resize",
      shape: [1, shape[1], shape[2] + 2, shape[3] + 2],
      opset: 18,
      attributes: { mode, coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: value },
      constants: [
        Constant.fromFloats(Float32Array.of(0, 0, from / 8, 0.125, 1, 1, to / 8, 0.875), [8]),
        "",
        list([1, shape[1], height, width]),
      ],
    }),
  );

export const writtenSamples: Samples = {
  Cast: fc.tuple(anyShape, fc.constantFrom(7, 9)).map(
    ([shape, to]): Sample => ({
      op: "Cast",
      shape,
      domain: "between",
      before: [{ op: "Relu", inputs: ["x"], outputs: ["r"] }],
      inputs: ["r"],
      attributes: { to },
    }),
  ),
  Celu: fc
    .tuple(anyShape, int(1, 16))
    .map(([shape, n]): Sample => ({ op: "Celu", shape, attributes: { alpha: n / 8 } })),
  Clip: anyShape.map((shape): Sample => {
    const { before = [], ...split } = halves(shape);
    return {
      op: "Clip",
      ...split,
      domain: "between",
      constants: [scalar(-0.5), list([-1]), whole(0), scalar(1 / 16)],
      before: [
        ...before,
        { op: "Reshape", inputs: ["b", "constant1"], outputs: ["flat"] },
        { op: "Gather", inputs: ["flat", "constant2"], outputs: ["first"] },
        { op: "Add", inputs: ["first", "constant3"], outputs: ["bound"] },
      ],
      inputs: ["a", "constant0", "bound"],
    };
  }),
  GlobalLpPool: fc
    .tuple(maps, int(1, 3))
    .map(([shape, p]): Sample => ({ op: "GlobalLpPool", shape, opset: 18, attributes: { p } })),
  Hardmax: anyShape.chain((shape) =>
    fc.tuple(int(1, shape.length - 1), fc.constantFrom(11, 13)).map(
      ([axis, opset]): Sample => ({
        op: "Hardmax",
        shape,
        opset,
        domain: "between",
        attributes: { axis },
        // Whole numbers, of which several are the largest.
        before: [{ op: "Round", inputs: ["x"], outputs: ["r"] }],
        inputs: ["r"],
      }),
    ),
  ),
  LpNormalization: anyShape.chain((shape) =>
    fc
      .tuple(int(1, shape.length - 1), int(1, 2))
      .map(([axis, p]): Sample => ({ op: "LpNormalization", shape, attributes: { axis, p } })),
  ),
  LpPool: pool,
  Max: fc.tuple(anyShape, seed).map(([shape, n]): Sample => {
    const op = n % 2 ? "Max" : "Min";
    return { op, ...halves(shape), constants: [floats(shape.slice(-1), n)], inputs: ["a", "constant0", "b"] };
  }),
  Mean: fc.tuple(anyShape, seed).map(
    ([shape, n]): Sample => ({
      op: "Mean",
      ...halves(shape),
      constants: [floats(shape.slice(-1), n)],
      inputs: ["a", "b", "constant0"],
    }),
  ),
  MeanVarianceNormalization: shapeOfRank(4, 4).map(
    ([, c, h, w]): Sample => ({
      op: "MeanVarianceNormalization",
      shape: [1, c, h + 1, w + 1],
      attributes: { axes: [0, 2, 3] },
    }),
  ),
  Pad: padded,
  Resize: fc.oneof(resizedAnywhere, channelsLast, antialiased, excluding, cropped),
  Softsign: anyShape.map((shape): Sample => ({ op: "Softsign", shape })),
  Trilu: anyShape.map((shape): Sample => ({ op: "Trilu", shape, constants: [whole(0)] })),
  ...Object.fromEntries(
    ["transA", "both"].map((name) => [
      `Gemm ${name}`,
      fc.tuple(int(1, 5), int(1, 6), int(1, 5), seed).map(
        ([rows, inner, columns, n]): Sample => ({
          op: "Gemm",
          shape: name === "both" ? [inner, 2 * Math.max(rows, 1)] : [inner, rows],
          attributes: { transA: 1, alpha: 0.5 },
          ...(name === "both"
            ? {
                before: [{ op: "Split", inputs: ["x"], outputs: ["a", "b"], attributes: { axis: 1 } }],
                inputs: ["a", "b"],
              }
            : { constants: [floats([inner, columns], n), floats([rows, columns], n)] }),
        }),
      ),
    ]),
  ),
  MatMul: fc.oneof(
    fc.tuple(anyShape, int(1, 5), seed).map(
      ([shape, rows, n]): Sample => ({
        op: "MatMul",
        shape,
        constants: [floats([rows, shape[shape.length - 2]], n)],
        dataPosition: 1,
      }),
    ),
    fc.tuple(shapeOfRank(4, 4), int(1, 5), seed).map(
      ([shape, columns, n]): Sample => ({
        op: "MatMul",
        shape,
        constants: [floats([shape[1], shape[3], columns], n)],
      }),
    ),
    fc
      .tuple(anyShape, seed)
      .map(([shape, n]): Sample => ({ op: "MatMul", shape, constants: [floats(shape.slice(-1), n)] })),
  ),
};
