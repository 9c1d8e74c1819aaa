/**
 * The one reader of what operators say of their reach: which elements of the inputs given elements of an output are computed from.
 */
import type { Node } from "../graph/ir";
import { type StridedRegion, type StridedWalk, unravel } from "../graph/regions";
import type { InputConstants, Shape } from "../graph/shape-rule";
import { sizeOf } from "../tensor";
import type { AxisReach, Operator, WindowTaps } from "./operator";
import { type AxisMask, type AxisRegion, everything, isWhole, mapMask, marked, unbroadcast, union } from "./region";

/** What is asked of a node. */
export interface Dependence {
  readonly node: Node;
  readonly opset: number;
  /** The elements of one output that are asked about. */
  readonly out: AxisRegion;
  /** Which output. */
  readonly output: number;
  /** Shapes of all inputs. */
  readonly shapes: readonly Shape[];
  readonly constants: InputConstants;
}

/**
 * The elements of each input that the asked elements of an output are computed from, in the order of the inputs; undefined where an
 * input does not matter. Undefined altogether where the operator does not say.
 */
export function dependsOn(
  operator: Operator | undefined,
  dependence: Dependence,
): readonly (AxisRegion | undefined)[] | undefined {
  const { reach, arrange } = operator ?? {};
  const { out, output, shapes, ...use } = dependence;
  if (reach === undefined) return undefined;
  // Every operand at the same place, where it was broadcast at the place that was repeated.
  if (reach === "same") return shapes.map((shape) => unbroadcast(out, shape));
  if (reach === "row-major") return [reshaped(out, shapes[0])];
  if (reach === "regions") {
    const regions = arrange?.(use.node, shapes, use.constants).regions() ?? [];
    return throughRegions(regions, out, output, shapes);
  }
  if ("operands" in reach) {
    return reach
      .operands({ ...use, shapes })
      .map((axes, input) => axes.map((axis, i) => alongAxis(axis, out, i, shapes[input][i])));
  }
  const [x] = shapes;
  const read = reach.axes({ ...use, shapes }).map((axis, i) => alongAxis(axis, out, i, x[i]));
  return new Array<AxisRegion>(reach.inputs ?? 1).fill(read);
}

function alongAxis(reach: AxisReach, out: AxisRegion, axis: number, extent: number): AxisMask {
  if (reach === "same") return out[axis];
  if (reach === "whole") return everything(extent);
  if ("of" in reach) return extent === 1 ? everything(1) : out[reach.of];
  if ("under" in reach) return underWindows(out[axis], extent, reach.under);
  if ("over" in reach) return writingTo(out[axis], extent, reach.over);
  if ("groups" in reach) return groupChannels(out[axis], extent, reach.groups);
  if ("span" in reach) return spanned(out[axis], extent, reach.span);
  return mapMask(out[axis], extent, reach.from);
}

/** The indices between the bounds of any marked one. */
function spanned(mask: AxisMask, extent: number, span: (index: number) => readonly [number, number]): AxisMask {
  const steps = new Int32Array(extent + 1);
  for (const index of marked(mask)) {
    const [from, to] = span(index).map((at) => Math.min(Math.max(at, 0), extent));
    if (from >= to) continue;
    steps[from] += 1;
    steps[to] -= 1;
  }
  let open = 0;
  return Uint8Array.from({ length: extent }, (_, index) => {
    open += steps[index];
    return Number(open > 0);
  });
}

/** Positions from which a window at output position o reads: o·stride − pad + t·dilation. */
function underWindows(mask: AxisMask, extent: number, g: WindowTaps): AxisMask {
  const taps = Array.from({ length: g.extent }, (_, t) => t * g.dilation - g.pad);
  return mapMask(mask, extent, (position) => taps.map((tap) => position * g.stride + tap));
}

/** Positions whose window writes to output position o of a transposed convolution. */
function writingTo(mask: AxisMask, extent: number, g: WindowTaps): AxisMask {
  return Uint8Array.from({ length: extent }, (_, position) => {
    const start = position * g.stride - g.pad;
    for (let t = 0; t < g.extent; t++) if (mask[start + t * g.dilation]) return 1;
    return 0;
  });
}

