/** Operators that are computed from constants alone. */

import { Constant, type ConstantKind } from "../../../src/graph/ir";
import { sizeOf } from "../../../src/tensor";
import fc from "../../seeded";
import {
  anyShape,
  type ConstantSample,
  type ConstantSamples,
  floats,
  int,
  list,
  scalar,
  seed,
  shapeOfRank,
  whole,
} from "../sample";

const numbers = (shape: readonly number[], n: number): number[] =>
  Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 7 + n) % 11) - 5);
const constant = (kind: ConstantKind, shape: readonly number[], n: number): Constant => {
  if (kind === "float") return floats(shape, n);
  const given = numbers(shape, n);
  return Constant.fromNumbers(kind, kind === "bool" ? given.map((one) => Number(one > 0)) : given, shape);
};

const one = (op: string, kind: ConstantKind): fc.Arbitrary<ConstantSample> =>
  fc.tuple(anyShape, seed).map(([shape, n]): ConstantSample => ({ op, inputs: [constant(kind, shape, n)] }));
const two = (op: string, kind: ConstantKind): fc.Arbitrary<ConstantSample> =>
  fc.tuple(anyShape, seed, fc.boolean()).map(([shape, n, repeated]): ConstantSample => {
    const other = constant(kind, repeated ? shape.slice(-1) : shape, n + 3);
    return { op, inputs: [constant(kind, shape, n), other] };
  });

const scattered = (op: string): fc.Arbitrary<ConstantSample> =>
  fc.tuple(shapeOfRank(2, 3), seed).map(([shape, n]): ConstantSample => {
    const data = floats(shape, n);
    if (op === "ScatterND") {
      return {
        op,
        inputs: [data, Constant.fromNumbers("int", [0, shape[1] - 1], [1, 2]), floats([1, ...shape.slice(2)], n)],
      };
    }
    const one = shape.map((extent, i) => (i === 1 ? 1 : extent));
    const at = Constant.fromNumbers("int", new Array(sizeOf(one)).fill(shape[1] - 1), one);
    return { op, attributes: { axis: 1 }, inputs: [data, at, floats(one, n)] };
  });

export const arithmeticSamples: ConstantSamples = {
  And: two("And", "bool"),
  Ceil: one("Ceil", "float"),
  ConstantOfShape: anyShape.map((shape): ConstantSample => ({ op: "ConstantOfShape", inputs: [list(shape)] })),
  Cos: one("Cos", "float"),
  CumSum: fc.tuple(anyShape, int(0, 1), int(0, 1), seed).map(
    ([shape, exclusive, reverse, n]): ConstantSample => ({
      op: "CumSum",
      attributes: { exclusive, reverse },
      inputs: [floats(shape, n), whole(1)],
    }),
  ),
  Equal: two("Equal", "int"),
  EyeLike: fc
    .tuple(int(1, 5), int(1, 5), int(-1, 2))
    .map(([h, w, k]): ConstantSample => ({ op: "EyeLike", attributes: { k }, inputs: [floats([h, w], 1)] })),
  Floor: one("Floor", "float"),
  Greater: two("Greater", "float"),
  GreaterOrEqual: two("GreaterOrEqual", "float"),
  IsInf: one("IsInf", "float"),
  IsNaN: one("IsNaN", "float"),
  Less: two("Less", "float"),
  LessOrEqual: two("LessOrEqual", "float"),
  Mod: fc
    .tuple(anyShape, int(1, 5), seed)
    .map(([shape, n, from]): ConstantSample => ({ op: "Mod", inputs: [constant("int", shape, from), whole(n)] })),
  NonZero: one("NonZero", "int"),
  Not: one("Not", "bool"),
  OneHot: fc.tuple(anyShape, int(1, 5), seed).map(
    ([shape, depth, n]): ConstantSample => ({
      op: "OneHot",
      inputs: [
        Constant.fromNumbers(
          "int",
          numbers(shape, n).map((one) => Math.abs(one) % depth),
          shape,
        ),
        whole(depth),
        floats([2], n),
      ],
    }),
  ),
  Or: two("Or", "bool"),
  Range: fc
    .tuple(int(-5, 5), int(-5, 9), int(1, 3))
    .map(([from, to, step]): ConstantSample => ({ op: "Range", inputs: [whole(from), whole(to), whole(step)] })),
  Round: one("Round", "float"),
  ScatterElements: scattered("ScatterElements"),
  ScatterND: scattered("ScatterND"),
  Shape: one("Shape", "float"),
  Sign: one("Sign", "float"),
  Sin: one("Sin", "float"),
  Size: one("Size", "float"),
  Trilu: fc.tuple(shapeOfRank(2, 4), int(-1, 1), int(0, 1), seed).map(
    ([shape, k, upper, n]): ConstantSample => ({
      op: "Trilu",
      attributes: { upper },
      inputs: [floats(shape, n), whole(k)],
    }),
  ),
  Truncate: fc.tuple(anyShape, seed).map(([shape, n]): ConstantSample => {
    const given = floats(shape, n);
    return { op: "Truncate", inputs: [given], expected: given.floats().map(Math.trunc) };
  }),
  Xor: two("Xor", "bool"),
  ...Object.fromEntries(
    ["QuantizeLinear", "com.microsoft::QuantizeLinear"].map((op) => [
      op,
      fc.tuple(anyShape, seed).map(
        ([shape, n]): ConstantSample => ({
          op,
          inputs: [floats(shape, n), scalar(0.25), Constant.fromNumbers("int", [-3], [], "int8")],
          expected: Float32Array.from(floats(shape, n).floats(), (one) => {
            const whole = Math.round(one / 0.25);
            const even = whole - one / 0.25 === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
            return Math.min(Math.max(even - 3, -128), 127);
          }),
        }),
      ),
    ]),
  ),
  ...Object.fromEntries(
    ["DequantizeLinear", "com.microsoft::DequantizeLinear"].map((op) => [
      op,
      fc.tuple(anyShape, seed).map(
        ([shape, n]): ConstantSample => ({
          op,
          inputs: [constant("int", shape, n), scalar(0.25)],
          expected: Float32Array.from(numbers(shape, n), (one) => one * 0.25),
        }),
      ),
    ]),
  ),
};
