/** Operators of several values that are all computed from the image. */

import { Constant } from "../../../src/graph/ir";
import fc from "../../seeded";
import { anyShape, floats, halves, type Sample, type Samples, scalar, seed, values } from "../sample";

const both = (op: string, more: Partial<Sample> = {}): fc.Arbitrary<Sample> =>
  anyShape.map((shape): Sample => ({ op, ...halves(shape), ...more }));

/** One of them has a single element along the last axis, and repeats. */
const repeated = (op: string, more: Partial<Sample> = {}): fc.Arbitrary<Sample> =>
  fc.tuple(anyShape, fc.boolean()).map(([shape, isFirst]): Sample => {
    const axis = shape.length - 1;
    return {
      op,
      shape: [...shape.slice(0, -1), shape[axis] + 1],
      constants: [Constant.fromNumbers("int", [1, shape[axis]], [2])],
      before: [{ op: "Split", inputs: ["x", "constant0"], outputs: ["a", "b"], attributes: { axis } }],
      inputs: isFirst ? ["a", "b"] : ["b", "a"],
      ...more,
    };
  });

const withConstant = (op: string, more: Partial<Sample> = {}): fc.Arbitrary<Sample> =>
  fc.tuple(anyShape, fc.boolean(), fc.boolean(), seed).map(
    ([shape, isFirst, repeats, n]): Sample => ({
      op,
      shape: repeats ? [...shape.slice(0, -1), 1] : shape,
      constants: [floats(shape, n)],
      dataPosition: isFirst ? 0 : 1,
      ...more,
    }),
  );

const any = (op: string): fc.Arbitrary<Sample> => fc.oneof(both(op), repeated(op), withConstant(op));

/** Divisors that are not small, and dividends on both sides of 0. */
const remainder = fc.tuple(anyShape, seed, fc.boolean()).map(([shape, n, isFirst]): Sample => {
  const divisors = Constant.fromFloats(
    values(shape, n).map((value) => (Math.floor(Math.abs(value) * 2) + 1) / 2),
    shape,
  );
  return isFirst
    ? { op: "Mod", shape, domain: "between", attributes: { fmod: 1 }, constants: [divisors] }
    : { op: "Mod", ...halves(shape), domain: "positive", attributes: { fmod: 1 } };
});

export const pairSamples: Samples = {
  ...Object.fromEntries(["Add", "Sub", "Mul", "Max", "Min", "Sum"].map((op) => [op, any(op)])),
  Div: fc.oneof(both("Div", { domain: "positive" }), repeated("Div", { domain: "positive" })),
  Mod: remainder,
  Pow: fc.oneof(
    both("Pow", { domain: "positive" }),
    repeated("Pow", { domain: "positive" }),
    fc
      .tuple(anyShape, seed)
      .map(([shape, n]): Sample => ({ op: "Pow", shape, constants: [floats(shape.slice(-1), n)], domain: "positive" })),
    anyShape.map((shape): Sample => ({ op: "Pow", shape, constants: [scalar(1.5)], dataPosition: 1 })),
  ),
  PRelu: fc.oneof(
    both("PRelu"),
    fc.tuple(anyShape, seed).map(([shape, n]): Sample => ({ op: "PRelu", shape, constants: [floats(shape, n)] })),
    fc
      .tuple(anyShape, seed)
      .map(([shape, n]): Sample => ({ op: "PRelu", shape, constants: [floats(shape.slice(-1), n)] })),
  ),
  Where: fc.tuple(anyShape, fc.integer({ min: 0, max: 2 }), seed).map(([shape, kind, n]): Sample => {
    const { before = [], shape: all } = halves(shape);
    return {
      op: "Where",
      shape: all,
      domain: "between",
      constants: [scalar(0), floats(shape.slice(-1), n)],
      before: [...before, { op: "Greater", inputs: ["a", "constant0"], outputs: ["p"] }],
      inputs: [
        "p",
        ...[
          ["a", "b"],
          ["b", "constant1"],
          ["constant1", "b"],
        ][kind],
      ],
    };
  }),
};
