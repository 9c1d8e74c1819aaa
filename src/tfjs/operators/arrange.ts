/** Operators that move elements: padding, cropping, joining, resizing. Lists have one entry per axis of TensorFlow's order. */
import { axisIndex, graphAxis, image, inFormat, inGraphOrder, orderedLike, reshaped, shapeOf } from "../axes";
import { type GraphBuilder, refuse, type Value } from "../graph-builder";

export function pad(
  b: GraphBuilder,
  given: Value,
  pads: readonly (readonly [number, number])[],
  mode: "constant" | "reflect" | "symmetric" = "constant",
  value = 0,
): Value {
  const x = image(b, given);
  if (mode === "symmetric") return mirrored(b, x, inGraphOrder(x, pads));
  const ordered = inGraphOrder(x, pads);
  const list = b.ints([...ordered.map(([begin]) => begin), ...ordered.map(([, end]) => end)]);
  return mode === "constant" ? b.emit("Pad", [x, list, b.scalar(value)]) : b.emit("Pad", [x, list], { mode });
}

/** Mirrors repeat the outermost elements too, which no mode of ONNX does. */
function mirrored(b: GraphBuilder, x: Value, pads: readonly (readonly [number, number])[]): Value {
  return pads.reduce((value, [before, after], axis) => {
    const extent = x.shape[axis];
    if (!(before >= 0 && after >= 0 && before <= extent && after <= extent))
      refuse(`its paddings ${before} and ${after} are larger than the ${extent} elements of an axis`);
    if (before + after === 0) return value;
    const mirror = (i: number): number => (i < 0 ? -1 - i : i >= extent ? 2 * extent - 1 - i : i);
    const places = b.listed(before + extent + after, (i) => mirror(i - before));
    return b.emit("Gather", [value, places], { axis });
  }, x);
}

/** Element i along an axis is element `begin + i·step` of the input, up to but without `end`, which may be −1 backwards. */
export function slice(
  b: GraphBuilder,
  given: Value,
  begin: readonly number[],
  end: readonly number[],
  step: readonly number[],
): Value {
  const x = image(b, given);
  const axes = x.shape.map((_, axis) => axis);
  const [from, to, by] = [begin, end, step].map((list) => inGraphOrder(x, list));
  // Backwards, an end before the first element is a number that no axis reaches.
  const ends = to.map((n, i) => (by[i] < 0 && n < 0 ? -(2 ** 31) : n));
  return b.emit("Slice", [x, b.ints(from), b.ints(ends), b.ints(axes), b.ints(by)]);
}

export function concat(b: GraphBuilder, values: readonly Value[], axis: number): Value {
  const model = image(b, values.find((value) => !value.constant) ?? values[0]);
  const joined = values.map((value) => (value.id === model.id ? model : orderedLike(b, value, model)));
  return b.emit("Concat", joined, { axis: graphAxis(model, axis) }, model.moved);
}

/** Equal parts, or parts of the given extents. */
export function split(b: GraphBuilder, given: Value, axis: number, parts: readonly number[]): Value[] {
  const x = image(b, given);
  return b.emitAll("Split", [x, b.ints(parts)], { axis: graphAxis(x, axis) }, parts.length, x.moved);
}

/** Takes elements along one axis; a scalar index drops the axis. */
export function gather(b: GraphBuilder, given: Value, indices: Value, axis: number): Value {
  const x = image(b, given);
  if (!indices.constant) refuse("its indices depend on the image");
  if (indices.shape.length > 1)
    refuse(`its indices have rank ${indices.shape.length}; a list or one number is supported`);
  const list = b.ints(indices.constant.numbers());
  const taken = b.emit("Gather", [x, list], { axis: graphAxis(x, axis) });
  if (indices.shape.length === 1) return taken;
  const dropped = axisIndex(x, axis);
  return reshaped(
    b,
    taken,
    shapeOf(taken).filter((_, i) => i !== dropped),
  );
}

export interface ResizeAttributes {
  readonly mode: "nearest" | "linear";
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
  readonly channelsFirst: boolean;
}

/** Resizes the image axes to whole extents, as TensorFlow samples. */
export function resize(
  b: GraphBuilder,
  x: Value,
  size: readonly number[],
  { mode, alignCorners, halfPixelCenters, channelsFirst }: ResizeAttributes,
): Value {
  const input = inFormat(b, x, channelsFirst);
  if (input.shape.length !== 4) refuse(`it resizes a value of rank ${input.shape.length}; images have rank 4`);
  const nearestHalf = mode === "nearest" ? "tf_half_pixel_for_nn" : "half_pixel";
  const attributes = {
    mode,
    coordinate_transformation_mode: alignCorners ? "align_corners" : halfPixelCenters ? nearestHalf : "asymmetric",
    // TensorFlow rounds half away from zero at aligned corners and down elsewhere.
    ...(mode === "nearest" && { nearest_mode: alignCorners ? "round_prefer_ceil" : "floor" }),
  };
  const [n, c, ...extents] = input.shape;
  // Which pixel ONNX means is a matter of float32; where that could decide otherwise than TensorFlow.js, pixels are named.
  if (!size.every((extent) => Number.isSafeInteger(extent) && extent >= 1)) refuse(`its size is [${size.join(", ")}]`);
  const named = size.map((extent, i) => mode === "nearest" && !alignCorners && extent % extents[i] !== 0);
  const sizes = b.ints([n, c, ...size.map((extent, i) => (named[i] ? extents[i] : extent))]);
  const resized = named.every(Boolean) ? input : b.emit("Resize", [input, undefined, undefined, sizes], attributes);
  return named.reduce((value, isNamed, i) => {
    if (!isNamed) return value;
    const ratio = extents[i] / size[i];
    const nearest = (position: number): number =>
      Math.min(extents[i] - 1, Math.floor(ratio * (halfPixelCenters ? position + 0.5 : position)));
    return b.emit("Gather", [value, b.listed(size[i], nearest)], { axis: i + 2 });
  }, resized);
}
