/** Constants that are quantised while the network is read. */
import { Constant, type Node, numberAttribute } from "../graph/ir";
import { inputShape, type ShapeRule } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import { dequantisation, scaleIndex } from "./dequantize";
import { valuesOf } from "./folding";
import type { Fold, Operator } from "./operator";
import { roundedHalf } from "./round-to-grid";

/** The smallest and the largest integer of the types that values are quantised to. */
export const integerRanges: ReadonlyMap<string, readonly [number, number]> = /* @__PURE__ */ new Map([
  ["int2", [-2, 1]],
  ["uint2", [0, 3]],
  ["int4", [-8, 7]],
  ["uint4", [0, 15]],
  ["int8", [-128, 127]],
  ["uint8", [0, 255]],
  ["int16", [-32768, 32767]],
  ["uint16", [0, 65535]],
] as const);

/** By their numbers in files. */
const typesByNumber: Readonly<Record<number, string>> = {
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  21: "uint4",
  22: "int4",
  25: "uint2",
  26: "int2",
};

/** The type of a QuantizeLinear without a zero point. */
export const quantizedType = (node: Node): string | undefined =>
  typesByNumber[numberAttribute(node, "output_dtype", 0) || 2];

const quantizeShape: ShapeRule = (node, inputs) => {
  dequantisation(node, inputs);
  return [inputShape(node, inputs)];
};

const quantized: Fold = ({ node, inputs: [x, scale, zero], shapes, out }) => {
  const type = zero ? zero.elements : quantizedType(node);
  const range = type === undefined ? undefined : integerRanges.get(type);
  if (!x || !scale || type === undefined || !range) return undefined;
  const at = scaleIndex(dequantisation(node, shapes));
  const [values, scales, zeros] = [valuesOf(x), valuesOf(scale), zero ? valuesOf(zero) : []];
  const numbers = new Int32Array(sizeOf(out));
  for (let i = 0; i < numbers.length; i++) {
    const place = roundedHalf(Math.fround(values[i] / scales[at(i)]), false);
    numbers[i] = Math.min(Math.max(place + (zeros[at(i)] ?? 0), range[0]), range[1]);
  }
  return Constant.fromNumbers("int", numbers, out, type);
};

/** Clamped to the type: round(x / scale) + zero point, halves to the even neighbour. Of computed values it is written by others. */
export const quantizeLinear: Operator = {
  nature: "arithmetic",
  shape: quantizeShape,
  fold: quantized,
  kind: () => "int",
  constantsOnly: true,
};
