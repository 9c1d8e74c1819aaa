import { ModelError } from "../errors";
import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { type Arrange, oneRegion } from "../graph/regions";
import {
  argument,
  axesOf,
  constantInput,
  filled,
  type InputConstants,
  inputShape,
  label,
  shapeError,
} from "../graph/shape-rule";
import { type BuildContext, type Builder, constantsOf, type Operation } from "../operation/operation";
import { showShape } from "../tensor";
import { arranged, arranging, keepsPlaces } from "./arrangement";
import { moved } from "./folding";
import type { Operator } from "./operator";
import { indexTable, listPlaces, resampleOperation } from "./resampling";

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
const padded: Arrange = (node, inputs, constants) => {
  const x = inputShape(node, inputs);
  const { begin, end } = paddings(node, x.length, constants);
  const shape = x.map((extent, axis) => extent + begin[axis] + end[axis]);
  if (!shape.every((extent) => extent >= 0)) {
    shapeError(node, `pads remove more than there is: ${showShape(x)} would become ${shape.join("×")}.`);
  }
  const mode = modeOf(node);
  if (mode !== "constant") listPlaces(node, shape, shape);
  const reflects = mode === "reflect";
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

/** Pad with a constant on any axis (negative pads crop), or by reflecting, repeating the edge or wrapping the image. */
const buildPad: Builder = (context) => {
  const { node } = context;
  const mode = modeOf(node);
  if (mode !== "constant") return padFromImage(context, mode);
  const value = node.inputs[2];
  if (value && !context.constant(value)) context.refuse(`its value "${value}" is not a constant`);
  return arranged(padded, context);
};

function padFromImage(context: BuildContext, mode: string): Operation {
  const { node } = context;
  const source = paddedFrom.get(mode);
  if (!source)
    throw new ModelError(
      `Pad "${node.name}": the mode "${mode}" is not one of constant, ${[...paddedFrom.keys()].join(", ")}.`,
    );
  const shape = context.shape(node.inputs[0]);
  const outShape = context.shape(node.outputs[0]);
  const { begin } = paddings(node, shape.length, constantsOf(context));
  const tables = shape
    .slice(2)
    .map((extent, i) => indexTable(outShape[i + 2], (position) => source(position - begin[i + 2], extent)));
  return resampleOperation(context, tables);
}

const modeOf = (node: Node): string => stringAttribute(node, "mode", "constant");

/** Before set 2 its pads had another name. */
export const pad: Operator = /* @__PURE__ */ arranging(padded, {
  since: 2,
  reach: {
    axes: ({ node, shapes: [x = []], constants }) => {
      const { begin } = paddings(node, x.length, constants);
      const source = paddedFrom.get(modeOf(node)) ?? ((position: number) => position);
      return x.map((extent, axis) => ({ from: (index) => [source(index - begin[axis], extent)] }));
    },
  },
  build: buildPad,
  // Of the other modes, constants are not computed.
  fold: (call) => (modeOf(call.node) === "constant" ? moved(padded)(call) : undefined),
  noOp: /* @__PURE__ */ keepsPlaces(padded),
  settings: 1,
});
