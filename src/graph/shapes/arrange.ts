/**
 * Operators that move or repeat elements without changing them: the shapes of their outputs, and where every element comes from.
 */
import { ModelError } from "../../errors";
import { showShape, sizeOf } from "../../tensor";
import { type Node, numberAttribute, numbersAttribute, stringAttribute } from "../ir";
import { type Arrange, broadcastWalk, oneRegion, unravel, type Walk } from "../regions";
import { broadcastShapes } from "./pointwise";
import {
  argument,
  axesOf,
  axisOf,
  checkExtents,
  constantInput,
  filled,
  type InputConstants,
  inputShape,
  label,
  neededInput,
  type Shape,
  shapeError,
} from "./rule";

/** Which input axis each output axis comes from. */
export function permutation(node: Node, x: Shape): readonly number[] {
  const reversed = x.map((_, axis) => x.length - 1 - axis);
  const order = numbersAttribute(node, "perm", reversed);
  if (order.length !== x.length) {
    shapeError(node, `perm [${order.join(", ")}] does not order the ${x.length} axes of an input ${showShape(x)}.`);
  }
  return axesOf(node, order, x.length);
}

const transpose: Arrange = (node, inputs) => {
  const x = inputShape(node, inputs);
  const axes = permutation(node, x);
  return oneRegion(
    axes.map((axis) => x[axis]),
    { from: { axes } },
  );
};

/** The index where each of several parts begins that follow one another along an axis. */
function startsAlong(axis: number, parts: readonly number[]): Walk[] {
  let next = 0;
  return parts.map((part) => {
    const start = [...filled(axis, 0), next];
    next += part;
    return { start };
  });
}

const concat: Arrange = (node, inputs) => {
  const shapes = inputs.map((_, i) => inputShape(node, inputs, i));
  const first = inputShape(node, inputs);
  const axis = axisOf(node, numberAttribute(node, "axis"), first.length);
  const odd = shapes.find(
    (shape) => shape.length !== first.length || shape.some((extent, i) => i !== axis && extent !== first[i]),
  );
  if (odd) {
    shapeError(
      node,
      `values can be joined along axis ${axis} only if they agree on all others, got ${shapes.map(showShape).join(", ")}. ` +
        "Networks with skip connections often need a height and width divisible by 32.",
    );
  }
  const parts = shapes.map((shape) => shape[axis]);
  const sum = parts.reduce((total, part) => total + part, 0);
  return {
    shapes: [first.map((extent, i) => (i === axis ? sum : extent))],
    regions: () => startsAlong(axis, parts).map((to, input) => ({ input, extents: shapes[input], to })),
  };
};

const split: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  const given = argument(node, constants, "split", 1);
  const parts = given ?? equalParts(node, x[axis], numberAttribute(node, "num_outputs", node.outputs.length));
  const sum = parts.reduce((total, part) => total + part, 0);
  if (
    sum !== x[axis] ||
    parts.length !== node.outputs.length ||
    !parts.every((n) => Number.isSafeInteger(n) && n >= 0)
  ) {
    shapeError(
      node,
      `parts [${parts.join(", ")}] for ${node.outputs.length} outputs do not make up the ${x[axis]} elements of axis ${axis} (${showShape(x)}).`,
    );
  }
  const shapes = parts.map((part) => x.map((extent, i) => (i === axis ? part : extent)));
  return {
    shapes,
    regions: () => startsAlong(axis, parts).map((from, output) => ({ output, extents: shapes[output], from })),
  };
};

function equalParts(node: Node, extent: number, count: number): number[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= node.outputs.length)) {
    shapeError(node, `num_outputs is ${count}, the node has ${node.outputs.length} outputs.`);
  }
  // Since operator set 18, which has num_outputs, the last part may be smaller.
  if (!node.attributes.has("num_outputs") && extent % count !== 0)
    shapeError(node, `${extent} elements cannot be split into ${count} equal parts.`);
  const part = Math.ceil(extent / count);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? extent - part * (count - 1) : part));
}

const slice: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const starts = argument(node, constants, "starts", 1);
  const ends = argument(node, constants, "ends", 2);
  const axesGiven = argument(node, constants, "axes", 3);
  if (!starts || !ends) throw new ModelError(`${label(node)}: its starts or ends are missing. The file is damaged.`);
  const axes = axesOf(node, axesGiven ?? starts.map((_, i) => i), x.length);
  const steps = constantInput(node, constants, 4, "steps") ?? filled(axes.length, 1);
  if (
    [starts, ends, steps].some((list) => list.length !== axes.length) ||
    !steps.every((n) => Number.isInteger(n) && n !== 0)
  ) {
    shapeError(
      node,
      `starts [${starts.join(", ")}], ends [${ends.join(", ")}], axes [${axes.join(", ")}] and steps [${steps.join(", ")}] do not go together.`,
    );
  }
  const walk = { start: filled(x.length, 0), steps: filled(x.length, 1) };
  const extents = [...x];
  axes.forEach((axis, i) => {
    const { start, out } = sliceAxis(x[axis], starts[i], ends[i], steps[i]);
    walk.start[axis] = start;
    walk.steps[axis] = steps[i];
    extents[axis] = out;
  });
  return oneRegion(extents, { from: walk });
};

