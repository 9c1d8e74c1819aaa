/** Element-wise functions of one value: the ReLU family (whose backward step the rules decide) and the smooth ones. */
import { ModelError } from "../errors";
import { numberAttribute, stringAttribute } from "../graph/ir";
import { broadcastShapes, hasInput, inputShape, type ShapeRule, sameShape, shapeError } from "../graph/shape-rule";
import { imageShape, withRank } from "../operation/layout";
import { type Builder, oneToOne } from "../operation/operation";
import { placeOnce } from "../operation/weights";
import { showShape, sizeOf } from "../tensor";
import { Binary, Unary } from "../wasm/kernels";
import { mapped, valuesOf } from "./folding";
import type { Fold, Operator } from "./operator";
import { pairwise } from "./pairwise";
import { rectifyMode } from "./redirect";
import { unary, unaryOperator } from "./unary";

export const relu: Operator = /* @__PURE__ */ unaryOperator(
  "rectifier",
  { kind: Unary.relu },
  { tensorflow: ["Relu", "relu"], fold: /* @__PURE__ */ mapped((a) => Math.max(a, 0)) },
);

export const leakyRelu: Operator = /* @__PURE__ */ unaryOperator("rectifier", (node) => ({
  kind: Unary.leakyRelu,
  a: numberAttribute(node, "alpha", 0.01),
}));

export const elu: Operator = /* @__PURE__ */ unaryOperator(
  "rectifier",
  (node) => ({
    kind: Unary.elu,
    a: numberAttribute(node, "alpha", 1),
    b: 1,
  }),
  { tensorflow: ["Elu", "elu"] },
);

/** Before set 6 it had other defaults. */
export const selu: Operator = /* @__PURE__ */ unaryOperator(
  "rectifier",
  (node) => ({
    kind: Unary.elu,
    a: numberAttribute(node, "alpha", 1.6732631921768188),
    b: numberAttribute(node, "gamma", 1.0507010221481323),
  }),
  { tensorflow: ["Selu", "selu"], since: 6 },
);

export const sigmoid: Operator = /* @__PURE__ */ unaryOperator(
  "gate",
  { kind: Unary.sigmoid },
  { tensorflow: ["Sigmoid", "sigmoid"], fold: /* @__PURE__ */ mapped((a) => 1 / (1 + Math.exp(-a))) },
);

export const hardSigmoid: Operator = /* @__PURE__ */ unaryOperator("gate", (node) => ({
  kind: Unary.hardSigmoid,
  a: numberAttribute(node, "alpha", 0.2),
  b: numberAttribute(node, "beta", 0.5),
}));

export const hardSwish: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.hardSwish, saves: "input" },
  { tensorflow: ["hard_swish", "hard_silu"] },
);

/** x · sigmoid(α·x) with α = 1; `combineSwish` makes it too. */
export const swish: Operator = {
  nature: "smooth",
  shape: sameShape,
  reach: "same",
  build: (context) => {
    const alpha = numberAttribute(context.node, "alpha", 1);
    if (alpha !== 1) context.refuse(`its alpha is ${alpha}; 1 is supported`);
    return unary(context, context.node.inputs[0], { kind: Unary.silu, saves: "input" });
  },
};

export const tanh: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.tanh },
  { tensorflow: ["Tanh", "tanh"], fold: /* @__PURE__ */ mapped(Math.tanh) },
);

export const softplus: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.softplus },
  { tensorflow: ["Softplus", "softplus"] },
);

export const gelu: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  (node) => {
    const approximate = stringAttribute(node, "approximate", "none");
    if (approximate === "tanh") return { kind: Unary.geluTanh, saves: "input" };
    if (approximate === "none") return { kind: Unary.gelu, saves: "input" };
    throw new ModelError(`Gelu "${node.name}": approximate is "${approximate}"; ONNX knows none and tanh.`);
  },
  { tensorflow: ["gelu"] },
);

export const mish: Operator = /* @__PURE__ */ unaryOperator(
  "smooth",
  { kind: Unary.mish, saves: "input" },
  { since: 18, tensorflow: ["mish"] },
);

/** Lets through what is above alpha. */
export const thresholdedRelu: Operator = /* @__PURE__ */ unaryOperator("rectifier", (node) => {
  const a = numberAttribute(node, "alpha", 1);
  // Where it lets negative numbers through, an output of 0 does not say whether it is shut.
  return { kind: Unary.thresholdedRelu, a, ...(a < 0 && { saves: "input" }) };
});

