/** One table from operator to the elements of its inputs that an element of its output is computed from. */
import { numberAttribute } from "../../graph/ir";
import { arrangements, pointwiseRules, reduction, reductions, reshaping } from "../../graph/shapes";
import type { Shape } from "../../ops/layout";
import * as arranging from "./arranging";
import { type DependenceRule, everything, mapMask, type Region, unbroadcast } from "./region";
import * as windows from "./windows";

/** Every operand at the same place, where it was broadcast at the place that was repeated. */
const samePlace: DependenceRule = ({ out, shapes }) => shapes.map((shape) => unbroadcast(out, shape));

/** A number of a product depends on its whole row on the left and its whole column on the right. */
const matMul: DependenceRule = ({ out, shapes: [a, b] }) => {
  const batch = out.slice(0, out.length - Math.min(1, a.length - 1) - Math.min(1, b.length - 1));
  const front = (shape: Shape): Region => unbroadcast(batch, shape.slice(0, -2));
  const [rows, columns] = [a.length > 1 ? [out[batch.length]] : [], b.length > 1 ? [out[out.length - 1]] : []];
  const inner = everything(a[a.length - 1]);
  return [
    [...front(a), ...rows, inner],
    [...front(b), inner, ...columns],
  ];
};

const gemm: DependenceRule = ({ node, out: [rows, columns], shapes: [a, b, c] }) => {
  const turned = (key: string, region: Region): Region =>
    numberAttribute(node, key, 0) ? [region[1], region[0]] : region;
  const inner = everything(numberAttribute(node, "transA", 0) ? a[0] : a[1]);
  return [
    turned("transA", [rows, inner]),
    turned("transB", [inner, columns]),
    ...(b && c ? [unbroadcast([rows, columns], c)] : []),
  ];
};

const softmax: DependenceRule = ({ node, opset, out }) => {
  const given = numberAttribute(node, "axis", opset >= 13 ? -1 : 1);
  const axis = given < 0 ? given + out.length : given;
  // Before operator set 13 all axes from the named one on are normalised together.
  return [out.map((mask, i) => (i === axis || (opset < 13 && i > axis) ? everything(mask.length) : mask))];
};

const instanceNorm: DependenceRule = ({ out }) => [
  out.map((mask, axis) => (axis < 2 ? mask : everything(mask.length))),
];

/** All axes from the named one on are normalised together. */
const layerNorm: DependenceRule = ({ node, out }) => {
  const axis = numberAttribute(node, "axis", -1);
  const first = axis < 0 ? axis + out.length : axis;
  return [out.map((mask, i) => (i < first ? mask : everything(mask.length)))];
};

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
    ["Gemm", gemm],
    ["GlobalAveragePool", windows.globalPool],
    ["GlobalMaxPool", windows.globalPool],
    ["InstanceNormalization", instanceNorm],
    ["LRN", lrn],
    ["LayerNormalization", layerNorm],
    ["LogSoftmax", softmax],
    ["MatMul", matMul],
    ["MaxPool", windows.pool],
    ["MaxUnpool", windows.maxUnpool],
    ["Pad", arranging.pad],
    ["RMSNormalization", layerNorm],
    ...reductions.map((op): [string, DependenceRule] => [op, arranging.arranged(reduction)]),
    ["Resize", arranging.resize],
    ["Softmax", softmax],
    ["Upsample", arranging.resize],
  ]))();
