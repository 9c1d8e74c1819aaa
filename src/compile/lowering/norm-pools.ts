/** Pools that take the p-norm of their window: powers, a mean or sum, and a root. */
import type { Attribute } from "../../graph/ir";
import { poolKernel, windowGeometry } from "../../graph/window";
import { sizeOf } from "../../tensor";
import type { Lowered, Lowering } from "./emitter";

/** |x|ᵖ */
function powers(from: Lowered, p: number): string {
  if (p === 2) return from.emit("Pow", [from.input(0), from.scalar(2)]);
  const size = from.emit("Abs", [from.input(0)]);
  return p === 1 ? size : from.emit("Pow", [size, from.scalar(p)]);
}

/** The root of what is never negative. A root is endlessly steep at 0, where the norm has the gradient 0: there 1 takes the place of 0. */
function root(from: Lowered, sum: string, p: number): string {
  if (p === 1) return sum;
  const isZero = from.emit("Not", [sum]);
  const lifted = from.emit("Add", [sum, isZero]);
  const power = p === 2 ? from.emit("Sqrt", [lifted]) : from.emit("Pow", [lifted, from.scalar(1 / p)]);
  return from.emit("Sub", [power, isZero]);
}

const order = (from: Lowered): number | string => {
  const p = from.number("p", 2);
  return Number.isInteger(p) && p >= 1 ? p : `its p is ${p}; whole numbers from 1 on are supported`;
};

export const globalLpPool: Lowering = (from) => {
  const p = order(from);
  if (typeof p === "string") return p;
  const places = from
    .shape(0)
    .map((_, axis) => axis)
    .slice(2);
  return from.result(root(from, from.reduce("ReduceSum", powers(from, p), places), p));
};

export const lpPool: Lowering = (from) => {
  const p = order(from);
  if (typeof p === "string") return p;
  const spatial = from.shape(0).slice(2);
  const kernel = poolKernel(from.node, spatial);
  const { out, stride, dilation, padBegin } = windowGeometry(from.node, spatial, kernel);
  // Zeros add nothing: with them every window is whole, and its sum is its mean times its size.
  const reach = out.map((extent, i) => (extent - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1);
  const padEnd = reach.map((extent, i) => extent - padBegin[i] - spatial[i]);
  const padded = from.emit("Pad", [powers(from, p), from.ints([0, 0, ...padBegin, 0, 0, ...padEnd]), from.scalar(0)]);
  const attributes: Record<string, Attribute> = { kernel_shape: kernel, strides: stride, dilations: dilation };
  const mean = from.emit("AveragePool", [padded], attributes);
  return from.result(root(from, from.emit("Mul", [mean, from.scalar(sizeOf(kernel))]), p));
};
