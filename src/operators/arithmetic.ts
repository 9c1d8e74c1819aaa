/** Element-wise arithmetic of two values, or of a value and a constant, with ONNX broadcasting. */
import { ModelError, ShapeError } from "../errors";
import { broadcastShapes, inputShape, label, type ShapeRule } from "../graph/shape-rule";
import { memoryOrder, memoryStrides, type Shape, toMemoryOrder, withRank } from "../operation/layout";
import { type BuildContext, type Builder, type Operation, operation, type Run } from "../operation/operation";
import { broadcastStrides, eachStrided, inOrder } from "../operation/strided";
import { placeOnce } from "../operation/weights";
import { sizeOf } from "../tensor";
import { Binary, type BinaryKind, type Pointer, Unary } from "../wasm/kernels";
import { type Combine, combined } from "./folding";
import type { Fold, Nature, NoOpTest, Operator } from "./operator";
import { unary } from "./unary";

/** All inputs repeat to one shape: Add, Sum, Where, comparisons… */
const broadcast: ShapeRule = (node, inputs) => {
  if (inputs.length === 0) throw new ModelError(`${label(node)}: it has no inputs. The file is damaged.`);
  return [
    broadcastShapes(
      node,
      inputs.map((_, i) => inputShape(node, inputs, i)),
    ),
  ];
};

/** Exactly two (or three) inputs that repeat to one shape. */
export const broadcastOf =
  (count: number): ShapeRule =>
  (node, inputs, constants, opset) => {
    if (inputs.length !== count) {
      throw new ModelError(`${label(node)}: it needs ${count} inputs, the file gives it ${inputs.length}.`);
    }
    return broadcast(node, inputs, constants, opset);
  };

/** One side of the operation: where it lies and how the loops over the output walk it. */
interface Operand {
  /** The value's name, or undefined for a constant. */
  readonly name?: string;
  readonly size: number;
  /** Strides along the output's axes in memory order; 0 where the operand is broadcast. */
  readonly strides: readonly number[];
  /** Floats from one sample to the next. */
  readonly sample: number;
  readonly address: (run: Run) => Pointer;
}

/** The loops over one output sample. */
function loopsOver(context: BuildContext, shape: Shape) {
  const order = memoryOrder(shape.length);
  const size = sizeOf(shape);
  const extents = inOrder(shape, order);
  const strides = inOrder(memoryStrides(shape), order);

  const operandOf = (name: string): Operand => {
    const constant = context.constant(name);
    const given = constant?.shape ?? context.shape(name);
    // With the output's rank and memory order, which `equalRanks` sees to, the innermost loop advances by one or not at all.
    const own = withRank(given, shape.length);
    const walked = { size: sizeOf(own), strides: inOrder(broadcastStrides(own, memoryStrides(own), shape), order) };
    if (!constant) return { ...walked, name, sample: walked.size, address: (run) => run.value(name) };
    const address = placeOnce(context.memory, toMemoryOrder(constant.floats(), own), "Constant operand");
    return { ...walked, sample: 0, address };
  };

  /** Something of the output's shape. */
  const whole = (address: (run: Run) => Pointer): Operand => ({ size, strides, sample: size, address });

  /** y = left ∘ right, both walked by their own strides. */
  const apply = (run: Run, kind: BinaryKind, left: Operand, right: Operand, y: Pointer): void => {
    const samples = { a: left.sample, b: right.sample };
    const [a, b] = [left.address(run), right.address(run)];
    eachStrided(run, { extents, a: left.strides, b: right.strides }, samples, (record, atA, atB, at) => {
      run.kernels.binary(kind, a + atA * 4, b + atB * 4, y + at * 4, record);
    });
  };

  /** Sums a gradient of the output's shape over the axes along which the operand was repeated. */
  const reduce = (run: Run, dy: Pointer, operand: Operand, dx: Pointer): void => {
    const bytes = operand.size * run.batch * 4;
    if (operand.size === size) {
      run.memory.copy(dy, dx, bytes);
      return;
    }
    run.memory.bytes(dx, bytes).fill(0);
    const samples = { a: size, b: operand.sample };
    eachStrided(run, { extents, a: strides, b: operand.strides }, samples, (record, atA, atB) => {
      run.kernels.addStrided(dy + atA * 4, dx + atB * 4, record);
    });
  };

  return { size, operandOf, whole, apply, reduce };
}

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

/** Pow(x, constant scalar). */
const buildPow: Builder = (context) => {
  const { node } = context;
  const [input, exponentName] = node.inputs;
  const exponent = context.constant(exponentName) ?? context.refuse(`its exponent "${exponentName}" is not a constant`);
  const values = exponent.floats();
  if (values.some((value) => value !== values[0]))
    context.refuse("its exponents differ; one exponent for all elements is supported");
  return unary(context, input, { kind: Unary.power, a: values[0], saves: "input" });
};

/** Max and Min of a value and constants that are one number: a clip. */
const buildExtremum: Builder = (context) => {
  const { node } = context;
  const constants = node.inputs.map((name) => context.constant(name));
  const values = node.inputs.filter((_, i) => constants[i] === undefined);
  const bounds = constants.flatMap((constant) => (constant ? [...constant.floats()] : []));
  if (values.length !== 1 || bounds.some((bound) => bound !== bounds[0])) {
    return context.refuse("only the extremum of one value and one constant number is supported");
  }
  const [a, b] = node.op === "Max" ? [bounds[0], Number.POSITIVE_INFINITY] : [Number.NEGATIVE_INFINITY, bounds[0]];
  return unary(context, values[0], { kind: Unary.clip, a, b });
};

/** Before set 7 operands were repeated along a named axis. */
const binaryOperator = (nature: Nature, kind: BinaryKind, fold: Fold): Operator => ({
  since: 7,
  nature,
  shape: broadcastOf(2),
  reach: "same",
  build: (context) => binary(context, kind),
  fold,
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

export const div: Operator = /* @__PURE__ */ binaryOperator("quotient", Binary.divide, divided);

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
