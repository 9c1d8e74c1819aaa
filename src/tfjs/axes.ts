/** The order of a value's axes: TensorFlow's, channels last, and the graph's, channels first. */
import { ModelError } from "../errors";
import type { Shape } from "../graph/shape-rule";
import { showShape, sizeOf } from "../tensor";
import { type GraphBuilder, refuse, type Value } from "./graph-builder";

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** For each axis of the plain order the moved one's, and the other way round. */
const toPlain = (rank: number): number[] => (rank < 3 ? range(0, rank) : [0, ...range(2, rank), 1]);
const toMoved = (rank: number): number[] => (rank < 3 ? range(0, rank) : [0, rank - 1, ...range(1, rank - 1)]);

/** The axes of a value of the graph in the order in which the file writes them. */
export const fileOrderOf =
  (moved: ReadonlySet<string>) =>
  (value: string, rank: number): readonly number[] =>
    moved.has(value) ? toPlain(rank) : range(0, rank);

/** The shape as TensorFlow writes it. */
export const shapeOf = ({ shape, moved }: Value): number[] =>
  moved ? toPlain(shape.length).map((axis) => shape[axis]) : [...shape];

/** An index among TensorFlow's axes, where negative numbers count from the end. */
export function axisIndex({ shape }: Value, axis: number): number {
  const index = axis < 0 ? axis + shape.length : axis;
  if (Number.isInteger(index) && index >= 0 && index < shape.length) return index;
  throw new ModelError(`Axis ${axis} does not exist in a value of rank ${shape.length} (${showShape(shape)}).`);
}

/** The graph's axis for one of TensorFlow's. */
export function graphAxis(value: Value, axis: number): number {
  const index = axisIndex(value, axis);
  return value.moved ? toPlain(value.shape.length)[index] : index;
}

/** One entry per axis, from TensorFlow's order to the graph's. */
export const inGraphOrder = <T>(value: Value, entries: readonly T[]): T[] =>
  value.moved ? toMoved(entries.length).map((axis) => entries[axis]) : [...entries];

/** The value with channels at axis 1. */
export function inMovedOrder(b: GraphBuilder, value: Value): Value {
  if (value.moved || value.shape.length < 3) return value;
  const before = b.movedBefore.get(value.id);
  if (before) return before;
  const made = reordered(b, value, toMoved(value.shape.length), true);
  b.movedBefore.set(value.id, made);
  return made;
}

/** The value with its axes in TensorFlow's order. */
export const inPlainOrder = (b: GraphBuilder, value: Value): Value =>
  value.moved ? reordered(b, value, toPlain(value.shape.length), false) : value;

/**
 * A result as the file writes it. Of pictures a result of rank 3 is a list (candidates and their numbers, tokens): which axis is which its
 * shape has to tell, as it does in an ONNX file of the same network.
 */
export const asWritten = (b: GraphBuilder, value: Value): Value =>
  value.moved && value.shape.length === 3 && b.takesPictures ? b.inPlaceOf(value, () => inPlainOrder(b, value)) : value;

/** The value in the order in which this file's images are: the input and constants are brought into it, all others stay. */
export const image = (b: GraphBuilder, value: Value): Value =>
  (value.isInput || value.constant) && !b.channelsFirst ? inMovedOrder(b, value) : value;

/** The value in the order in which a layer with this data format reads it. */
export const inFormat = (b: GraphBuilder, value: Value, channelsFirst: boolean): Value =>
  channelsFirst ? inPlainOrder(b, value) : inMovedOrder(b, value);

/** Two values in one order of axes, the changing one's. */
export function orderedLike(b: GraphBuilder, value: Value, model: Value): Value {
  return model.moved ? inMovedOrder(b, value) : inPlainOrder(b, value);
}

/** Reorders the graph's axes. Where only axes of one element change places no number moves, and a Reshape says so. */
export function reordered(b: GraphBuilder, value: Value, order: readonly number[], isMoved: boolean): Value {
  if (order.every((axis, i) => axis === i)) return { ...value, moved: isMoved };
  // The input's Transpose is taken out again in the end.
  return keepsOrder(value.shape, order) && !value.isInput
    ? b.emit("Reshape", [value, b.ints(order.map((axis) => value.shape[axis]))], {}, isMoved)
    : b.emit("Transpose", [value], { perm: order }, isMoved);
}

/** True where axes of more than one element stay in their order. */
function keepsOrder(shape: Shape, order: readonly number[]): boolean {
  const wide = order.filter((axis) => shape[axis] !== 1);
  return wide.every((axis, i) => i === 0 || axis > wide[i - 1]);
}

/**
 * TensorFlow's Transpose. Where one of both orders needs no move, that one is taken: so an input that is written channels
 * first and turned at once stays what it is.
 */
export function transposed(b: GraphBuilder, given: Value, perm: readonly number[]): Value {
  const turned = given.isInput && perm.length === 4 && toMoved(4).every((axis, i) => perm[axis] === i);
  const value = turned ? given : image(b, given);
  const order = perm.map((axis) => graphAxis(value, axis));
  if (order.every((axis, i) => axis === i)) return { ...value, moved: false, isInput: false };
  const other = toMoved(order.length).map((axis) => order[axis]);
  const isMoved = order.length >= 3 && (!b.channelsFirst || other.every((axis, i) => axis === i));
  return reordered(b, { ...value, isInput: false }, isMoved ? other : order, isMoved);
}

/** TensorFlow's Reshape: the target as TensorFlow writes it, one −1 takes what is left. */
export function reshaped(b: GraphBuilder, given: Value, target: readonly number[]): Value {
  const value = given.isInput ? image(b, given) : given;
  const size = sizeOf(value.shape);
  const rest = size / sizeOf(target.filter((extent) => extent !== -1));
  const extents = target.map((extent) => (extent === -1 ? rest : extent));
  if (sizeOf(extents) !== size || !extents.every(Number.isInteger)) {
    refuse(`a value ${showShape(shapeOf(value))} does not fill the shape [${target.join(", ")}]`);
  }
  const rank = extents.length;
  const isMoved = rank >= 3 && !b.channelsFirst;
  const order = toMoved(rank);
  // Where the new shape has one place or one channel, both orders are the same sequence of numbers.
  const direct = isMoved && keepsOrder(extents, order);
  const wanted = direct ? order.map((axis) => extents[axis]) : extents;
  const from = keepsOrder(value.shape, toPlain(value.shape.length)) || !value.moved ? value : inPlainOrder(b, value);
  const unchanged = wanted.length === from.shape.length && wanted.every((extent, i) => extent === from.shape[i]);
  const flattens = rank === 2 && from.shape.length > 2 && wanted[0] === from.shape[0];
  const shaped = unchanged
    ? { ...from, moved: direct, isInput: false }
    : flattens
      ? b.emit("Flatten", [from], { axis: 1 }, false)
      : b.emit("Reshape", [from, b.ints(wanted)], {}, direct);
  return isMoved ? inMovedOrder(b, shaped) : shaped;
}
