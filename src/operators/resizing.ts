/** Resize and Upsample of the image axes. */
import { type Node, numbersAttribute, stringAttribute } from "../graph/ir";
import {
  axesOf,
  constantInput,
  type InputConstants,
  inputShape,
  type Shape,
  type ShapeRule,
  shapeError,
} from "../graph/shape-rule";
import { type Builder, constantsOf } from "../operation/operation";
import { showShape } from "../tensor";
import { always } from "./arrangement";
import type { AxesReach, Operator } from "./operator";
import { listPlaces, resampleOperation } from "./resampling";
import { keepsShape, methodRefusal, type ResizeAxis, resizeTables } from "./sampling";

/** Geometry of Resize and Upsample: one entry per axis of the input, N and C included. */
export function resizeGeometry(node: Node, x: Shape, constants: InputConstants, opset: number): ResizeAxis[] {
  const axes = node.attributes.has("axes")
    ? axesOf(node, numbersAttribute(node, "axes"), x.length)
    : x.map((_, axis) => axis);
  const { scales, sizes } = request(node, constants, opset);
  const given = sizes ?? scales;
  if (!given) shapeError(node, "neither scales nor sizes are given.");
  if (given.length !== axes.length) {
    shapeError(
      node,
      `${sizes ? "sizes" : "scales"} [${given.join(", ")}] must have ${axes.length} entries, one per axis (input ${showShape(x)}).`,
    );
  }
  const resized = sizes ? bySizes(node, x, axes, sizes) : byScales(node, x, axes, given);
  const parts = cropsFrom(node) ? partsOf(node, axes, constants) : undefined;
  return x.map((extent, axis) => {
    const own = resized.get(axis) ?? { in: extent, out: extent, scale: 1 };
    const part = parts?.get(axis);
    return part ? { ...own, part } : own;
  });
}

const cropsFrom = (node: Node): boolean =>
  stringAttribute(node, "coordinate_transformation_mode", "half_pixel") === "tf_crop_and_resize";

/** The part of each axis that is resized, as shares of it; only parts that are not all of it. */
function partsOf(
  node: Node,
  axes: readonly number[],
  constants: InputConstants,
): Map<number, readonly [number, number]> {
  const roi = constantInput(node, constants, 1, "region of interest");
  if (roi?.length !== 2 * axes.length) {
    shapeError(node, `its region must be two numbers for each of ${axes.length} axes, it has ${roi?.length ?? 0}.`);
  }
  return new Map(
    axes.flatMap((axis, i) => {
      const part = [roi[i], roi[i + axes.length]] as const;
      return part[0] === 0 && part[1] === 1 ? [] : [[axis, part] as const];
    }),
  );
}

/** The axes that something happens to. */
export function resizedAxes(axes: readonly ResizeAxis[]): number[] {
  if (keepsShape(axes)) return [];
  return axes.flatMap(({ scale }, axis) => (scale !== 1 ? [axis] : []));
}

const resizeShape: ShapeRule = (node, inputs, constants, opset) => {
  const axes = resizeGeometry(node, inputShape(node, inputs), constants, opset);
  const out = axes.map((axis) => axis.out);
  if (!keepsShape(axes)) listPlaces(node, [...axes.map((axis) => axis.in), ...out], out);
  return [out];
};

function request(node: Node, constants: InputConstants, opset: number) {
  // An empty list stands for an absent one.
  const list = (index: number, what: string): readonly number[] | undefined => {
    const numbers = constantInput(node, constants, index, what);
    return numbers && numbers.length > 0 ? numbers : undefined;
  };
  if (node.op === "Upsample" && opset < 9) return { scales: numbersAttribute(node, "scales"), sizes: undefined };
  if (opset < 11) return { scales: list(1, "scales"), sizes: undefined };
  const sizes = list(3, "sizes");
  return { scales: sizes ? undefined : list(2, "scales"), sizes };
}

function byScales(node: Node, x: Shape, axes: readonly number[], scales: readonly number[]): Map<number, ResizeAxis> {
  const entries = axes.map((axis, i): [number, ResizeAxis] => {
    const scale = scales[i];
    // Rounded to float32 as the reference does: 10 × 0.7 (stored as 0.69999999) is 7, not 6.
    return [axis, { in: x[axis], out: Math.floor(Math.fround(x[axis] * scale)), scale }];
  });
  if (!entries.every(([, { scale, out }]) => scale > 0 && Number.isSafeInteger(out) && out >= 1)) {
    shapeError(node, `scales [${scales.join(", ")}] leave nothing of an input ${showShape(x)}.`);
  }
  return new Map(entries);
}

function bySizes(node: Node, x: Shape, axes: readonly number[], sizes: readonly number[]): Map<number, ResizeAxis> {
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 1)) {
    shapeError(node, `sizes [${sizes.join(", ")}] must be whole numbers of at least 1.`);
  }
  const ratios = axes.map((axis, i) => Math.fround(sizes[i] / x[axis]));
  const policy = stringAttribute(node, "keep_aspect_ratio_policy", "stretch");
  if (policy === "stretch") {
    return new Map(axes.map((axis, i) => [axis, { in: x[axis], out: sizes[i], scale: sizes[i] / x[axis] }]));
  }
  if (policy !== "not_larger" && policy !== "not_smaller") {
    shapeError(node, `keep_aspect_ratio_policy "${policy}" is not one that ONNX defines.`);
  }
  const scale = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return new Map(
    axes.map((axis) => [axis, { in: x[axis], out: Math.floor(Math.fround(scale * x[axis]) + 0.5), scale }]),
  );
}

const build: Builder = (context) => {
  const { node, opset } = context;
  const shape = context.shape(node.inputs[0]);
  const axes = resizeGeometry(node, shape, constantsOf(context), opset);
  if (shape.length > 5) context.refuse("more than three image axes are not supported");
  if (resizedAxes(axes).some((axis) => shape.length < 3 || axis < 2))
    context.refuse("only the image axes can be resized");
  const refusal = methodRefusal(node, opset);
  if (refusal !== undefined) context.refuse(refusal);
  return resampleOperation(context, resizeTables(node, axes, opset));
};

const reach: AxesReach = {
  axes: ({ node, opset, shapes: [x = []], constants }) => {
    const tables = resizeTables(node, resizeGeometry(node, x, constants, opset), opset);
    const spatial = tables.map(({ taps, index, weight }) => ({
      from: (position: number) =>
        Array.from({ length: taps }, (_, tap) => position * taps + tap)
          .filter((at) => weight[at] !== 0)
          .map((at) => index[at]),
    }));
    return ["same", "same", ...spatial];
  },
};

const shared = { nature: "moves", shape: resizeShape, reach, build, noOp: always, settings: 1 } as const;

/** Pixels at their corners, and since set 11 as an attribute says. */
export const resize: Operator = { ...shared, changed: [11] };
/** Before set 7 it had other attributes; since set 9 the scales are an input. */
export const upsample: Operator = { ...shared, since: 7, changed: [9] };
