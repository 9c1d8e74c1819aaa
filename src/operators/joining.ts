/** Operators that join values along an axis, and cut them. */
import { ModelError } from "../errors";
import { type Node, numberAttribute, numbersAttribute } from "../graph/ir";
import { type Arrange, oneRegion, type StridedWalk } from "../graph/regions";
import { argument, axesOf, axisOf, constantInput, filled, inputShape, label, shapeError } from "../graph/shape-rule";
import { showShape } from "../tensor";
import { arranging, keepsPlaces } from "./arrangement";
import type { Operator } from "./operator";

/** The index where each of several parts begins that follow one another along an axis. */
function startsAlong(axis: number, parts: readonly number[]): StridedWalk[] {
  let next = 0;
  return parts.map((part) => {
    const start = [...filled(axis, 0), next];
    next += part;
    return { start };
  });
}

const joined: Arrange = (node, inputs) => {
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

const parted: Arrange = (node, inputs, constants) => {
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

const cut: Arrange = (node, inputs, constants) => {
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

/** The part of all inputs together that is one of them: the same numbers in the same order, as they lie in memory. */
const partOfInputs: Arrange = (node) => {
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

/** Before set 4 it had another default axis. */
export const concat: Operator = /* @__PURE__ */ arranging(joined, {
  since: 4,
  noOp: /* @__PURE__ */ keepsPlaces(joined),
});
/** Before set 2 its parts could be an input. */
export const split: Operator = /* @__PURE__ */ arranging(parted, {
  since: 2,
  noOp: /* @__PURE__ */ keepsPlaces(parted),
});
export const slice: Operator = /* @__PURE__ */ arranging(cut, { noOp: /* @__PURE__ */ keepsPlaces(cut) });
/** Made by `joinInputs` alone. */
export const inputPart: Operator = /* @__PURE__ */ arranging(partOfInputs, { internal: true });
