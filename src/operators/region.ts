import type { Shape } from "../graph/shape-rule";

/** Marked indices along one axis: 1 or 0 per index. */
export type AxisMask = Uint8Array;

/** Elements of a value: the product of the marked indices of its axes, in the order of its ONNX shape. */
export type AxisRegion = readonly AxisMask[];

export const everything = (extent: number): AxisMask => new Uint8Array(extent).fill(1);

/** Indices of an axis that are marked. */
export function marked(mask: AxisMask): number[] {
  const indices: number[] = [];
  mask.forEach((mark, index) => {
    if (mark) indices.push(index);
  });
  return indices;
}

/** A mask of the indices that some marked index of another axis leads to; indices outside are dropped. */
export function mapMask(mask: AxisMask, extent: number, to: (index: number) => readonly number[]): AxisMask {
  const out = new Uint8Array(extent);
  for (const index of marked(mask)) for (const target of to(index)) if (target >= 0 && target < extent) out[target] = 1;
  return out;
}

export const isEmpty = (region: AxisRegion): boolean => region.some((mask) => !mask.includes(1));

export const isWhole = (region: AxisRegion): boolean => region.every((mask) => !mask.includes(0));

/** The smallest region that holds both. */
export function union(a: AxisRegion | undefined, b: AxisRegion): AxisRegion {
  if (!a) return b;
  return a.map((mask, axis) => mask.map((mark, index) => mark | b[axis][index]));
}

/** The part of a region that belongs to an operand that was broadcast to it. */
export function unbroadcast(out: AxisRegion, shape: Shape): AxisRegion {
  const missing = out.length - shape.length;
  return shape.map((extent, axis) => (extent === 1 ? everything(1) : out[axis + missing]));
}
