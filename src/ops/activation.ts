/** Element-wise functions of one value: the ReLU family (whose backward step the rules decide) and the smooth ones. */
import { ModelError } from "../errors";
import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { sizeOf } from "../tensor";
import { Unary, type UnaryKind } from "../wasm/kernels";
import { withRank } from "./equal-ranks";
import { imageShape } from "./layout";
import { type BuildContext, type Builder, type Clamp, type Operation, oneToOne } from "./operation";
import { rectifyMode, redirect } from "./redirect";
import { placeOnce } from "./weights";

interface UnaryFunction {
  readonly kind: UnaryKind;
  readonly a?: number;
  readonly b?: number;
}

/** Functions with kinks: rules may replace their derivative. */
const rectifiers: ReadonlySet<UnaryKind> = new Set<UnaryKind>([Unary.relu, Unary.leakyRelu, Unary.elu, Unary.clip]);
/** Functions whose derivative is computed from the input; all others use the output. */
const savesInput: ReadonlySet<UnaryKind> = new Set<UnaryKind>([
  Unary.hardSwish,
  Unary.gelu,
  Unary.geluTanh,
  Unary.erf,
  Unary.power,
  Unary.silu,
  Unary.log,
  Unary.abs,
]);

/** By the name of the operator, with the defaults of its attributes. */
export const activations = /* @__PURE__ */ new Map<string, (node: Node) => UnaryFunction>([
  ["Relu", () => ({ kind: Unary.relu })],
  ["LeakyRelu", (node) => ({ kind: Unary.leakyRelu, a: numberAttribute(node, "alpha", 0.01) })],
  ["Elu", (node) => ({ kind: Unary.elu, a: numberAttribute(node, "alpha", 1), b: 1 })],
  [
    "Selu",
    (node) => ({
      kind: Unary.elu,
      a: numberAttribute(node, "alpha", 1.6732631921768188),
      b: numberAttribute(node, "gamma", 1.0507010221481323),
    }),
  ],
  ["Sigmoid", () => ({ kind: Unary.sigmoid })],
  [
    "HardSigmoid",
    (node) => ({
      kind: Unary.hardSigmoid,
      a: numberAttribute(node, "alpha", 0.2),
      b: numberAttribute(node, "beta", 0.5),
    }),
  ],
  ["HardSwish", () => ({ kind: Unary.hardSwish })],
  // Of opset 24, which is not read; `combineSwish` makes it.
  ["Swish", () => ({ kind: Unary.silu })],
  ["Tanh", () => ({ kind: Unary.tanh })],
  ["Softplus", () => ({ kind: Unary.softplus })],
  [
    "Gelu",
    (node) => {
      const approximate = stringAttribute(node, "approximate", "none");
      if (approximate === "tanh") return { kind: Unary.geluTanh };
      if (approximate === "none") return { kind: Unary.gelu };
      throw new ModelError(`Gelu "${node.name}": approximate is "${approximate}"; ONNX knows none and tanh.`);
    },
  ],
  ["Erf", () => ({ kind: Unary.erf })],
  ["Exp", () => ({ kind: Unary.exp })],
  ["Log", () => ({ kind: Unary.log })],
  ["Sqrt", () => ({ kind: Unary.sqrt })],
  ["Neg", () => ({ kind: Unary.scale, a: -1 })],
  ["Abs", () => ({ kind: Unary.abs })],
  ["Reciprocal", () => ({ kind: Unary.reciprocal })],
]);

function clampOf(kind: UnaryKind, a: number, b: number): Clamp | undefined {
  if (kind === Unary.relu) return { lo: 0, hi: Number.POSITIVE_INFINITY };
  return kind === Unary.clip ? { lo: a, hi: b } : undefined;
}

/** Builds the operation y = f(x). */
export function unary(context: BuildContext, input: string, { kind, a = 0, b = 0 }: UnaryFunction): Operation {
  const { node } = context;
  const output = node.outputs[0];
  const size = sizeOf(context.shape(output));
  const saved = savesInput.has(kind) ? input : output;
  const bounds = clampOf(kind, a, b);
  return oneToOne(
    context,
    {
      saved: [saved],
      rectifier: rectifiers.has(kind),
      linear: kind === Unary.scale,
      inPlace: true,
      clamp: bounds,
      forward: (run, x, y) => run.kernels.unary(kind, x, y, size * run.batch, a, b),
      backward: (run, dy, dx) => {
        const { rectifier } = run.rules;
        run.kernels.unaryBackward(kind, rectifyMode(rectifier), run.value(saved), dy, dx, size * run.batch, a, b);
        if (rectifier === "redirected" && bounds) redirect(run, bounds, { y: run.value(output), dy, dx, size });
      },
    },
    input,
  );
}

export const activation: Builder = (context) => {
  const { node } = context;
  const functionOf = activations.get(node.op) ?? context.refuse("it is no activation");
  return unary(context, node.inputs[0], functionOf(node));
};

/** Clip(x, min, max): attributes up to opset 10, inputs since; an absent bound is no bound. */
export const clip: Builder = (context) => {
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

/** PRelu(x, slope): one slope, or one per channel. */
export const prelu: Builder = (context) => {
  const { node, kernels, memory } = context;
  const [input, slopeName] = node.inputs;
  // A value of rank 0 or 1 is a row of channels.
  const shape = withRank(context.shape(input), 2);
  const { n, h, w, c } = imageShape(shape);
  const slope = context.constant(slopeName) ?? context.refuse(`its slope "${slopeName}" is not a constant`);
  // Aligned at the right as ONNX says, a slope of shape [C] belongs to the last axis, not to the channels.
  const aligned = withRank(slope.shape, shape.length);
  if (slope.size !== 1 && (slope.size !== c || aligned[1] !== c)) {
    context.refuse(
      `its slope has the shape [${slope.shape.join(", ")}]; one value, or one per channel (${c}), are supported`,
    );
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
