/** Element-wise arithmetic of two values, or of a value and a constant, with ONNX broadcasting. */
import { ShapeError } from "../errors";
import { numberAttribute } from "../graph/ir";
import { label } from "../graph/shape-rule";
import { type BuildContext, type Builder, type Operation, operation, type Run } from "../operation/operation";
import { sizeOf } from "../tensor";
import { Binary, type BinaryKind, type Pointer, Unary } from "../wasm/kernels";
import { broadcast, broadcastOf, loopsOver, type Operand } from "./broadcast";
import { type Combine, combined } from "./folding";
import type { Fold, Nature, NoOpTest, Operator } from "./operator";
import { pairwise } from "./pairwise";
import { unary } from "./unary";

const binary = (context: BuildContext, kind: BinaryKind): Operation => {
  const { node } = context;
  const [output] = node.outputs;
  const { size, operandOf, whole, apply, reduce } = loopsOver(context, context.shape(output));
  const [left, right] = node.inputs.map(operandOf);
  const inputs = [left, right].flatMap(({ name }) => name ?? []);
  const product = kind === Binary.multiply || kind === Binary.divide;
  const gradient = whole((run) => run.gradient(output));
  const scratch = whole((run) => run.scratch);

  /** Writes dy ∘ other where the operand has the output's shape, else through scratch and the sum over repeated axes. */
  const scaled = (run: Run, by: BinaryKind, other: Operand, operand: Operand, dx: Pointer): void => {
    const fits = operand.size === size;
    apply(run, by, gradient, other, fits ? dx : run.scratch);
    if (!fits) reduce(run, run.scratch, operand, dx);
  };

  const backwardLeft = (run: Run, dx: Pointer): void => {
    if (product) scaled(run, kind, right, left, dx);
    else reduce(run, run.gradient(output), left, dx);
  };
  const backwardRight = (run: Run, dx: Pointer): void => {
    const count = right.size * run.batch;
    if (kind === Binary.multiply) {
      scaled(run, Binary.multiply, left, right, dx);
    } else if (kind === Binary.divide) {
      // y = a/b: ∂y/∂b = −y/b
      apply(
        run,
        Binary.multiply,
        gradient,
        whole(() => run.value(output)),
        run.scratch,
      );
      apply(run, Binary.divide, scratch, right, run.scratch);
      reduce(run, run.scratch, right, dx);
      run.kernels.unary(Unary.scale, dx, dx, count, -1, 0);
    } else reduce(run, run.gradient(output), right, dx);
    if (kind === Binary.subtract) run.kernels.unary(Unary.scale, dx, dx, count, -1, 0);
  };

  const saved = kind === Binary.multiply ? inputs : kind === Binary.divide && right.name ? [right.name, output] : [];
  return operation({
    node,
    inputs: [...new Set(inputs)],
    outputs: [output],
    saved: inputs.length === 2 || kind === Binary.divide ? saved : [],
    linear: !product || (inputs.length === 1 && (kind === Binary.multiply || left.name !== undefined)),
    parameters: [left, right].reduce((total, { name, size }) => total + (name === undefined ? size : 0), 0),
    scratchBytes: (batch, direction) => (direction === "backward" && product ? size * batch * 4 : 0),
    // Over the left operand, if it is a value of the output's size that the right one does not read at other places.
    inPlace: left.name !== undefined && left.size === size && left.name !== right.name,
    forward: (run) => apply(run, kind, left, right, run.value(output)),
    backward: (run) => {
      if (left.name !== undefined) run.contribute(left.name, (dx) => backwardLeft(run, dx));
      if (right.name !== undefined) run.contribute(right.name, (dx) => backwardRight(run, dx));
    },
  });
};

/** Sum of any number of values of one shape or broadcastable to it. */
const buildSum: Builder = (context) => {
  const { node } = context;
  const [output] = node.outputs;
  const { operandOf, whole, apply, reduce } = loopsOver(context, context.shape(output));
  const operands = node.inputs.map(operandOf);
  const total = whole((run) => run.value(output));
  return operation({
    node,
    inputs: [...new Set(operands.flatMap(({ name }) => name ?? []))],
    outputs: [output],
    linear: true,
    forward: (run) => {
      const [first, ...rest] = operands;
      rest.forEach((operand, i) => {
        apply(run, Binary.add, i === 0 ? first : total, operand, run.value(output));
      });
    },
    backward: (run) => {
      for (const operand of operands) {
        if (operand.name !== undefined)
          run.contribute(operand.name, (dx) => reduce(run, run.gradient(output), operand, dx));
      }
    },
  });
};

/** Pow(x, y): with one exponent for all elements a function of one number. */
const buildPow: Builder = (context) => {
  const { node } = context;
  const [input, exponentName] = node.inputs;
  const values = context.constant(exponentName)?.floats();
  const isWhole = sizeOf(context.shape(input)) === sizeOf(context.shape(node.outputs[0]));
  if (values && isWhole && !context.constant(input) && values.every((value) => value === values[0])) {
    return unary(context, input, { kind: Unary.power, a: values[0], saves: "input" });
  }
  return pairwise(context, { kind: Binary.power, slopes: [Binary.powerByBase, Binary.powerByExponent] });
};