export const shrink: Operator = /* @__PURE__ */ unaryOperator("smooth", (node) => ({
  kind: Unary.shrink,
  a: numberAttribute(node, "bias", 0),
  b: numberAttribute(node, "lambd", 0.5),
  saves: "input",
}));

/** Clip's limits and the like are inputs that do not take part in the shape, but they must be single numbers. */
const clipShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  for (const index of [1, 2]) {
    const limit = hasInput(node, index) ? inputShape(node, inputs, index) : [];
    if (sizeOf(limit) !== 1) shapeError(node, `its limits must be single numbers, one is ${showShape(limit)}.`);
  }
  return [x];
};

/** Clip(x, min, max): attributes up to opset 10, inputs since; an absent bound is no bound. */
const buildClip: Builder = (context) => {
  const { node } = context;
  const bound = (position: number, attribute: string, fallback: number): number => {
    const input = node.inputs[position];
    if (!input) return numberAttribute(node, attribute, fallback);
    const constant = context.constant(input);
    return constant ? constant.floats()[0] : context.refuse(`its bound "${input}" is not a constant`);
  };
  const a = bound(1, "min", Number.NEGATIVE_INFINITY);
  const b = bound(2, "max", Number.POSITIVE_INFINITY);
  return unary(context, node.inputs[0], { kind: Unary.clip, a, b });
};

const clipped: Fold = (call) => {
  const { node, inputs } = call;
  const bound = (i: number, key: string, none: number): number => {
    const input = inputs[i];
    return input ? valuesOf(input)[0] : numberAttribute(node, key, none);
  };
  const low = bound(1, "min", Number.NEGATIVE_INFINITY);
  const high = bound(2, "max", Number.POSITIVE_INFINITY);
  return mapped((a) => Math.min(Math.max(a, low), high))(call);
};

export const clip: Operator = {
  nature: "clamp",
  shape: clipShape,
  reach: "same",
  build: buildClip,
  fold: clipped,
  noOp: (node) =>
    node.inputs.slice(1).every((input) => input === "") && !node.attributes.has("min") && !node.attributes.has("max"),
  settings: 1,
};

/** The slope repeats to the shape of the input, which keeps it. */
const preluShape: ShapeRule = (node, inputs) => {
  const x = inputShape(node, inputs);
  const slope = inputShape(node, inputs, 1);
  if (showShape(broadcastShapes(node, [x, slope])) !== showShape(x)) {
    shapeError(node, `the slope ${showShape(slope)} is larger than the input ${showShape(x)}.`);
  }
  return [x];
};

/** PRelu(x, slope): one slope, or one per channel, by a kernel of its own; any other that repeats, computed ones too, pair by pair. */
const buildPrelu: Builder = (context) => {
  const { node, kernels, memory } = context;
  const [input, slopeName] = node.inputs;
  // A value of rank 0 or 1 is a row of channels.
  const shape = withRank(context.shape(input), 2);
  const { n, h, w, c } = imageShape(shape);
  const slope = context.constant(slopeName);
  // Aligned at the right as ONNX says, a slope of shape [C] belongs to the last axis, not to the channels.
  const isPerChannel =
    slope && (slope.size === 1 || (slope.size === c && withRank(slope.shape, shape.length)[1] === c));
  if (!slope || !isPerChannel || context.constant(input)) {
    const slopes = [Binary.preluSlope, Binary.preluBySlope] as const;
    return pairwise(context, { kind: Binary.prelu, slopes, rectifier: true });
  }
  const values = slope.size === c ? slope.floats() : new Float32Array(c).fill(slope.floats()[0]);
  const place = placeOnce(memory, values, "PRelu slope");
  const pixels = n * h * w;
  return oneToOne(context, {
    saved: [input],
    rectifier: true,
    parameters: slope.size,
    forward: (run, x, y) => kernels.prelu(x, place(), y, pixels * run.batch, c),
    backward: (run, dy, dx) => {
      const mode = rectifyMode(run.rules.rectifier);
      kernels.preluBackward(mode, run.value(input), place(), dy, dx, pixels * run.batch, c);
    },
    weightBytes: { forward: c * 4, backward: 0 },
    prepare: () => place(),
  });
};

export const prelu: Operator = {
  // Before, the slope was repeated along a named axis.
  since: 7,
  nature: "rectifier",
  shape: preluShape,
  reach: "same",
  build: buildPrelu,
};
