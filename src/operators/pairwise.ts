/** Functions of two numbers, by kernel: what each side's change does is another function of the same two. */
import { type BuildContext, type Operation, operation, type Run } from "../operation/operation";
import { Binary, type BinaryKind, type Pointer, Rectify, Unary } from "../wasm/kernels";
import { loopsOver, type Operand } from "./broadcast";
import { rectifyMode } from "./redirect";

/** A derivative: a function of the left and the right number, or of the right and the left one, or a number. */
type Slope = BinaryKind | { readonly turned: BinaryKind } | 0 | "one";

interface Pairing {
  readonly kind: BinaryKind;
  /** True where the kernel is asked with the right number first. */
  readonly turned?: boolean;
  /** By the left and by the right number; default 0. */
  readonly slopes?: readonly [Slope, Slope];
  /** True where rules take the place of the left one's derivative. */
  readonly rectifier?: boolean;
}

/** Builds y = f(left, right), either of which may be a constant, and repeats. */
export function pairwise(context: BuildContext, { kind, turned, slopes = [0, 0], rectifier }: Pairing): Operation {
  const { node } = context;
  const [output] = node.outputs;
  const { size, operandOf, whole, apply, reduce } = loopsOver(context, context.shape(output));
  const sides = node.inputs.map(operandOf);
  const [left, right] = sides;
  const inputs = [...new Set(sides.flatMap(({ name }) => name ?? []))];
  const gradient = whole((run) => run.gradient(output));

  const backward = (run: Run, slope: Slope, operand: Operand, dx: Pointer): void => {
    if (slope === 0) {
      run.memory.bytes(dx, operand.size * run.batch * 4).fill(0);
      return;
    }
    if (slope === "one") {
      reduce(run, run.gradient(output), operand, dx);
      return;
    }
    const fits = operand.size === size;
    const target = fits ? dx : run.scratch;
    if (typeof slope === "object") apply(run, slope.turned, right, left, target);
    else apply(run, slope, left, right, target);
    const factor = whole(() => target);
    apply(run, Binary.multiply, gradient, factor, target);
    if (!fits) reduce(run, target, operand, dx);
  };

  return operation({
    node,
    inputs,
    outputs: [output],
    saved: slopes.some((slope) => slope !== 0 && slope !== "one") ? inputs : [],
    rectifier: rectifier ?? false,
    parameters: sides.reduce((total, side) => total + (side.name === undefined ? side.size : 0), 0),
    scratchBytes: (batch, direction) => (direction === "backward" ? size * batch * 4 : 0),
    forward: (run) => {
      if (turned) apply(run, kind, right, left, run.value(output));
      else apply(run, kind, left, right, run.value(output));
    },
    backward: (run) => {
      const mode = rectifyMode(run.rules.rectifier);
      for (const [i, operand] of sides.entries()) {
        const { name } = operand;
        if (name === undefined) continue;
        run.contribute(name, (dx) => {
          if (!rectifier || i > 0 || mode === Rectify.gradient) return backward(run, slopes[i], operand, dx);
          // The other modes do not look at how steep it is: ReLU's.
          const dy = run.gradient(output);
          run.kernels.unaryBackward(Unary.relu, mode, run.value(name), dy, dx, size * run.batch, 0, 0);
        });
      }
    },
  });
}
