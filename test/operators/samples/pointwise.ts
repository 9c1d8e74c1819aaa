/** Functions of one number, and arithmetic of values and constants. */

import { type Attribute, Constant } from "../../../src/graph/ir";
import fc from "../../seeded";
import { anyShape, floats, int, positive, type Sample, type Samples, scalar, seed, shapeOfRank } from "../sample";

const attribute = fc.integer({ min: 1, max: 16 }).map((n) => n / 8);

const pointwise = (op: string, more: Partial<Sample> = {}, ...names: string[]): fc.Arbitrary<Sample> =>
  fc.tuple(anyShape, ...names.map(() => attribute)).map(([shape, ...numbers]): Sample => {
    const attributes: Record<string, Attribute> = { ...more.attributes };
    names.forEach((name, i) => {
      attributes[name] = numbers[i] as number;
    });
    return { op, shape: shape as readonly number[], ...more, attributes };
  });

/** Shapes that repeat to another, of every rank up to its own. */
const repeating = (shape: readonly number[]): fc.Arbitrary<number[]> =>
  fc
    .tuple(int(0, shape.length), fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }))
    .map(([drop, kept]) => shape.map((extent, i) => (kept[i] ? extent : 1)).slice(drop));

const arithmetic = (op: string, opset = 17): fc.Arbitrary<Sample> =>
  anyShape.chain((shape) =>
    fc.record({ operand: repeating(shape), first: fc.boolean(), from: seed }).map(
      ({ operand, first, from }): Sample => ({
        op,
        shape,
        opset,
        constants: [positive(operand, from)],
        dataPosition: first ? 1 : 0,
        ...(op === "Div" && first && { domain: "positive" }),
      }),
    ),
  );

const bounded = (op: string): fc.Arbitrary<Sample> =>
  fc
    .record({ shape: anyShape, bound: int(-8, 8) })
    .map(({ shape, bound }): Sample => ({ op, shape, constants: [scalar(bound / 8)] }));

