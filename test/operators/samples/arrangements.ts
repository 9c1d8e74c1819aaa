/** Operators that move, repeat, blend or leave out elements. */

import { Constant } from "../../../src/graph/ir";
import fc from "../../seeded";
import { anyShape, floats, int, list, type Sample, type Samples, scalar, seed, shapeOfRank, whole } from "../sample";

const axisOf = (shape: readonly number[], from = 1): fc.Arbitrary<number> => int(from, shape.length - 1);
const alongAxis = (make: (shape: readonly number[], axis: number, n: number) => Sample): fc.Arbitrary<Sample> =>
  anyShape.chain((shape) => fc.tuple(axisOf(shape), seed).map(([axis, n]) => make(shape, axis, n)));
const indices = (shape: readonly number[], extent: number, n: number): Constant =>
  Constant.fromNumbers(
    "int",
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7 + n) % (2 * extent)) - extent),
    shape,
  );
const blocks = fc.record({ c: int(1, 5), h: int(1, 4), w: int(1, 4), blocksize: int(1, 3) });

const resized = fc
  .record({
    shape: shapeOfRank(3, 4),
    mode: fc.constantFrom("nearest", "linear"),
    coordinate: fc.constantFrom("half_pixel", "align_corners", "asymmetric"),
    extents: fc.tuple(int(1, 9), int(1, 9)),
    opset: fc.constantFrom(11, 13, 18),
  })
  .map(
    ({ shape, mode, coordinate, extents, opset }): Sample => ({
      op: "Resize",
      shape,
      opset,
      attributes: { mode, coordinate_transformation_mode: coordinate },
      constants: [
        opset === 11 ? floats([0], 1) : "",
        opset === 11 ? floats([0], 1) : "",
        list([...shape.slice(0, 2), ...extents.slice(0, shape.length - 2)]),
      ],
    }),
  );
/** Set 10: scales alone, and their own rounding. */
const resizedOnce = shapeOfRank(4, 4).map(
  (shape): Sample => ({
    op: "Resize",
    shape,
    opset: 10,
    attributes: { mode: "nearest" },
    constants: [Constant.fromFloats(Float32Array.of(1, 1, 2, 3), [4])],
  }),
);

