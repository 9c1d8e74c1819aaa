/** Operators that choose elements by index. */
import { type Constant, type Node, numberAttribute } from "../graph/ir";
import { type Arrange, rowMajorStrides, unravel } from "../graph/regions";
import { axisOf, filled, type InputConstants, inputShape, label, neededInput, shapeError } from "../graph/shape-rule";
import { mostMoves, withinListed } from "../limits";
import { type Builder, constantsOf, oneToOne } from "../operation/operation";
import { placeOnce } from "../operation/weights";
import { showShape, sizeOf } from "../tensor";
import { arranged, arranging } from "./arrangement";
import { filledRoom, room, valuesOf } from "./folding";
import type { Fold, FoldCall, Operator } from "./operator";

/** A region for each index: all axes of the input but one, at a place of the indices' axes. */
const gathered: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  const before = filled(axis, 0);
  const axes = x.flatMap((_, i) => (i === axis ? [] : [i]));
  const extents = axes.map((i) => x[i]);
  const places = axes.map((i) => (i < axis ? i : i - 1 + indices.length));
  checkMoves(node, sizeOf(indices), constants);
  return {
    shapes: [[...x.slice(0, axis), ...indices, ...x.slice(axis + 1)]],
    regions: () =>
      chosenIndices(node, constants, x[axis], axis).map((index, i) => ({
        extents,
        from: { start: [...before, index], axes },
        to: { start: [...before, ...unravel(i, indices)], axes: places },
      })),
  };
};

/** The indices of a Gather, negative ones counted from the end. */
function chosenIndices(node: Node, constants: InputConstants, extent: number, axis: number): number[] {
  return neededInput(node, constants, 1, "indices").map((index) => insideOf(node, index, extent, axis));
}

/** A slice of the input for each row of the indices. */
const gatheredSlices: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const batch = numberAttribute(node, "batch_dims", 0);
  const depth = indices[indices.length - 1];
  const front = indices.slice(0, -1);
  if (!(depth >= 1 && batch + depth <= x.length)) {
    shapeError(
      node,
      `indices ${showShape(indices)} do not fit an input ${showShape(x)} behind ${batch} axes of a batch.`,
    );
  }
  const rest = x.slice(batch + depth);
  checkMoves(node, sizeOf(front), constants);
  const [from, to] = [rest.map((_, i) => batch + depth + i), rest.map((_, i) => front.length + i)];
  return {
    shapes: [[...front, ...rest]],
    regions: () => {
      const chosen = neededInput(node, constants, 1, "indices");
      return Array.from({ length: sizeOf(front) }, (_, i) => {
        const place = unravel(i, front);
        const index = chosen
          .slice(i * depth, (i + 1) * depth)
          .map((at, k) => insideOf(node, at, x[batch + k], batch + k));
        return {
          extents: rest,
          from: { start: [...place.slice(0, batch), ...index, ...filled(rest.length, 0)], axes: from },
          to: { start: [...place, ...filled(rest.length, 0)], axes: to },
        };
      });
    },
  };
};

/** An element of the input for each index, at the index' own place along all axes but one. */
const gatheredElements: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  if (indices.length !== x.length || indices.some((extent, i) => i !== axis && extent > x[i])) {
    shapeError(node, `indices ${showShape(indices)} do not lie inside of the input ${showShape(x)}.`);
  }
  checkMoves(node, sizeOf(indices), constants);
  return {
    shapes: [indices],
    regions: () =>
      neededInput(node, constants, 1, "indices").map((at, i) => {
        const place = unravel(i, indices);
        const index = insideOf(node, at, x[axis], axis);
        return { extents: [], from: { start: place.map((n, k) => (k === axis ? index : n)) }, to: { start: place } };
      }),
  };
};

/** What is known is chosen at once; elements of anything else are moved index by index, where those are known. */
function checkMoves(node: Node, count: number, [x, indices]: InputConstants): void {
  if (!x && indices) withinListed(count, label(node), mostMoves);
}

/** An index, negative ones counted from the end. */
function insideOf(node: Node, index: number, extent: number, axis: number): number {
  const found = index < 0 ? index + extent : index;
  if (!(found >= 0 && found < extent))
    shapeError(node, `index ${index} is outside of the ${extent} elements of axis ${axis}.`);
  return found;
}

