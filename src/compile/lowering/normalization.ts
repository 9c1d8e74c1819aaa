/** Normalisations that are others with something around. */

import { type Attribute, numbersAttribute } from "../../graph/ir";
import { sizeOf } from "../../tensor";
import type { Lowered, Lowering } from "./emitter";

/** x in groups of channels, each normalised alone, then scaled and shifted by group or by channel; x is N, C, places… */
function inGroups(
  from: Lowered,
  x: string,
  shape: readonly number[],
  groups: number,
  scale: string,
  bias: string,
): string {
  const [n, channels] = shape;
  const [ones, zeros] = [1, 0].map((value) => from.filled([groups], (values) => values.fill(value)));
  const grouped = from.reshape(x, [n, groups, -1]);
  const epsilon = from.number("epsilon", 1e-5);
  const normal = from.emit("InstanceNormalization", [grouped, ones, zeros], { epsilon });
  const perGroup = sizeOf(from.shape(1)) === groups && groups !== channels;
  const flat = perGroup ? normal : from.reshape(normal, [n, channels, -1]);
  const each = (name: string): string => from.reshape(name, [1, perGroup ? groups : channels, 1]);
  return from.reshape(from.emit("Add", [from.emit("Mul", [flat, each(scale)]), each(bias)]), shape);
}

export const groupNormalization: Lowering = (from) => {
  const shape = from.shape(0);
  const groups = from.number("num_groups");
  if (!(groups >= 1 && shape[1] % groups === 0)) return `${shape[1]} channels are not ${groups} equal groups`;
  return from.result(inGroups(from, from.input(0), shape, groups, from.input(1), from.input(2)));
};

/** As onnxruntime writes it: channels last, perhaps with x·sigmoid(x) behind it. */
export const fusedGroupNorm: Lowering = (from) => {
  const isLast = from.number("channels_last", 1) !== 0;
  const x = from.shape(0);
  const last = x.length - 1;
  const toFront = [0, last, ...x.slice(2).map((_, i) => i + 1)];
  const toBack = [0, ...x.slice(2).map((_, i) => i + 2), 1];
  const shape = isLast ? toFront.map((axis) => x[axis]) : x;
  const groups = from.number("groups");
  if (!(groups >= 1 && shape[1] % groups === 0)) return `${shape[1]} channels are not ${groups} equal groups`;
  const turned = isLast ? from.transpose(from.input(0), toFront) : from.input(0);
  const normal = inGroups(from, turned, shape, groups, from.input(1), from.input(2));
  const active = from.number("activation", 0) ? from.emit("Mul", [normal, from.emit("Sigmoid", [normal])]) : normal;
  return from.result(isLast ? from.transpose(active, toBack) : active);
};

/** y = x / ‖x‖, 0 where the norm is. */
export const lpNormalization: Lowering = (from) => {
  const p = from.number("p", 2);
  if (p !== 1 && p !== 2) return `p is ${p}; 1 and 2 are supported`;
  const axes = [from.number("axis", -1)];
  const norm = from.emit(p === 1 ? "ReduceL1" : "ReduceL2", [from.input(0)], { axes, keepdims: 1 });
  // Nothing beside a norm, and what 0 is divided by.
  return from.result(from.emit("Div", [from.input(0), from.emit("Add", [norm, from.scalar(1e-30)])]));
};

export const meanVariance: Lowering = (from) => {
  const axes = numbersAttribute(from.node, "axes", [0, 2, 3]);
  const mean = (x: string): string => from.emit("ReduceMean", [x], { axes, keepdims: 1 });
  const centred = from.emit("Sub", [from.input(0), mean(from.input(0))]);
  const variance = mean(from.emit("Mul", [centred, centred]));
  const deviation = from.emit("Sqrt", [from.emit("Add", [variance, from.scalar(1e-18)])]);
  return from.result(from.emit("Div", [centred, deviation]));
};

/** A normalisation over the last axis of what may be a sum; the sum is the fourth output. */
export const skipNormalization =
  (op: "LayerNormalization" | "RMSNormalization"): Lowering =>
  (from) => {
    if (from.isRead(1) || from.isRead(2)) return "its mean and deviation are used";
    const isCentred = op === "LayerNormalization";
    const bias = isCentred ? 4 : 3;
    const sum = from.emit("Add", [from.input(0), from.input(1)]);
    const all = from.has(bias) ? from.emit("Add", [sum, from.input(bias)]) : sum;
    const attributes: Record<string, Attribute> = {
      axis: -1,
      epsilon: from.number("epsilon", isCentred ? 1e-12 : 1e-6),
    };
    const shift = isCentred && from.has(3) ? [from.input(3)] : [];
    from.result(from.emit(op, [all, from.input(2), ...shift], attributes));
    if (from.isRead(3)) from.result(all, 3);
    return undefined;
  };

export const simplified: Lowering = (from) => {
  if (from.isRead(1)) return "its deviation is used";
  const attributes = { axis: from.number("axis", -1), epsilon: from.number("epsilon", 1e-5) };
  return from.result(from.emit("RMSNormalization", [from.input(0), from.input(1)], attributes));
};