export const arrangementSamples: Samples = {
  Concat: alongAxis((shape, axis, n) => ({
    op: "Concat",
    shape,
    attributes: { axis: n % 2 ? axis : axis - shape.length },
    constants: [
      floats(
        shape.map((extent, i) => (i === axis ? 1 + (n % 3) : extent)),
        n,
      ),
    ],
    dataPosition: n % 2,
  })),
  DepthToSpace: fc.tuple(blocks, fc.constantFrom("DCR", "CRD")).map(
    ([{ c, h, w, blocksize }, mode]): Sample => ({
      op: "DepthToSpace",
      shape: [1, c * blocksize ** 2, h, w],
      attributes: { blocksize, mode },
    }),
  ),
  Expand: anyShape.chain((shape) =>
    fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }).map(
      (kept): Sample => ({
        op: "Expand",
        shape: shape.map((extent, i) => (kept[i] || i === 0 ? extent : 1)),
        constants: [list(shape)],
      }),
    ),
  ),
  Flatten: anyShape.map((shape): Sample => ({ op: "Flatten", shape })),
  Gather: alongAxis((shape, axis, n) => ({
    op: "Gather",
    shape,
    attributes: { axis },
    constants: [indices([[], [3], [2, 2]][n % 3], shape[axis], n)],
  })),
  GatherElements: alongAxis((shape, axis, n) => ({
    op: "GatherElements",
    shape,
    attributes: { axis },
    constants: [indices(shape, shape[axis], n)],
  })),
  GatherND: anyShape.map(
    (shape): Sample => ({
      op: "GatherND",
      shape,
      constants: [Constant.fromNumbers("int", [0, shape[1] - 1, 0, -1], [2, 2])],
    }),
  ),
  InputPart: shapeOfRank(2, 2).map(
    ([, c]): Sample => ({
      op: "InputPart",
      shape: [1, c + 3],
      attributes: { shape: [1, c], start: 2 },
      expected: (x) => x.slice(2, 2 + c),
    }),
  ),
  Pad: fc
    .record({
      shape: shapeOfRank(3, 4),
      mode: fc.constantFrom("constant", "edge"),
      pads: fc.array(int(0, 2), { minLength: 4, maxLength: 4 }),
    })
    .map(({ shape, mode, pads }): Sample => {
      const places = shape.length - 2;
      const all = [0, 0, ...pads.slice(0, places), 0, 0, ...pads.slice(2, 2 + places)];
      return {
        op: "Pad",
        shape,
        attributes: { mode },
        constants: [list(all), ...(mode === "constant" ? [scalar(0.5)] : [])],
      };
    }),
  Reshape: anyShape.map((shape): Sample => ({ op: "Reshape", shape, constants: [list([1, -1, shape[1]])] })),
  Resize: fc.oneof(resized, resizedOnce),
  ScatterElements: alongAxis((shape, axis, n) => {
    const extents = shape.map((extent, i) => (i === axis ? 1 + (n % 3) : Math.max(1, extent - (n % 2))));
    // Distinct along the axis, or the last one would not be defined.
    const at = extents.map((extent, i) => (i === axis ? Math.min(extent, shape[axis]) : extent));
    const inner = at.slice(axis + 1).reduce((a, b) => a * b, 1);
    const places = Array.from(
      { length: at.reduce((a, b) => a * b, 1) },
      (_, i) => (((Math.floor(i / inner) % at[axis]) + n) % shape[axis]) - (n % 2) * shape[axis],
    );
    return {
      op: "ScatterElements",
      shape: n % 4 < 3 ? shape : at,
      opset: 18,
      attributes: { axis, ...(n % 3 === 1 && { reduction: ["add", "mul"][n % 2] }) },
      constants: [Constant.fromNumbers("int", places, at), floats(n % 4 < 3 ? at : shape, n)],
      ...(n % 4 === 3 && { inputs: ["constant1", "constant0", "x"] }),
    };
  }),
  ScatterND: alongAxis((shape, _, n) => {
    const [indices, front] = n % 2 ? [[0, shape[1] - 1], [1]] : [[0, 0, 0, shape[1] - 1, 0, 0], [3]];
    const isRepeated = n % 2 === 0;
    const reduction = isRepeated ? ["add", "mul", "max", "min"][n % 4] : "none";
    const updates = [...front, ...shape.slice(2)];
    return {
      op: "ScatterND",
      shape: n % 3 ? shape : updates,
      opset: 18,
      attributes: { reduction },
      constants: [Constant.fromNumbers("int", indices, [...front, 2]), floats(n % 3 ? updates : shape, n)],
      ...(n % 3 === 0 && { inputs: ["constant1", "constant0", "x"] }),
    };
  }),
  Slice: alongAxis((shape, axis, n) => {
    const back = n % 2 === 1;
    return {
      op: "Slice",
      shape,
      constants: [
        list([back ? -1 : 0]),
        list([back ? -99 : 99]),
        list([axis]),
        list([(1 + (n % 3)) * (back ? -1 : 1)]),
      ],
    };
  }),
  SpaceToDepth: blocks.map(
    ({ c, h, w, blocksize }): Sample => ({
      op: "SpaceToDepth",
      shape: [1, c, h * blocksize, w * blocksize],
      attributes: { blocksize },
    }),
  ),
  Split: alongAxis((shape, axis, n) => {
    const extents = shape.map((extent, i) => (i === axis ? extent + 1 : extent));
    const first = 1 + (n % shape[axis]);
    return {
      op: "Split",
      shape: extents,
      attributes: { axis },
      constants: [list([first, extents[axis] - first])],
      outputs: 2,
    };
  }),
  Squeeze: anyShape.map(
    (shape): Sample => ({ op: "Squeeze", shape: [...shape, 1], constants: [list([shape.length])] }),
  ),
  Tile: anyShape.chain((shape) =>
    fc
      .array(int(1, 3), { minLength: shape.length, maxLength: shape.length })
      .map((repeats): Sample => ({ op: "Tile", shape, constants: [list(repeats.map((n, i) => (i === 0 ? 1 : n)))] })),
  ),
  Transpose: anyShape.chain((shape) =>
    fc
      .shuffledSubarray(shape.map((_, i) => i).slice(1), { minLength: shape.length - 1, maxLength: shape.length - 1 })
      .map((perm): Sample => ({ op: "Transpose", shape, attributes: { perm: [0, ...perm] } })),
  ),
  Trilu: fc
    .tuple(shapeOfRank(2, 5), int(-3, 3), int(0, 1))
    .map(([shape, k, upper]): Sample => ({ op: "Trilu", shape, attributes: { upper }, constants: [whole(k)] })),
  Unsqueeze: shapeOfRank(2, 4).chain((shape) =>
    int(1, shape.length).map((axis): Sample => ({ op: "Unsqueeze", shape, constants: [list([axis])] })),
  ),
  Upsample: fc.tuple(shapeOfRank(4, 4), fc.constantFrom(7, 9)).map(
    ([shape, opset]): Sample => ({
      op: "Upsample",
      shape,
      opset,
      attributes: opset === 7 ? { mode: "nearest", scales: [1, 1, 2, 3] } : { mode: "nearest" },
      constants: opset === 7 ? [] : [Constant.fromFloats(Float32Array.of(1, 1, 2, 3), [4])],
    }),
  ),
  Where: fc.tuple(anyShape, seed).map(
    ([shape, n]): Sample => ({
      op: "Where",
      shape,
      constants: [
        Constant.fromNumbers(
          "bool",
          Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 5 + n) % 3 ? 1 : 0)),
          shape,
        ),
        floats(shape.slice(-1), n),
      ],
      dataPosition: 1,
    }),
  ),
};