/** All channels of every group that has a marked channel on the other side. */
function groupChannels(mask: AxisMask, channels: number, groups: number): AxisMask {
  const [here, there] = [mask.length / groups, channels / groups];
  const touched = new Set(marked(mask).map((channel) => Math.floor(channel / here)));
  return Uint8Array.from({ length: channels }, (_, channel) => Number(touched.has(Math.floor(channel / there))));
}

/** Calls `visit` with every index along an axis that loops reach, and the rounds of those that move along it. */
function alongLoops(
  { start, axes, steps }: StridedWalk,
  extents: readonly number[],
  axis: number,
  visit: (index: number, loops: readonly number[], rounds: readonly number[]) => void,
): void {
  const step = (loop: number): number => steps?.[loop] ?? 1;
  const loops = extents.flatMap((_, loop) => ((axes?.[loop] ?? loop) === axis && step(loop) !== 0 ? [loop] : []));
  const own = loops.map((loop) => extents[loop]);
  for (let element = 0; element < sizeOf(own); element++) {
    const rounds = unravel(element, own);
    const index = rounds.reduce((sum, round, i) => sum + round * step(loops[i]), start?.[axis] ?? 0);
    visit(index, loops, rounds);
  }
}

/** What is read through one region: the rounds of its loops that reach marked elements, and where those rounds lead. */
function through(
  { extents, from = {}, to = {} }: StridedRegion,
  out: AxisRegion,
  shape: Shape,
): AxisRegion | undefined {
  const sums = extents.map((_, loop) => to.steps?.[loop] === 0);
  const marks = extents.map((extent, loop) => new Uint8Array(extent).fill(sums[loop] ? 1 : 0));
  for (const [axis, mask] of out.entries()) {
    let reached = false;
    alongLoops(to, extents, axis, (index, loops, rounds) => {
      if (!mask[index]) return;
      reached = true;
      loops.forEach((loop, i) => {
        marks[loop][rounds[i]] = 1;
      });
    });
    if (!reached) return undefined;
  }
  return shape.map((extent, axis) => {
    const mask = new Uint8Array(extent);
    alongLoops(from, extents, axis, (index, loops, rounds) => {
      if (loops.every((loop, i) => marks[loop][rounds[i]])) mask[index] = 1;
    });
    return mask;
  });
}

/** The elements that the regions of an output hold, or sum. */
function throughRegions(
  regions: readonly StridedRegion[],
  out: AxisRegion,
  output: number,
  shapes: readonly Shape[],
): (AxisRegion | undefined)[] {
  const read: (AxisRegion | undefined)[] = shapes.map(() => undefined);
  for (const region of regions) {
    const { input = 0 } = region;
    const part = (region.output ?? 0) === output && through(region, out, shapes[input]);
    if (part) read[input] = union(read[input], part);
  }
  return read;
}

/**
 * The same row-major sequence under another shape. Axes that keep their extent keep their marks; where several axes are
 * joined or split, the elements of that block are walked.
 */
function reshaped(out: AxisRegion, x: Shape): AxisRegion {
  const to = out.map(({ length }) => length);
  return blocks(x, to).flatMap(([inAxes, outAxes]) =>
    throughBlock(
      inAxes.map((i) => x[i]),
      outAxes.map((i) => out[i]),
    ),
  );
}

/** Splits two shapes of one size into the shortest runs of axes with equal products. */
function blocks(from: Shape, to: Shape): (readonly [number[], number[]])[] {
  const found: [number[], number[]][] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const block: [number[], number[]] = [[], []];
    let [inSize, outSize] = [1, 1];
    do {
      if (i < from.length && (inSize <= outSize || j >= to.length)) {
        inSize *= from[i];
        block[0].push(i++);
      } else {
        outSize *= to[j];
        block[1].push(j++);
      }
    } while (inSize !== outSize);
    found.push(block);
  }
  return found;
}

function throughBlock(shape: Shape, out: AxisRegion): AxisRegion {
  if (shape.length === 1 && out.length === 1) return out;
  if (isWhole(out)) return shape.map(everything);
  const extents = out.map(({ length }) => length);
  const region = shape.map((extent) => new Uint8Array(extent));
  for (let element = 0; element < sizeOf(shape); element++) {
    const place = unravel(element, extents);
    if (!place.every((index, axis) => out[axis][index])) continue;
    unravel(element, shape).forEach((index, axis) => {
      region[axis][index] = 1;
    });
  }
  return region;
}
