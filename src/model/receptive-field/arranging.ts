/** Which inputs operators read that move elements. */
import { stringAttribute } from "../../graph/ir";
import { type Arrange, type Region as Moved, unravel, type Walk } from "../../graph/regions";
import { paddedFrom, paddings, resizeGeometry } from "../../graph/shapes";
import type { Shape } from "../../ops/layout";
import { resizeTables } from "../../ops/resize";
import { sizeOf } from "../../tensor";
import { type DependenceRule, everything, isWhole, mapMask, type Region, union } from "./region";

/** Calls `visit` with every index along an axis that loops reach, and the rounds of those that move along it. */
function alongAxis(
  { start, axes, steps }: Walk,
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
function through({ extents, from = {}, to = {} }: Moved, out: Region, shape: Shape): Region | undefined {
  const sums = extents.map((_, loop) => to.steps?.[loop] === 0);
  const marks = extents.map((extent, loop) => new Uint8Array(extent).fill(sums[loop] ? 1 : 0));
  for (const [axis, mask] of out.entries()) {
    let reached = false;
    alongAxis(to, extents, axis, (index, loops, rounds) => {
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
    alongAxis(from, extents, axis, (index, loops, rounds) => {
      if (loops.every((loop, i) => marks[loop][rounds[i]])) mask[index] = 1;
    });
    return mask;
  });
}

/** The elements that the regions of an output hold, or sum. */
export const arranged =
  (arrange: Arrange): DependenceRule =>
  ({ node, out, output, shapes, constants }) => {
    const read: (Region | undefined)[] = shapes.map(() => undefined);
    for (const region of arrange(node, shapes, constants).regions()) {
      const { input = 0 } = region;
      const part = (region.output ?? 0) === output && through(region, out, shapes[input]);
      if (part) read[input] = union(read[input], part);
    }
    return read;
  };

export const pad: DependenceRule = ({ node, out, shapes: [x], constants }) => {
  const { begin } = paddings(node, x.length, constants);
  const mode = stringAttribute(node, "mode", "constant");
  const source = paddedFrom.get(mode) ?? ((position: number) => position);
  return [x.map((extent, axis) => mapMask(out[axis], extent, (index) => [source(index - begin[axis], extent)]))];
};

/**
 * The same row-major sequence under another shape. Axes that keep their extent keep their marks; where several axes are
 * joined or split, the elements of that block are walked.
 */
export const reshape: DependenceRule = ({ out, shapes: [x] }) => {
  const to = out.map(({ length }) => length);
  return [
    blocks(x, to).flatMap(([inAxes, outAxes]) =>
      throughBlock(
        inAxes.map((i) => x[i]),
        outAxes.map((i) => out[i]),
      ),
    ),
  ];
};

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

function throughBlock(shape: Shape, out: Region): Region {
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

export const resize: DependenceRule = ({ node, opset, out, shapes: [x], constants }) => {
  const tables = resizeTables(node, resizeGeometry(node, x, constants, opset), opset);
  const read = x.slice(2).map((extent, i) => {
    const { taps, index, weight } = tables[i];
    const sources = (position: number): number[] =>
      Array.from({ length: taps }, (_, tap) => position * taps + tap)
        .filter((at) => weight[at] !== 0)
        .map((at) => index[at]);
    return mapMask(out[i + 2], extent, sources);
  });
  return [[out[0], out[1], ...read]];
};
