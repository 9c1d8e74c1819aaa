import { reshaped, shapeOf } from "../axes";
import { type GraphBuilder, numbersOf, refuse, type Value } from "../graph-builder";
import { slice } from "./arrange";

/** Where the masks are read from, by their names. */
interface Masks {
  number(mask: string, fallback: number): number;
}

/**
 * TensorFlow's StridedSlice: `x[begin:end:step]` per axis, where masks of one bit per entry say that a begin or an end is
 * absent, that the entry stands for `…`, that it adds an axis, or that it is one index and drops its axis.
 */
export function stridedSlice(b: GraphBuilder, masks: Masks, inputs: readonly Value[]): Value {
  const [x] = inputs;
  const [begin, end, step] = inputs.slice(1).map((value, i) => numbersOf(value, ["begin", "end", "strides"][i]));
  const has = (mask: string, i: number): boolean => ((masks.number(mask, 0) >> i) & 1) === 1;
  const extents = shapeOf(x);
  const entries = begin.map((_, i) => i);
  const added = entries.filter((i) => has("new_axis_mask", i) && !has("ellipsis_mask", i)).length;
  const hasEllipsis = entries.some((i) => has("ellipsis_mask", i));
  const named = begin.length - added - (hasEllipsis ? 1 : 0);
  if (named > extents.length) refuse(`it names ${named} axes of a value that has ${extents.length}`);

  const [from, to, by]: number[][] = [[], [], []];
  const shape: ("keep" | "drop" | "add")[] = [];
  const whole = (count: number): void => {
    for (let n = 0; n < count; n++) {
      to.push(extents[from.length]);
      from.push(0);
      by.push(1);
      shape.push("keep");
    }
  };
  for (const i of entries) {
    if (has("ellipsis_mask", i)) whole(extents.length - named);
    else if (has("new_axis_mask", i)) shape.push("add");
    else {
      const extent = extents[from.length];
      const one = has("shrink_axis_mask", i);
      const bound = (value: number, absent: boolean, none: number, least: number): number =>
        absent
          ? none
          : Math.min(Math.max(value < 0 ? value + extent : value, least), step[i] > 0 ? extent : extent - 1);
      const forward = step[i] > 0;
      const start = bound(begin[i], has("begin_mask", i) && !one, forward ? 0 : extent - 1, 0);
      from.push(start);
      to.push(one ? start + 1 : bound(end[i], has("end_mask", i), forward ? extent : -1, forward ? 0 : -1));
      by.push(one ? 1 : step[i]);
      shape.push(one ? "drop" : "keep");
    }
  }
  whole(extents.length - from.length);
  const cut = slice(b, x, from, to, by);
  if (shape.every((what) => what === "keep")) return cut;
  const rest = shapeOf(cut);
  return reshaped(
    b,
    cut,
    shape.flatMap((what) => {
      const extent = what === "add" ? 1 : (rest.shift() as number);
      return what === "drop" ? [] : [extent];
    }),
  );
}
