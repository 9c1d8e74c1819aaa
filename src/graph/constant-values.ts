/** Reading and making constants element by element. */
import { sizeOf } from "../tensor";
import { Constant, type ConstantKind } from "./ir";
import type { Shape } from "./shapes/rule";

export type Values = ArrayLike<number>;

/** Weights stay bytes of the file: only arithmetic decodes them. */
export const valuesOf = (constant: Constant): Values => constant.values();

/** Room for the elements of a result; floats are rounded to float32 once, when they are written here. */
export const room = (kind: ConstantKind, shape: Shape, fill = 0): Float32Array | number[] =>
  kind === "float" ? new Float32Array(sizeOf(shape)).fill(fill) : new Array<number>(sizeOf(shape)).fill(fill);

export const filledRoom = (kind: ConstantKind, values: Float32Array | number[], shape: Shape): Constant =>
  values instanceof Float32Array
    ? Constant.fromFloats(values, shape)
    : Constant.fromNumbers(kind === "bool" ? "bool" : "int", values, shape);

export function build(kind: ConstantKind, shape: Shape, element: (i: number) => number): Constant {
  const values = room(kind, shape);
  for (let i = 0; i < values.length; i++) values[i] = element(i);
  return filledRoom(kind, values, shape);
}
