/** What a sample of an operator is, and the parts of which samples are made. */

import { Constant } from "../../src/graph/ir";
import fc from "../seeded";
import { type Case, values } from "./harness";

export interface Sample extends Case {
  /** Which numbers the data may have: positive ones, or none nearer than 1/16 to a multiple of 1/8; default: any between −2 and 2. */
  readonly domain?: "positive" | "between";
  /** Why onnxruntime cannot be asked; `expected` says the values in its place. */
  readonly expected?: (x: Float32Array) => Float32Array;
  /** Its derivative by definition, where that is not what its values rise by: element by element. */
  readonly slope?: (x: Float32Array) => Float32Array;
  /** Operators before this one: of "x" and the constants ("constant0" and so on) they make what it takes. */
  readonly before?: readonly Step[];
  /** What it takes then. */
  readonly inputs?: readonly string[];
}

interface Step {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Case["attributes"];
}

/** An operator that is computed from constants alone. */
export interface ConstantSample {
  readonly op: string;
  readonly inputs: readonly Constant[];
  readonly attributes?: Case["attributes"];
  readonly opset?: number;
  /** Why not onnxruntime: it takes none of the types that these constants are written in. */
  readonly expected?: Float32Array;
}

export type Samples = Readonly<Record<string, fc.Arbitrary<Sample>>>;
export type ConstantSamples = Readonly<Record<string, fc.Arbitrary<ConstantSample>>>;

export const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
export const seed: fc.Arbitrary<number> = int(0, 1e6);

/** One sample of a batch, of some rank: channel counts on both sides of the vector width. */
export const shapeOfRank = (from: number, to: number): fc.Arbitrary<readonly number[]> =>
  fc
    .tuple(fc.constantFrom(1, 2, 3, 5, 8, 9), fc.array(int(1, 5), { minLength: from - 2, maxLength: to - 2 }))
    .map(([channels, places]) => [1, channels, ...places]);
export const anyShape = shapeOfRank(2, 5);

export { values };

export const floats = (shape: readonly number[], from: number): Constant =>
  Constant.fromFloats(values(shape, from), shape);
export const positive = (shape: readonly number[], from: number): Constant =>
  Constant.fromFloats(
    values(shape, from).map((value) => Math.abs(value) + 0.3),
    shape,
  );
export const list = (numbers: readonly number[]): Constant => Constant.fromNumbers("int", numbers, [numbers.length]);
export const whole = (n: number): Constant => Constant.fromNumbers("int", [n], []);
export const scalar = (n: number): Constant => Constant.fromFloats(Float32Array.of(n), []);

/** The two halves of the data along its last axis, a and b, as what an operator of two computed values takes. */
export const halves = (shape: readonly number[]): Pick<Sample, "shape" | "before" | "inputs"> => ({
  shape: [...shape.slice(0, -1), 2 * shape[shape.length - 1]],
  before: [{ op: "Split", inputs: ["x"], outputs: ["a", "b"], attributes: { axis: shape.length - 1 } }],
  inputs: ["a", "b"],
});