function sliceAxis(extent: number, start: number, end: number, step: number) {
  const clamp = (at: number, least: number, most: number) => Math.min(Math.max(at < 0 ? at + extent : at, least), most);
  // Backwards, an end before the first element is written as a very negative number.
  const [from, to] =
    step > 0
      ? [clamp(start, 0, extent), clamp(end, 0, extent)]
      : [clamp(start, 0, extent - 1), clamp(end, -1, extent - 1)];
  return { start: from, out: Math.max(0, Math.ceil((to - from) / step)) };
}

/** Elements that Pad adds (or, negative, removes) at both ends of each of the input's `rank` axes. */
export function paddings(node: Node, rank: number, constants: InputConstants) {
  const pads = argument(node, constants, "pads", 1);
  if (!pads) throw new ModelError(`${label(node)}: its pads are missing. The file is damaged.`);
  const every = Array.from({ length: rank }, (_, axis) => axis);
  const axes = axesOf(node, constantInput(node, constants, 3, "axes") ?? every, rank);
  if (pads.length !== 2 * axes.length || !pads.every(Number.isSafeInteger)) {
    shapeError(node, `pads [${pads.join(", ")}] must be two whole numbers for each of ${axes.length} axes.`);
  }
  const begin = filled(rank, 0);
  const end = filled(rank, 0);
  axes.forEach((axis, i) => {
    begin[axis] = pads[i];
    end[axis] = pads[axes.length + i];
  });
  return { begin, end };
}

/** With a constant around; what the other modes show there comes from the input, by `paddedFrom`. */
const pad: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const { begin, end } = paddings(node, x.length, constants);
  const shape = x.map((extent, axis) => extent + begin[axis] + end[axis]);
  if (!shape.every((extent) => extent >= 0)) {
    shapeError(node, `pads remove more than there is: ${showShape(x)} would become ${shape.join("×")}.`);
  }
  const reflects = stringAttribute(node, "mode", "constant") === "reflect";
  if (reflects && x.some((extent, axis) => Math.max(begin[axis], end[axis]) >= extent && extent !== shape[axis])) {
    shapeError(node, `a reflection must be smaller than the input ${showShape(x)}. Use a larger inputShape.`);
  }
  // The part of the input that stays, as seen from both sides.
  const from = begin.map((n) => Math.max(0, -n));
  const to = begin.map((n) => Math.max(0, n));
  const extents = shape.map((extent, axis) => Math.max(0, Math.min(x[axis] - from[axis], extent - to[axis])));
  return {
    ...oneRegion(shape, { extents, from: { start: from }, to: { start: to } }),
    fill: constants[2]?.numbers()[0] ?? numberAttribute(node, "value", 0),
  };
};

/** Which element of a line shows at a position outside it, by the mode of Pad. */
export const paddedFrom = /* @__PURE__ */ new Map<string, (position: number, extent: number) => number>([
  ["edge", (position, extent) => Math.min(Math.max(position, 0), extent - 1)],
  ["wrap", (position, extent) => ((position % extent) + extent) % extent],
  [
    "reflect",
    (position, extent) => {
      if (extent === 1) return 0;
      const period = 2 * (extent - 1);
      const folded = ((position % period) + period) % period;
      return Math.min(folded, period - folded);
    },
  ],
]);

/** A region for each index: all axes of the input but one, at a place of the indices' axes. */
const gather: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  const before = filled(axis, 0);
  const axes = x.flatMap((_, i) => (i === axis ? [] : [i]));
  const extents = axes.map((i) => x[i]);
  const places = axes.map((i) => (i < axis ? i : i - 1 + indices.length));
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
export function chosenIndices(node: Node, constants: InputConstants, extent: number, axis: number): number[] {
  return neededInput(node, constants, 1, "indices").map((index) => insideOf(node, index, extent, axis));
}

/** A slice of the input for each row of the indices. */
const gatherNd: Arrange = (node, inputs, constants) => {
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
const gatherElements: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const indices = inputShape(node, inputs, 1);
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  if (indices.length !== x.length || indices.some((extent, i) => i !== axis && extent > x[i])) {
    shapeError(node, `indices ${showShape(indices)} do not lie inside of the input ${showShape(x)}.`);
  }
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

/** An index, negative ones counted from the end. */
function insideOf(node: Node, index: number, extent: number, axis: number): number {
  const found = index < 0 ? index + extent : index;
  if (!(found >= 0 && found < extent))
    shapeError(node, `index ${index} is outside of the ${extent} elements of axis ${axis}.`);
  return found;
}

const expand: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const target = neededInput(node, constants, 1, "target shape");
  checkExtents(node, target);
  const shape = broadcastShapes(node, [x, target]);
  return oneRegion(shape, { from: broadcastWalk(x, shape) });
};

