import { image, shapeOf } from "../axes";
import { type GraphBuilder, refuse, type Value } from "../graph-builder";
import { slice } from "./arrange";
import type { ConvOptions } from "./convolution";

/**
 * Old exporters write a dilated convolution as SpaceToBatchND, a convolution without padding, and BatchToSpaceND. Here the
 * value stays what it is and remembers that it was spread.
 */
interface Spread {
  readonly block: readonly number[];
  /** Elements that SpaceToBatchND adds before and after, per image axis. */
  readonly pads: readonly (readonly [number, number])[];
}

const dilatedBy = new WeakMap<Value, Spread>();

/** SpaceToBatchND. */
export function spaceToBatch(b: GraphBuilder, x: Value, block: readonly number[], pads: Spread["pads"]): Value {
  if (x.shape.length !== 4 || b.channelsFirst) refuse("it is supported on images with channels last only");
  const spread: Value = { ...b.emit("Identity", [image(b, x)]) };
  dilatedBy.set(spread, { block, pads });
  return spread;
}

/** A convolution, which is a dilated one where its input was spread. */
export function dilatedConvolution(x: Value, options: ConvOptions, apply: (options: ConvOptions) => Value): Value {
  const spread = dilatedBy.get(x);
  if (!spread) return apply(options);
  const { block, pads } = spread;
  if (
    options.padding !== "valid" ||
    [...options.strides, ...options.dilations].some((n) => n !== 1) ||
    pads.length === 0
  )
    refuse("after SpaceToBatchND only one convolution without padding and strides is supported");
  const begin = pads.map(([n]) => n);
  const end = pads.map(([, n]) => n);
  return stillSpread(x, apply({ ...options, dilations: block, padding: { begin, end } }));
}

/** What was computed from a spread value place by place is spread as well. */
export function stillSpread(x: Value, result: Value): Value {
  const spread = dilatedBy.get(x);
  if (spread) dilatedBy.set(result, { ...spread, pads: [] });
  return result;
}

/** BatchToSpaceND. */
export function batchToSpace(b: GraphBuilder, x: Value, crops: Spread["pads"]): Value {
  if (!dilatedBy.has(x)) refuse("it is supported only after SpaceToBatchND and a convolution");
  const cuts: (readonly [number, number])[] = [[0, 0], ...crops, [0, 0]];
  const end = shapeOf(x).map((extent, axis) => extent - cuts[axis][1]);
  const begin = cuts.map(([n]) => n);
  return slice(
    b,
    x,
    begin,
    end,
    cuts.map(() => 1),
  );
}
