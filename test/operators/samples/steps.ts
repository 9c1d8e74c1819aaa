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

/** Numbers of which no two along the last axis are nearer than 0.01, whatever multiples of 1/8 they are made of. */
const apart = (extent: number) => ({
  constant: Constant.fromFloats(
    Float32Array.from({ length: extent }, (_, i) => (i % 12) / 100),
    [extent],
  ),
  before: { op: "Add", inputs: ["x", "constant0"], outputs: ["apart"] },
  domain: "between" as const,
});

const ranked = fc
  .record({
    shape: anyShape,
    largest: fc.boolean(),
    axis: fc.integer({ min: 1, max: 4 }),
    old: fc.boolean(),
    count: seed,
  })
  .map(({ shape, largest, axis: wanted, old, count }): Sample => {
    const { constant, before, domain } = apart(shape[shape.length - 1]);
    // What is apart along the last axis need not be along another one.
    const axis = old ? 1 : Math.min(wanted, shape.length - 1);
    const isLast = axis === shape.length - 1;
    const spread = Constant.fromFloats(
      Float32Array.from({ length: shape[axis] }, (_, i) => (i % 12) / 100),
      shape.map((extent, i) => (i === axis ? extent : 1)),
    );
    const k = 1 + (count % shape[axis]);
    return {
      op: "TopK",
      shape,
      domain,
      outputs: 2,
      before: [before],
      ...(old
        ? { opset: 9, constants: [spread], inputs: ["apart"], attributes: { axis, k } }
        : {
            constants: [isLast ? constant : spread, Constant.fromNumbers("int", [k], [1])],
            inputs: ["apart", "constant1"],
            attributes: { axis: isLast && count % 2 ? -1 : axis, largest: Number(largest) },
          }),
    };
  });

/** Looked up where another part of the input is largest. */
const lookedUp = fc
  .record({
    channels: fc.constantFrom(1, 3, 5, 8),
    extent: fc.integer({ min: 1, max: 6 }),
    kind: fc.integer({ min: 0, max: 5 }),
    n: seed,
  })
  .map(({ channels, extent, kind, n }): Sample => {
    const { constant, before, domain } = apart(2 * extent);
    const k = 1 + (n % extent);
    const shape = [1, kind === 5 ? extent : channels, 2 * extent];
    const list = (numbers: readonly number[]): Constant => Constant.fromNumbers("int", numbers, [numbers.length]);
    const steps = [
      before,
      { op: "Split", inputs: ["apart"], outputs: ["a", "b"], attributes: { axis: 2 } },
      { op: "TopK", inputs: ["b", "constant1"], outputs: ["most", "places"] },
    ];
    const common = { shape, domain } as const;
    const constants = [constant, list([k])];
    if (kind === 0)
      return {
        ...common,
        op: "GatherElements",
        constants,
        before: steps,
        inputs: ["a", "places"],
        attributes: { axis: 2 },
      };
    if (kind === 1)
      return { ...common, op: "Gather", constants, before: steps, inputs: ["a", "places"], attributes: { axis: -1 } };
    if (kind === 2) {
      const table = Constant.fromFloats(values([extent, 3], n), [extent, 3]);
      return {
        ...common,
        op: "Gather",
        constants: [...constants, table],
        before: steps,
        inputs: ["constant2", "places"],
      };
    }
    // The same places counted from the end.
    if (kind === 3) {
      const back = { op: "Sub", inputs: ["places", "constant2"], outputs: ["negative"] };
      return {
        ...common,
        op: "GatherElements",
        constants: [...constants, list([extent])],
        before: [...steps, back],
        inputs: ["a", "negative"],
        attributes: { axis: 2 },
      };
    }
    const column = { op: "Unsqueeze", inputs: ["places", "constant2"], outputs: ["column"] };
    const pair = { op: "Concat", inputs: ["column", "column"], outputs: ["pair"], attributes: { axis: 3 } };
    return {
      ...common,
      op: "GatherND",
      constants: [...constants, list([3])],
      before: [...steps, column, ...(kind === 5 ? [pair] : [])],
      inputs: ["a", kind === 5 ? "pair" : "column"],
      attributes: { batch_dims: kind === 5 ? 1 : 2 },
    };
  });

export const stepSamples: Samples = {
  Lookup: lookedUp,
  TopK: ranked,
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
