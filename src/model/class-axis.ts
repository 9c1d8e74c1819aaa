/** Which elements of an output belong to which class: the one description that predictions, targets, maps and tensors read. */
import type { Shape } from "../graph/shape-rule";
import { memoryStrides } from "../operation/layout";
import { sizeOf } from "../tensor";

export interface ClassAxis {
  /** Axes of the ONNX shape that hold the classes; several where a Softmax treats them as one. */
  readonly axes: readonly number[];
  /** Extent along these axes. */
  readonly channels: number;
  /** All other axes as a map, in the order in which the file's output has them; a list of places is one row. */
  readonly rows: number;
  readonly columns: number;
  /** True where two labels name one score: it is that of class 1, and class 0 has its negative. */
  readonly mirrored: boolean;
  /** What can be chosen from: 2 where mirrored, else the channels. */
  readonly classes: number;
  /** Where each place, row by row, begins in memory. */
  readonly places: Int32Array;
  /** How far from there each channel lies. */
  readonly offsets: Int32Array;
  /** The order of axes in which people see a value of rank 4 whose classes do not come last in memory. */
  readonly shownOrder?: readonly number[];
}

/**
 * @param shape  ONNX shape of the value
 * @param axes   those that hold the classes
 * @param order  all axes, as the file's output has them: another order only where a Transpose follows
 */
export function classAxisOf(
  shape: Shape,
  axes: readonly number[],
  { order = shape.map((_, axis) => axis), mirrored = false }: { order?: readonly number[]; mirrored?: boolean } = {},
): ClassAxis {
  const strides = memoryStrides(shape);
  const others = order.filter((axis) => !axes.includes(axis));
  // One sample is no place; where axis 0 holds places, axes of one element are none.
  const placed = others.filter((axis) => (shape[0] === 1 ? axis !== 0 : shape[axis] !== 1));
  const extents = placed.map((axis) => shape[axis]);
  const channels = sizeOf(axes.map((axis) => shape[axis]));
  const shown = [...order.filter((axis) => axis === 0), ...others.filter((axis) => axis !== 0), ...axes];
  const isMap = shape.length === 4 && axes.length === 1 && axes[0] !== 0;
  const inMemory = shown.join() === "0,2,3,1";
  let places: Int32Array | undefined;
  let offsets: Int32Array | undefined;
  return {
    axes,
    channels,
    rows: sizeOf(extents.slice(0, -1)),
    columns: extents.at(-1) ?? 1,
    mirrored,
    classes: mirrored ? 2 : channels,
    get places() {
      places ??= elementOffsets(shape, strides, placed);
      return places;
    },
    get offsets() {
      offsets ??= elementOffsets(shape, strides, axes);
      return offsets;
    },
    ...(isMap && !inMemory && { shownOrder: shown }),
  };
}

/** The layout of a layer's units: channels at axis 1, or the only axis. */
export const unitAxisOf = (shape: Shape): ClassAxis => classAxisOf(shape, shape.length < 2 ? [0] : [1]);

/** Where the elements of some axes lie in memory, the last axis varying fastest. */
export function elementOffsets(shape: Shape, strides: readonly number[], axes: readonly number[]): Int32Array {
  let found = Int32Array.of(0);
  for (const axis of axes) {
    const extent = shape[axis];
    const next = new Int32Array(found.length * extent);
    for (let i = 0; i < next.length; i++) next[i] = found[Math.floor(i / extent)] + (i % extent) * strides[axis];
    found = next;
  }
  return found;
}

/** A linear functional: the mean of a class over some places. */
export interface Elements {
  readonly offsets: readonly number[];
  readonly weight: number;
}

/** @param places  where each place begins in memory; default: all */
export function classElements(axis: ClassAxis, index: number, places: ArrayLike<number> = axis.places): Elements {
  const [channel, sign] = axis.mirrored ? [0, index === 0 ? -1 : 1] : [index, 1];
  const offset = axis.offsets[channel];
  return { offsets: Array.from(places, (place) => place + offset), weight: sign / places.length };
}

/** One score per class: its mean over all places. */
export function classScores({ places, offsets, mirrored }: ClassAxis, data: Float32Array): Float32Array {
  const means = Float32Array.from(offsets, (offset) => {
    let sum = 0;
    for (const place of places) sum += data[place + offset];
    return sum / places.length;
  });
  return mirrored ? Float32Array.of(-means[0], means[0]) : means;
}