/** Max and Min of two: of a value and constants that are one number a clip. Of equal ones each gets half, as in PyTorch. */
const buildExtremum: Builder = (context) => {
  const { node } = context;
  const isMaximum = node.op === "Max";
  const constants = node.inputs.map((name) => context.constant(name));
  const values = node.inputs.filter((_, i) => constants[i] === undefined);
  const bounds = constants.flatMap((constant) => (constant ? [...constant.floats()] : []));
  const isWhole = sizeOf(context.shape(values[0])) === sizeOf(context.shape(node.outputs[0]));
  if (values.length === 1 && isWhole && bounds.every((bound) => bound === bounds[0])) {
    const [a, b] = isMaximum ? [bounds[0], Number.POSITIVE_INFINITY] : [Number.NEGATIVE_INFINITY, bounds[0]];
    return unary(context, values[0], { kind: Unary.clip, a, b });
  }
  const [higher, lower] = [Binary.ahead, { turned: Binary.ahead }] as const;
  return pairwise(context, {
    kind: isMaximum ? Binary.maximum : Binary.minimum,
    slopes: isMaximum ? [higher, lower] : [lower, higher],
  });
};

/** Before set 7 operands were repeated along a named axis. */
const binaryOperator = (nature: Nature, kind: BinaryKind, fold: Fold, more: Partial<Operator> = {}): Operator => ({
  since: 7,
  nature,
  shape: broadcastOf(2),
  reach: "same",
  build: (context) => binary(context, kind),
  fold,
  ...more,
});

export const add: Operator = /* @__PURE__ */ binaryOperator(
  "sum",
  Binary.add,
  /* @__PURE__ */ combined((a, b) => a + b),
);
export const sub: Operator = /* @__PURE__ */ binaryOperator(
  "difference",
  Binary.subtract,
  /* @__PURE__ */ combined((a, b) => a - b),
);
export const mul: Operator = /* @__PURE__ */ binaryOperator(
  "product",
  Binary.multiply,
  /* @__PURE__ */ combined((a, b) => a * b),
);

const divided: Fold = (call) => {
  const { node, known } = call;
  if (known[0].kind !== "float" && known[1].numbers().includes(0)) {
    throw new ShapeError(
      `${label(node)}: its shape arithmetic divides by zero. Use the inputShape the network was exported with.`,
    );
  }
  return combined((a, b, kind) => (kind === "int" ? Math.trunc(a / b) : a / b))(call);
};

/** Of integers that are computed from the image it is written with what cuts off behind the point. */
export const div: Operator = /* @__PURE__ */ binaryOperator("quotient", Binary.divide, divided, { wholes: true });

export const pow: Operator = {
  since: 7,
  nature: "smooth",
  shape: /* @__PURE__ */ broadcastOf(2),
  reach: "same",
  build: buildPow,
  fold: /* @__PURE__ */ combined((a, b) => a ** b),
};

const alone: NoOpTest = (node) => node.inputs.length === 1;

export const sum: Operator = {
  nature: "sum",
  shape: broadcast,
  reach: "same",
  build: buildSum,
  fold: /* @__PURE__ */ combined((a, b) => a + b),
  noOp: alone,
};

const extremum = (build: Builder, combine: Combine): Operator => ({
  nature: "extremum",
  shape: broadcast,
  reach: "same",
  build,
  fold: combined(combine),
  noOp: alone,
});

export const max: Operator = /* @__PURE__ */ extremum(buildExtremum, (a, b) => Math.max(a, b));
export const min: Operator = /* @__PURE__ */ extremum(buildExtremum, (a, b) => Math.min(a, b));

/** The remainder has the sign of the divisor, with fmod that of the dividend. */
const modulo: Fold = (call) => {
  const fmod = numberAttribute(call.node, "fmod", 0) !== 0;
  return combined((a, b, kind) => {
    if (kind !== "float" && b === 0) {
      throw new ShapeError(
        `${label(call.node)}: its shape arithmetic divides by zero. Use the inputShape it was exported with.`,
      );
    }
    const remainder = a % b;
    return fmod || remainder === 0 || remainder < 0 === b < 0 ? remainder : remainder + b;
  })(call);
};

/** Between its jumps as steep as the dividend; TensorFlow's FloorMod and Mod. */
export const mod: Operator = {
  nature: "smooth",
  shape: /* @__PURE__ */ broadcastOf(2),
  reach: "same",
  build: (context) =>
    pairwise(
      context,
      numberAttribute(context.node, "fmod", 0) === 0
        ? { kind: Binary.modulo, slopes: ["one", Binary.floored] }
        : { kind: Binary.remainder, slopes: ["one", Binary.cut] },
    ),
  fold: modulo,
  wholes: true,
};
