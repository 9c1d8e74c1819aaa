/** ScatterND and ScatterElements with constant indices: what stands at some places of a value is replaced. */
import { type Constant, type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { rowMajorStrides, unravel } from "../graph/regions";
import { axisOf, inputShape, neededInput, type Shape, type ShapeRule, shapeError } from "../graph/shape-rule";
import { memoryStrides, toMemoryOrder } from "../operation/layout";
import { type BuildContext, type Builder, constantsOf, operation, type Run } from "../operation/operation";
import { showShape, sizeOf } from "../tensor";
import { filledRoom, room, valuesOf } from "./folding";
import type { AxisReach, Fold, Operator } from "./operator";

/** Where each element of the updates goes, in row-major order on both sides. */
export type PlaceRule = (node: Node, x: Shape, indices: Shape, chosen: ArrayLike<number>) => Int32Array;

/** The element at an index, negative ones counted from the end. */
function indexIn(node: Node, index: number, extent: number): number {
  const found = index < 0 ? index + extent : index;
  if (!(found >= 0 && found < extent))
    shapeError(node, `index ${index} is outside of the ${extent} elements of its axis.`);
  return found;
}

const slicePlaces: PlaceRule = (node, x, indices, chosen) => {
  const depth = indices[indices.length - 1];
  const strides = rowMajorStrides(x);
  const slice = sizeOf(x.slice(depth));
  const places = new Int32Array((sizeOf(indices) / depth) * slice);
  for (let n = 0; n < places.length / slice; n++) {
    let at = 0;
    for (let axis = 0; axis < depth; axis++) at += indexIn(node, chosen[n * depth + axis], x[axis]) * strides[axis];
    for (let i = 0; i < slice; i++) places[n * slice + i] = at + i;
  }
  return places;
};

const elementPlaces: PlaceRule = (node, x, indices, chosen) => {
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  const strides = rowMajorStrides(x);
  return Int32Array.from(chosen, (index, i) => {
    const place = unravel(i, indices);
    place[axis] = indexIn(node, index, x[axis]);
    return place.reduce((sum, at, k) => sum + at * strides[k], 0);
  });
};

/** How a node scatters. */
export const writtenPlaces = (node: Node): PlaceRule => (node.op === "ScatterND" ? slicePlaces : elementPlaces);

/** What is written where something is already. */
const reductions: ReadonlyMap<string, (old: number, value: number) => number> = /* @__PURE__ */ new Map([
  ["none", (_: number, value: number) => value],
  ["add", (old: number, value: number) => old + value],
  ["mul", (old: number, value: number) => old * value],
  ["max", Math.max],
  ["min", Math.min],
]);

/** The reduction of a node; all but "none" are written by others where they run. */
export function reductionOf(node: Node): string {
  const name = stringAttribute(node, "reduction", "none");
  if (!reductions.has(name))
    shapeError(node, `its reduction "${name}" is none of ${[...reductions.keys()].join(", ")}.`);
  return name;
}

const fold: Fold = ({ node, known: [x, indices, updates], out }) => {
  const [old, values] = [valuesOf(x), valuesOf(updates)];
  const result = room(x.kind, x.shape);
  for (let i = 0; i < result.length; i++) result[i] = old[i];
  const write = reductions.get(reductionOf(node)) ?? ((_: number, value: number) => value);
  writtenPlaces(node)(node, out, indices.shape, valuesOf(indices)).forEach((at, i) => {
    result[at] = write(result[at], values[i]);
  });
  return filledRoom(x.kind, result, out);
};

/** Where an element of a row-major sequence lies in memory. */
function inMemory(shape: Shape): (element: number) => number {
  const strides = memoryStrides(shape);
  return (element) => unravel(element, shape).reduce((sum, at, axis) => sum + at * strides[axis], 0);
}

const build: Builder = (context: BuildContext) => {
  const { node } = context;
  const [data, , updates] = node.inputs;
  const [, indices] = constantsOf(context);
  if (!indices) return context.refuse(`its indices "${node.inputs[1]}" are not constant`);
  if (reductionOf(node) !== "none") return context.refuse(`its reduction "${reductionOf(node)}" is not supported here`);
  const [output] = node.outputs;
  const [shape, updated] = [context.shape(output), context.shape(updates)];
  const [size, count] = [sizeOf(shape), sizeOf(updated)];
  // Of several for one place the last one stays.
  const written = new Map<number, number>();
  for (const [i, at] of writtenPlaces(node)(node, shape, indices.shape, indices.values()).entries()) written.set(at, i);
  const to = Int32Array.from(written.keys(), inMemory(shape));
  const from = Int32Array.from(written.values(), inMemory(updated));
  const known = (name: string, own: Shape): Float32Array | undefined => {
    const constant: Constant | undefined = context.constant(name);
    return constant && toMemoryOrder(constant.floats(), own);
  };
  const [fixed, fixedUpdates] = [known(data, shape), known(updates, updated)];
  const eachSample = (run: Run, visit: (sample: number) => void): void => {
    for (let sample = 0; sample < run.batch; sample++) visit(sample);
  };
  const part = (run: Run, at: number, sample: number, length: number): Float32Array =>
    run.memory.floats(at + sample * length * 4, length);
  return operation({
    node,
    inputs: [...new Set([...(fixed ? [] : [data]), ...(fixedUpdates ? [] : [updates])])],
    outputs: [output],
    linear: true,
    forward: (run) =>
      eachSample(run, (sample) => {
        const y = part(run, run.value(output), sample, size);
        y.set(fixed ?? part(run, run.value(data), sample, size));
        const values = fixedUpdates ?? part(run, run.value(updates), sample, count);
        for (let i = 0; i < to.length; i++) y[to[i]] = values[from[i]];
      }),
    backward: (run) => {
      if (!fixed) {
        run.contribute(data, (dx) =>
          eachSample(run, (sample) => {
            const kept = part(run, dx, sample, size);
            kept.set(part(run, run.gradient(output), sample, size));
            for (let i = 0; i < to.length; i++) kept[to[i]] = 0;
          }),
        );
      }
      if (!fixedUpdates) {
        run.contribute(updates, (dx) =>
          eachSample(run, (sample) => {
            const dy = part(run, run.gradient(output), sample, size);
            const taken = part(run, dx, sample, count).fill(0);
            for (let i = 0; i < to.length; i++) taken[from[i]] = dy[to[i]];
          }),
        );
      }
    },
  });
};

const scatterNdShape: ShapeRule = (node, inputs, constants) => {
  const [x, indices, updates] = [0, 1, 2].map((i) => inputShape(node, inputs, i));
  const depth = indices[indices.length - 1];
  neededInput(node, constants, 1, "indices");
  const expected = [...indices.slice(0, -1), ...x.slice(depth)];
  if (!(depth >= 1 && depth <= x.length) || showShape(expected) !== showShape(updates)) {
    shapeError(
      node,
      `indices ${showShape(indices)} and updates ${showShape(updates)} do not fit an input ${showShape(x)}.`,
    );
  }
  return [x];
};

const scatterElementsShape: ShapeRule = (node, inputs, constants) => {
  const [x, indices, updates] = [0, 1, 2].map((i) => inputShape(node, inputs, i));
  neededInput(node, constants, 1, "indices");
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  const isInside = indices.length === x.length && indices.every((extent, i) => i === axis || extent <= x[i]);
  if (!isInside || showShape(indices) !== showShape(updates)) {
    shapeError(
      node,
      `indices ${showShape(indices)} and updates ${showShape(updates)} do not fit an input ${showShape(x)}.`,
    );
  }
  return [x];
};

const same = (shape: Shape): AxisReach[] => shape.map((_, axis) => ({ of: axis }));

export const scatterNd: Operator = {
  nature: "moves",
  shape: scatterNdShape,
  reach: {
    operands: ({ shapes: [x = [], indices = [], updates = []] }) => {
      const front = indices.length - 1;
      const depth = indices[front];
      const slices = updates.map((_, axis): AxisReach => (axis < front ? "whole" : { of: depth + axis - front }));
      return [same(x), indices.map(() => "whole"), slices];
    },
  },
  build,
  fold,
};

export const scatterElements: Operator = {
  nature: "moves",
  shape: scatterElementsShape,
  reach: {
    operands: ({ node, shapes: [x = [], indices = [], updates = []] }) => {
      const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
      const here = updates.map((_, i): AxisReach => (i === axis ? "whole" : { from: (index) => [index] }));
      return [same(x), indices.map(() => "whole"), here];
    },
  },
  build,
  fold,
};
