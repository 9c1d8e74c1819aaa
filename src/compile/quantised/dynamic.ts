/** Values whose scale is computed from them: as they run, each is spread over the whole range of its integers. */
import { Constant } from "../../graph/ir";
import type { Lowered } from "../lowering/emitter";
import type { Knowledge } from "./known";
import { roundedToGrid } from "./known";
import { integersLess, withBias } from "./layers";

interface Spread {
  /** The integers less the zero point. */
  readonly places: string;
  readonly scale: string;
  readonly zero: string;
}

/** What a value is quantised by is taken as constant: a gradient passes through the rounding alone. */
function spread(known: Knowledge, from: Lowered, x: string): Spread {
  const axes = from.shape(0).map((_, axis) => axis);
  const end = (reduce: string, pick: string): string =>
    from.emit(pick, [from.emit(reduce, [x], { axes, keepdims: 0 }), from.scalar(0)]);
  const [least, most] = [end("ReduceMin", "Min"), end("ReduceMax", "Max")];
  const range = from.emit("Sub", [most, least]);
  const none = from.emit("Equal", [range, from.scalar(0)]);
  const step = from.emit("Add", [from.emit("Div", [range, from.scalar(255)]), none]);
  const scale = from.emit("Detached", [step]);
  const at = from.emit("Sub", [from.scalar(0), from.emit("Div", [least, scale])]);
  const zero = from.emit("Detached", [from.emit("Round", [from.emit("Clip", [at, from.scalar(0), from.scalar(255)])])]);
  const quotient = from.emit("Div", [x, scale]);
  if (known.reading === "float") return { places: quotient, scale, zero };
  const whole = roundedToGrid(from, quotient, { factor: 1, step: 1 });
  return { places: from.emit("Min", [whole, from.emit("Sub", [from.scalar(255), zero])]), scale, zero };
}

export function dynamicQuantizeLinear(known: Knowledge, from: Lowered): undefined {
  const { places, scale, zero } = spread(known, from, from.input(0));
  [places, scale, zero].forEach((value, output) => {
    from.result(from.emit("Identity", [value]), output);
  });
  known.values.set(from.node.outputs[0], { computedZero: from.node.outputs[2] ?? "" });
  return undefined;
}

/** A layer that quantises its input itself. */
export function dynamicQuantizeMatMul(known: Knowledge, from: Lowered): undefined {
  const { places, scale } = spread(known, from, from.input(0));
  const matrix = integersLess(known, from, 1, 3, Math.max(from.shape(1).length - 1, 0));
  const product = from.emit("MatMul", [places, matrix]);
  from.result(withBias(from, product, from.emit("Mul", [scale, from.input(2)]), 4));
  return undefined;
}

/** A matrix of 2, 4 or 8 bits in blocks of rows: it becomes floats. */
export function matMulNBits(_: Knowledge, from: Lowered): string | undefined {
  const [columns, outputs, bits, block] = ["K", "N", "bits", "block_size"].map((key) =>
    from.number(key, key === "bits" ? 4 : undefined),
  );
  const [, packed, scales, zeros] = from.known;
  if (![2, 4, 8].includes(bits)) return `weights of ${bits} bits are not supported`;
  if (block < 8 || columns < 1 || outputs < 1 || ![block, columns, outputs].every(Number.isSafeInteger))
    return "its sizes are none";
  if (from.has(4)) return "its columns are permuted (g_idx), which is not supported";
  if (packed?.kind !== "int" || scales?.kind !== "float") return "its weights or scales are no constants";
  if (from.has(3) && !zeros) return "its zero points are no constants";
  const blocks = Math.ceil(columns / block);
  const bytes = (block * bits) / 8;
  if (packed.size !== outputs * blocks * bytes || scales.size !== outputs * blocks) {
    return `its weights have ${packed.size} bytes and ${scales.size} scales, and must have ${outputs * blocks * bytes} and ${outputs * blocks}`;
  }
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  if (zeros && zeros.size !== outputs * (zeros.kind === "float" ? blocks : zeroBytes)) {
    return `its zero points are ${zeros.size}, which fits nothing`;
  }
  const [data, factors, zeroData] = [packed.values(), scales.floats(), zeros?.values()];
  const mask = 2 ** bits - 1;
  const pick = (list: ArrayLike<number>, start: number, i: number): number =>
    (list[start + Math.floor((i * bits) / 8)] >> ((i * bits) % 8)) & mask;
  const matrix = new Float32Array(columns * outputs);
  for (let n = 0; n < outputs; n++) {
    for (let b = 0; b < blocks; b++) {
      const at = n * blocks + b;
      const zero = !zeroData
        ? 2 ** (bits - 1)
        : zeros?.kind === "float"
          ? zeroData[at]
          : pick(zeroData, n * zeroBytes, b);
      for (let i = 0; i < block && b * block + i < columns; i++) {
        matrix[(b * block + i) * outputs + n] = (pick(data, at * bytes, i) - zero) * factors[at];
      }
    }
  }
  const weight = Constant.fromFloats(matrix, [columns, outputs]);
  const y = from.emit("MatMul", [from.input(0), from.floats(weight.floats(), weight.shape)]);
  from.result(from.has(5) ? from.emit("Add", [y, from.input(5)]) : from.emit("Identity", [y]));
  return undefined;
}
