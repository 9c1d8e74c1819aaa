/** Operators that turn axes, repeat elements and move blocks of pixels. */
import { type Node, numberAttribute, numbersAttribute, stringAttribute } from "../graph/ir";
import { type Arrange, broadcastWalk, oneRegion } from "../graph/regions";
import {
  axesOf,
  broadcastShapes,
  checkExtents,
  constantInput,
  inputShape,
  label,
  neededInput,
  type Shape,
  shapeError,
} from "../graph/shape-rule";
import { mostMoves, withinListed } from "../limits";
import { showShape } from "../tensor";
import { always, arranging, keepsPlaces } from "./arrangement";
import { computed, valuesOf } from "./folding";
import type { Fold, Operator } from "./operator";

/** Which input axis each output axis comes from. */
export function permutation(node: Node, x: Shape): readonly number[] {
  const reversed = x.map((_, axis) => x.length - 1 - axis);
  const order = numbersAttribute(node, "perm", reversed);
  if (order.length !== x.length) {
    shapeError(node, `perm [${order.join(", ")}] does not order the ${x.length} axes of an input ${showShape(x)}.`);
  }
  return axesOf(node, order, x.length);
}

const turned: Arrange = (node, inputs) => {
  const x = inputShape(node, inputs);
  const axes = permutation(node, x);
  return oneRegion(
    axes.map((axis) => x[axis]),
    { from: { axes } },
  );
};

const expanded: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const target = neededInput(node, constants, 1, "target shape");
  checkExtents(node, target);
  const shape = broadcastShapes(node, [x, target]);
  return oneRegion(shape, { from: broadcastWalk(x, shape) });
};

/** Two loops per axis: the repetitions, and the elements. */
const tiled: Arrange = (node, inputs, constants) => {
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

const spread: Arrange = (node, inputs) => {
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

const gatheredBlocks: Arrange = (node, inputs) => {
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

/** The part of every row on one side of a diagonal. */
const triangle: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  if (x.length < 2) shapeError(node, `the input must be a matrix, or several, it is ${showShape(x)}.`);
  const isUpper = numberAttribute(node, "upper", 1) !== 0;
  const [shift = 0] = constantInput(node, constants, 1, "diagonal") ?? [];
  const front = x.slice(0, -2);
  const [rows, columns] = x.slice(-2);
  if (!constants[0]) withinListed(rows, label(node), mostMoves);
  const start = front.map(() => 0);
  return {
    shapes: [x],
    regions: () =>
      Array.from({ length: rows }, (_, row) => {
        const diagonal = Math.min(Math.max(row + shift + (isUpper ? 0 : 1), 0), columns);
        const [first, length] = isUpper ? [diagonal, columns - diagonal] : [0, diagonal];
        const walk = { start: [...start, row, first] };
        return { extents: [...front, 1, length], from: walk, to: walk };
      }),
  };
};

const foldTriangle: Fold = ({ node, inputs, known: [x], out }) => {
  const isUpper = numberAttribute(node, "upper", 1) !== 0;
  const [shift = 0] = constantInput(node, inputs, 1, "diagonal") ?? [];
  const [rows, columns] = out.slice(-2);
  const values = valuesOf(x);
  return computed(x.kind, out, (i) => {
    const over = (i % columns) - (Math.floor(i / columns) % rows) - shift;
    return (isUpper ? over >= 0 : over <= 0) ? values[i] : 0;
  });
};

export const transpose: Operator = /* @__PURE__ */ arranging(turned, { noOp: /* @__PURE__ */ keepsPlaces(turned) });
export const expand: Operator = /* @__PURE__ */ arranging(expanded, { noOp: always });
/** Before set 6 it repeated along one axis. */
export const tile: Operator = /* @__PURE__ */ arranging(tiled, { since: 6, noOp: always });
export const depthToSpace: Operator = /* @__PURE__ */ arranging(spread);
export const spaceToDepth: Operator = /* @__PURE__ */ arranging(gatheredBlocks);
export const trilu: Operator = /* @__PURE__ */ arranging(triangle, { settings: 1, fold: foldTriangle });
