/** Operators that jump, and so have no gradient. */

import { Constant } from "../../../src/graph/ir";
import fc from "../../seeded";
import { anyShape, halves, type Sample, type Samples, scalar, seed, values } from "../sample";

const eighths = (shape: readonly number[], n: number): Constant =>
  Constant.fromFloats(
    values(shape, n).map((value) => Math.round(value * 8) / 8),
    shape,
  );

/** Of whole numbers, of which some are equal. */
const rounded = { before: [{ op: "Round", inputs: ["x"], outputs: ["r"] }], domain: "between" } as const;

const alone = (op: string): fc.Arbitrary<Sample> => anyShape.map((shape): Sample => ({ op, shape, domain: "between" }));

const compared = (op: string): fc.Arbitrary<Sample> =>
  fc.tuple(anyShape, fc.integer({ min: 0, max: 3 }), seed).map(([shape, kind, n]): Sample => {
    if (kind === 0)
      return { op, shape, domain: "between", constants: [eighths(shape.slice(-1), n)], dataPosition: n % 2 };
    if (kind === 1) return { op, shape, ...rounded, constants: [scalar(n % 2)], inputs: ["r", "constant0"] };
    // Two computed values, which never meet.
    const { before = [], shape: both } = halves(shape);
    const apart = { op: "Add", inputs: ["b", "constant0"], outputs: ["c"] };
    return {
      op,
      shape: both,
      domain: "between",
      constants: [scalar(1 / 16)],
      before: [...before, apart],
      inputs: n % 2 ? ["a", "c"] : ["c", "a"],
    };
  });

const positive = (from: string, to: string, than: string) => ({ op: "Greater", inputs: [from, than], outputs: [to] });

/** Of two booleans that are computed from the image, or of one and a constant. */
const logical = (op: string): fc.Arbitrary<Sample> =>
  fc.tuple(anyShape, fc.boolean()).map(([shape, isConstant]): Sample => {
    const { before = [], shape: both } = halves(shape);
    const mask = Constant.fromNumbers("bool", [1], []);
    return {
      op,
      shape: both,
      domain: "between",
      constants: [scalar(0), mask],
      before: [...before, positive("a", "p", "constant0"), positive("b", "q", "constant0")],
      inputs: ["p", isConstant ? "constant1" : "q"],
    };
  });

export const stepSamples: Samples = {
  ...Object.fromEntries(["Ceil", "Floor", "Round", "Sign"].map((op) => [op, alone(op)])),
  ...Object.fromEntries(["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"].map((op) => [op, compared(op)])),
  ...Object.fromEntries(["And", "Or", "Xor"].map((op) => [op, logical(op)])),
  IsInf: anyShape.map(
    (shape): Sample => ({
      op: "IsInf",
      shape,
      domain: "between",
      constants: [scalar(0)],
      before: [
        { op: "Round", inputs: ["x"], outputs: ["r"] },
        { op: "Reciprocal", inputs: ["r"], outputs: ["i"] },
      ],
      inputs: ["i"],
      attributes: { detect_negative: shape[1] % 2 },
    }),
  ),
  IsNaN: anyShape.map(
    (shape): Sample => ({
      op: "IsNaN",
      shape,
      domain: "between",
      before: [
        { op: "Round", inputs: ["x"], outputs: ["r"] },
        { op: "Sqrt", inputs: ["r"], outputs: ["s"] },
      ],
      inputs: ["s"],
    }),
  ),
  Not: anyShape.map(
    (shape): Sample => ({
      op: "Not",
      shape,
      domain: "between",
      constants: [scalar(0)],
      before: [positive("x", "p", "constant0")],
      inputs: ["p"],
    }),
  ),
  Truncate: anyShape.map(
    (shape): Sample => ({ op: "Truncate", shape, domain: "between", expected: (x) => x.map(Math.trunc) }),
  ),
};