/** Two loops per axis: the repetitions, and the elements. */
const tile: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const repeats = neededInput(node, constants, 1, "repeats");
  checkExtents(node, repeats);
  if (repeats.length !== x.length) {
    shapeError(node, `repeats [${repeats.join(", ")}] must have one entry per axis of ${showShape(x)}.`);
  }
  const axes = x.flatMap((_, axis) => [axis, axis]);
  return oneRegion(
    x.map((extent, axis) => extent * repeats[axis]),
    {
      extents: x.flatMap((extent, axis) => [repeats[axis], extent]),
      from: { axes, steps: x.flatMap(() => [0, 1]) },
      to: { axes, steps: x.flatMap((extent) => [extent, 1]) },
    },
  );
};

/** The block size of DepthToSpace and SpaceToDepth. */
function blockOf(node: Node, x: Shape): number {
  const block = numberAttribute(node, "blocksize");
  if (x.length !== 4) shapeError(node, `the input must be N×C×H×W, it is ${showShape(x)}.`);
  if (!(Number.isInteger(block) && block >= 1))
    shapeError(node, `blocksize must be at least 1, the file has ${block}.`);
  return block;
}

/** Both ways between an image and its blocks; loops: sample, channel, row, row inside the block, column, column inside. */
function blocks(node: Node, [n, channels, height, width]: Shape, block: number) {
  const crd = node.op === "DepthToSpace" && stringAttribute(node, "mode", "DCR") === "CRD";
  const [channel, place] = crd ? [block * block, 1] : [1, channels];
  return {
    extents: [n, channels, height, block, width, block],
    deep: { axes: [0, 1, 2, 1, 3, 1], steps: [1, channel, 1, block * place, 1, place] },
    wide: { axes: [0, 1, 2, 2, 3, 3], steps: [1, 1, block, 1, block, 1] },
  };
}

const depthToSpace: Arrange = (node, inputs) => {
  const x = inputShape(node, inputs);
  const block = blockOf(node, x);
  if (x[1] % (block * block) !== 0) {
    shapeError(node, `${x[1]} channels cannot be spread over blocks of ${block}×${block} (input ${showShape(x)}).`);
  }
  const mode = stringAttribute(node, "mode", "DCR");
  if (mode !== "DCR" && mode !== "CRD") shapeError(node, `the mode "${mode}" is not one of DCR and CRD.`);
  const channels = x[1] / (block * block);
  const { extents, deep, wide } = blocks(node, [x[0], channels, x[2], x[3]], block);
  return oneRegion([x[0], channels, x[2] * block, x[3] * block], { extents, from: deep, to: wide });
};

const spaceToDepth: Arrange = (node, inputs) => {
  const x = inputShape(node, inputs);
  const block = blockOf(node, x);
  if (x[2] % block !== 0 || x[3] % block !== 0) {
    shapeError(
      node,
      `${x[2]}×${x[3]} pixels cannot be cut into blocks of ${block}×${block} (input ${showShape(x)}). ` +
        `Use an inputShape whose height and width are multiples of ${block}.`,
    );
  }
  const shape = [x[0], x[1] * block * block, x[2] / block, x[3] / block];
  const { extents, deep, wide } = blocks(node, [x[0], x[1], shape[2], shape[3]], block);
  return oneRegion(shape, { extents, from: wide, to: deep });
};

/** The part of all inputs together that is one of them: the same numbers in the same order, as they lie in memory. */
const inputPart: Arrange = (node) => {
  const shape = numbersAttribute(node, "shape");
  // Channels last from rank 3 on, as everywhere in memory.
  const order = shape.map((_, axis) => axis);
  if (shape.length > 2) order.push(...order.splice(1, 1));
  const steps = filled(shape.length, 1);
  order.reduceRight((step, axis) => {
    steps[axis] = step;
    return step * shape[axis];
  }, 1);
  return oneRegion(shape, {
    from: { start: [0, numberAttribute(node, "start")], axes: filled(shape.length, 1), steps },
  });
};

/** Every operator of this kind. */
export const arrangements: ReadonlyMap<string, Arrange> = /* @__PURE__ */ new Map([
  ["Concat", concat],
  ["DepthToSpace", depthToSpace],
  ["Expand", expand],
  ["Gather", gather],
  ["GatherElements", gatherElements],
  ["GatherND", gatherNd],
  ["InputPart", inputPart],
  ["Pad", pad],
  ["Slice", slice],
  ["SpaceToDepth", spaceToDepth],
  ["Split", split],
  ["Tile", tile],
  ["Transpose", transpose],
]);
