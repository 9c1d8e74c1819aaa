/** Operands that are repeated to one shape, as ONNX and NumPy do it, and the loops over them. */
import { ModelError } from "../errors";
import { broadcastShapes, inputShape, label, type Shape, type ShapeRule } from "../graph/shape-rule";
import { memoryOrder, memoryStrides, withRank } from "../operation/layout";
import type { BuildContext, Run } from "../operation/operation";
import { broadcastStrides, eachStrided, inOrder } from "../operation/strided";
import { placeConstant } from "../operation/weights";
import { sizeOf } from "../tensor";
import type { BinaryKind, Pointer } from "../wasm/kernels";

/** All inputs repeat to one shape: Add, Sum, Where, comparisons… */
export const broadcast: ShapeRule = (node, inputs) => {
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
export interface Operand {
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
export function loopsOver(context: BuildContext, shape: Shape) {
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
    const address = placeConstant(context.memory, constant, own, "Constant operand");
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
