/** One table from operator to the elements of its inputs that an element of its output is computed from. */
import { numberAttribute } from "../../graph/ir";
import { arrangements, pointwiseRules, reduction, reshaping } from "../../graph/shapes";
import * as arranging from "./arranging";
import { type DependenceRule, everything, mapMask, unbroadcast } from "./region";
import * as windows from "./windows";

/** Every operand at the same place, where it was broadcast at the place that was repeated. */
const samePlace: DependenceRule = ({ out, shapes }) => shapes.map((shape) => unbroadcast(out, shape));

/** One number of every row of the last axis depends on the whole row. */
const matrix: DependenceRule = ({ out, shapes: [x] }) => [[...out.slice(0, -1), everything(x[x.length - 1])]];

const softmax: DependenceRule = ({ node, opset, out }) => {
  const given = numberAttribute(node, "axis", opset >= 13 ? -1 : 1);
  const axis = given < 0 ? given + out.length : given;
  // Before operator set 13 all axes from the named one on are normalised together.
  return [out.map((mask, i) => (i === axis || (opset < 13 && i > axis) ? everything(mask.length) : mask))];
};

const instanceNorm: DependenceRule = ({ out }) => [
  out.map((mask, axis) => (axis < 2 ? mask : everything(mask.length))),
];

/** The channels ⌊(size − 1)/2⌋ before to ⌈(size − 1)/2⌉ after. */
const lrn: DependenceRule = ({ node, out }) => {
  const size = numberAttribute(node, "size");
  const first = -Math.floor((size - 1) / 2);
  const near = mapMask(out[1], out[1].length, (channel) => Array.from({ length: size }, (_, i) => channel + first + i));
  return [out.map((mask, axis) => (axis === 1 ? near : mask))];
};

// Made by a call that is marked as pure: a bundle that never asks for regions goes without all of this.
export const dependenceRules: ReadonlyMap<string, DependenceRule> = /* @__PURE__ */ (() =>
  new Map<string, DependenceRule>([
    ...[...pointwiseRules.keys()].map((op): [string, DependenceRule] => [op, samePlace]),
    ...[...reshaping.keys()].map((op): [string, DependenceRule] => [op, arranging.reshape]),
    ...[...arrangements].map(([op, arrange]): [string, DependenceRule] => [op, arranging.arranged(arrange)]),
    ["AveragePool", windows.pool],
    ["Conv", windows.conv],
    ["ConvTranspose", windows.convTranspose],
    ["Gemm", matrix],
    ["GlobalAveragePool", windows.globalPool],
    ["GlobalMaxPool", windows.globalPool],
    ["InstanceNormalization", instanceNorm],
    ["LRN", lrn],
    ["LogSoftmax", softmax],
    ["MatMul", matrix],
    ["MaxPool", windows.pool],
    ["MaxUnpool", windows.maxUnpool],
    ["Pad", arranging.pad],
    ["ReduceMean", arranging.arranged(reduction)],
    ["ReduceSum", arranging.arranged(reduction)],
    ["Resize", arranging.resize],
    ["Softmax", softmax],
    ["Upsample", arranging.resize],
  ]))();