export const pointwiseSamples: Samples = {
  Abs: pointwise("Abs"),
  Add: arithmetic("Add"),
  Cast: pointwise("Cast", { attributes: { to: 1 } }),
  Clip: fc.oneof(
    pointwise("Clip", { opset: 10, attributes: { min: -0.5 } }, "max"),
    pointwise("Clip", { constants: [scalar(-0.75), scalar(1)] }),
    pointwise("Clip", { constants: ["", scalar(1)] }),
  ),
  Cos: pointwise("Cos"),
  Detached: anyShape.map(
    (shape): Sample => ({ op: "Detached", shape, expected: (x) => x, slope: (x) => new Float32Array(x.length) }),
  ),
  Div: arithmetic("Div"),
  Dropout: pointwise("Dropout"),
  Elu: pointwise("Elu", {}, "alpha"),
  Erf: pointwise("Erf"),
  Exp: pointwise("Exp"),
  Gelu: fc.oneof(
    pointwise("Gelu", { opset: 20 }),
    pointwise("Gelu", { opset: 20, attributes: { approximate: "tanh" } }),
  ),
  GridSum: anyShape.map((shape): Sample => {
    const grids = { stepA: 0.25, zeroA: 3, stepB: 0.125, zeroB: -4, step: 0.5, zero: 1, low: -3, high: 4 };
    const even = (value: number): number => {
      const whole = Math.round(value);
      return whole - value === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
    };
    // The same value twice, as each grid has it.
    const placeOf = (value: number): number =>
      even((even(value / 0.25) * 0.25 + even(value / 0.125) * 0.125) / 0.5 + 1);
    return {
      op: "GridSum",
      shape,
      before: [
        { op: "RoundToGrid", inputs: ["x", "constant0", "constant0"], outputs: ["a"], attributes: { divide: 1 } },
        { op: "RoundToGrid", inputs: ["x", "constant1", "constant1"], outputs: ["b"], attributes: { divide: 1 } },
      ],
      constants: [Constant.fromFloats(Float32Array.of(0.25), [1]), Constant.fromFloats(Float32Array.of(0.125), [1])],
      inputs: ["a", "b"],
      attributes: grids,
      expected: (x) => x.map((value) => (Math.min(Math.max(placeOf(value), -3), 4) - 1) * 0.5),
      slope: (x) => x.map((value) => (placeOf(value) < -3 || placeOf(value) > 4 ? 0 : 2)),
    };
  }),
  HardSigmoid: pointwise("HardSigmoid", {}, "alpha", "beta"),
  HardSwish: pointwise("HardSwish"),
  Identity: pointwise("Identity"),
  LeakyRelu: pointwise("LeakyRelu", {}, "alpha"),
  Log: pointwise("Log", { domain: "positive" }),
  Max: bounded("Max"),
  Min: bounded("Min"),
  Mish: pointwise("Mish", { opset: 18 }),
  Mul: arithmetic("Mul"),
  Neg: pointwise("Neg"),
  PRelu: fc.record({ shape: anyShape, each: fc.boolean(), from: seed }).map(
    ({ shape, each, from }): Sample => ({
      op: "PRelu",
      shape,
      constants: [floats(each ? shape.slice(1).map((extent, i) => (i === 0 ? extent : 1)) : [1], from)],
    }),
  ),
  Pow: fc
    .record({ shape: anyShape, exponent: fc.constantFrom(2, 3, 0.5, -1) })
    .map(({ shape, exponent }): Sample => ({ op: "Pow", shape, constants: [scalar(exponent)], domain: "positive" })),
  Reciprocal: pointwise("Reciprocal", { domain: "positive" }),
  Relu: pointwise("Relu"),
  Selu: pointwise("Selu", {}, "alpha", "gamma"),
  Shrink: pointwise("Shrink", { domain: "between" }, "bias", "lambd"),
  Sigmoid: pointwise("Sigmoid"),
  Sin: pointwise("Sin"),
  Softplus: pointwise("Softplus"),
  Sqrt: pointwise("Sqrt", { domain: "positive" }),
  RoundToGrid: fc
    .record({ shape: anyShape, away: int(0, 1), divide: int(0, 1), zero: int(-1, 2), each: fc.boolean() })
    .map(({ shape, away, divide, zero, each }): Sample => {
      const channels = each ? shape[1] : 1;
      const per = (first: number): Constant =>
        Constant.fromFloats(
          Float32Array.from({ length: channels }, (_, c) => first + c / 8),
          [channels],
        );
      const inner = shape.slice(2).reduce((a, b) => a * b, 1);
      const numbers = (i: number): readonly [number, number] => {
        const c = each ? Math.floor(i / inner) % channels : 0;
        return [0.75 + c / 8, 0.25 + c / 8];
      };
      const placeOf = (value: number, i: number): number => {
        const [factor] = numbers(i);
        const at = Math.fround(Math.fround(divide ? value / factor : value * factor) + zero);
        if (Math.abs(at) % 1 !== 0.5) return Math.round(at) - zero;
        return (away ? Math.sign(at) * Math.ceil(Math.abs(at)) : 2 * Math.round(at / 2)) - zero;
      };
      return {
        op: "RoundToGrid",
        shape,
        constants: [per(0.75), per(0.25)],
        attributes: { low: -3, high: 2, away, divide, zero },
        expected: (x) => x.map((value, i) => Math.min(Math.max(placeOf(value, i), -3), 2) * numbers(i)[1]),
        slope: (x) =>
          x.map((value, i) => {
            const place = placeOf(value, i);
            const [factor, step] = numbers(i);
            return place < -3 || place > 2 ? 0 : divide ? step / factor : step * factor;
          }),
      };
    }),
  Sub: arithmetic("Sub"),
  Sum: shapeOfRank(2, 5).chain((shape) =>
    fc
      .tuple(repeating(shape), repeating(shape), seed)
      .map(([a, b, from]): Sample => ({ op: "Sum", shape, constants: [floats(a, from), floats(b, from + 1)] })),
  ),
  Swish: anyShape.map(
    (shape): Sample => ({ op: "Swish", shape, expected: (x) => x.map((v) => v / (1 + Math.exp(-v))) }),
  ),
  Tanh: pointwise("Tanh"),
  ThresholdedRelu: fc.oneof(
    pointwise("ThresholdedRelu", { domain: "between" }, "alpha"),
    pointwise("ThresholdedRelu", { domain: "between", attributes: { alpha: -0.5 } }),
  ),
};
