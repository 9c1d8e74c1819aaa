/** Options of windows as people write them: one number for all axes, or a list. */

import { show } from "../checks";
import { OptionError } from "../errors";
import type { Shape } from "../graph/shape-rule";

export type PerAxis = number | readonly number[];

/** @throws {OptionError} naming the option, unless it is one whole number or one per axis */
export function perAxis(name: string, value: PerAxis, axes: number, least: number): readonly number[] {
  const values = typeof value === "number" ? new Array<number>(axes).fill(value) : value;
  if (Array.isArray(values) && values.length === axes && values.every((n) => Number.isInteger(n) && n >= least)) {
    return values;
  }
  const several = axes === 1 ? "a list of one" : `${axes} (rows, columns)`;
  throw new OptionError(`${name} takes one whole number of at least ${least} or ${several}, got ${show(value)}.`);
}

/** Padding as ONNX has it, all beginnings and all ends; one number or one per axis is the same on both sides. */
export function padsOf(value: PerAxis, axes: number): readonly number[] {
  if (Array.isArray(value) && value.length === 2 * axes) return perAxis("pad", value, 2 * axes, 0);
  const sides = perAxis("pad", value, axes, 0);
  return [...sides, ...sides];
}

/** The shape of a tensor as ONNX and PyTorch write it. */
export const channelsFirst = (shape: Shape): Shape =>
  shape.length === 4 ? [shape[0], shape[3], shape[1], shape[2]] : shape;