/** Gather with constant indices; channels, which lie side by side in memory, are chosen in one pass over the pixels. */
const buildGather: Builder = (context) => {
  const { node, memory } = context;
  const [input, indices] = node.inputs;
  const shape = context.shape(input);
  if (!context.constant(indices)) context.refuse(`its indices "${indices}" are not constant`);
  if (axisOf(node, numberAttribute(node, "axis", 0), shape.length) !== 1) return arranged(gathered, context);
  if (context.shape(indices).length !== 1 || shape.length < 3) return arranged(gathered, context);

  const channels = shape[1];
  const pixels = sizeOf(shape) / channels;
  const order = chosenIndices(node, constantsOf(context), channels, 1);
  const reorders = order.length === channels && new Set(order).size === channels;
  const table = (list: readonly number[]) =>
    placeOnce(
      memory,
      Uint32Array.from(list, (c) => 4 * c),
      "Order of channels",
    );
  const forward = table(order);
  const inverse = table(Array.from({ length: channels }, (_, c) => order.indexOf(c)));
  const gathering = oneToOne(context, {
    linear: true,
    forward: (run, x, y) => run.kernels.gatherChannels(x, forward(), y, pixels * run.batch, channels, order.length),
    backward: (run, dy, dx) => run.kernels.gatherChannels(dy, inverse(), dx, pixels * run.batch, channels, channels),
  });
  return reorders ? gathering : { ...gathering, backward: arranged(gathered, context).backward };
};

/** The elements that lie behind each other in runs, each run at a place of its own. */
function chosen({ known: [x], out }: FoldCall, runs: number, start: (run: number) => number): Constant {
  const values = valuesOf(x);
  const result = room(x.kind, out);
  const length = result.length / Math.max(1, runs);
  for (let run = 0, to = 0; run < runs; run++) {
    const from = start(run);
    for (let i = 0; i < length; i++) result[to++] = values[from + i];
  }
  return filledRoom(x.kind, result, out);
}

const foldGather: Fold = (call) => {
  const { node, known } = call;
  const [{ shape }, indices] = known;
  const axis = axisOf(node, numberAttribute(node, "axis", 0), shape.length);
  const inner = sizeOf(shape.slice(axis + 1));
  const list = valuesOf(indices);
  const count = list.length;
  return chosen(call, sizeOf(shape.slice(0, axis)) * count, (run) => {
    const before = Math.floor(run / count);
    return (before * shape[axis] + insideOf(node, list[run % count], shape[axis], axis)) * inner;
  });
};

const foldElements: Fold = (call) => {
  const { node, known, out } = call;
  const [{ shape }, indices] = known;
  const axis = axisOf(node, numberAttribute(node, "axis", 0), shape.length);
  const list = valuesOf(indices);
  const strides = rowMajorStrides(shape);
  return chosen(call, list.length, (i) => {
    let [rest, at] = [i, 0];
    for (let k = shape.length - 1; k >= 0; k--) {
      at += (k === axis ? insideOf(node, list[i], shape[axis], axis) : rest % out[k]) * strides[k];
      rest = Math.floor(rest / out[k]);
    }
    return at;
  });
};

const foldSlices: Fold = (call) => {
  const { node, known } = call;
  const [{ shape }, indices] = known;
  const batch = numberAttribute(node, "batch_dims", 0);
  const depth = indices.shape[indices.shape.length - 1];
  const list = valuesOf(indices);
  const strides = rowMajorStrides(shape);
  const [rows, inside] = [list.length / depth, sizeOf(indices.shape.slice(batch, -1))];
  return chosen(call, rows, (row) => {
    // The axes of a batch lie in front on both sides.
    let at = batch > 0 ? Math.floor(row / inside) * strides[batch - 1] : 0;
    for (let k = 0; k < depth; k++)
      at += insideOf(node, list[row * depth + k], shape[batch + k], batch + k) * strides[batch + k];
    return at;
  });
};

export const gather: Operator = /* @__PURE__ */ arranging(gathered, { build: buildGather, fold: foldGather });
export const gatherElements: Operator = /* @__PURE__ */ arranging(gatheredElements, { fold: foldElements });
export const gatherNd: Operator = /* @__PURE__ */ arranging(gatheredSlices, { fold: foldSlices });
