/**
 * RNN, GRU and LSTM through time: one product of matrices for all steps of the sequence, then a few products and sums for each step,
 * whose adjoints, run backwards, are the gradient through time.
 *
 *   RNN   h' = f(x·Wᵀ + h·Rᵀ + b)
 *   GRU   z, r = f(x·Wᵀ + h·Rᵀ + b);  h̃ = g(x·Wᵀ + (r⊙h)·Rᵀ + b), or with linear_before_reset g(x·Wᵀ + b + r⊙(h·Rᵀ + b_R));
 *         h' = (1 − z)⊙h̃ + z⊙h
 *   LSTM  i, o, f = f(x·Wᵀ + h·Rᵀ + p⊙c + b);  c̃ = g(x·Wᵀ + h·Rᵀ + b);  c' = f⊙c + i⊙c̃;  h' = o⊙k(c')
 */
import type { Attribute, Constant } from "../../graph/ir";
import { stringAttribute } from "../../graph/ir";
import type { Lowered, Lowering } from "./emitter";

/** More steps than any line of text or signal has that such networks are made for; each becomes some fifteen operations. */
const mostSteps = 1024;

interface Kind {
  readonly gates: number;
  /** Activations of one direction where the file names none. */
  readonly activations: readonly string[];
  readonly hasCell: boolean;
  /** Makes the values after a step of those before it. */
  readonly step: (step: Step) => State | string;
}

interface State {
  /** [batch, hidden]; absent: all zero. */
  readonly h: string | undefined;
  readonly c: string | undefined;
}

/** What one step of one direction is made of. */
interface Step extends State {
  readonly from: Lowered;
  readonly hidden: number;
  /** [batch, gates·hidden]: x·Wᵀ and every bias that is added to it. */
  readonly x: string;
  /** Rᵀ of all gates, [hidden, gates·hidden], and of each gate apart. */
  readonly all: string;
  readonly apart: readonly string[];
  /** The recurrent bias of the last gate, where it is multiplied by another gate first. */
  readonly innerBias: string | undefined;
  /** Of the gates i, o and f. */
  readonly peepholes: readonly string[] | undefined;
  readonly f: readonly ((value: string) => string)[];
}

/** a·b + c where a or c is missing. */
const plus = (from: Lowered, a: string, b: string | undefined): string =>
  b === undefined ? a : from.emit("Add", [a, b]);
const times = (from: Lowered, a: string, b: string | undefined): string | undefined =>
  b === undefined ? undefined : from.emit("Mul", [a, b]);

const rnnKind: Kind = {
  gates: 1,
  activations: ["Tanh"],
  hasCell: false,
  step: ({ from, x, h, all, f }) => ({ h: f[0](plus(from, x, h && from.emit("MatMul", [h, all]))), c: undefined }),
};

const gruKind: Kind = {
  gates: 3,
  activations: ["Sigmoid", "Tanh"],
  hasCell: false,
  step: ({ from, hidden, x, h, apart, innerBias, f: [gate, made] }) => {
    const [xz, xr, xh] = from.split(x, 1, [hidden, hidden, hidden]);
    const product = (of: string | undefined, i: number): string | undefined =>
      of === undefined ? undefined : from.emit("MatMul", [of, apart[i]]);
    const z = gate(plus(from, xz, product(h, 0)));
    const needsReset = h !== undefined || innerBias !== undefined;
    const r = needsReset ? gate(plus(from, xr, product(h, 1))) : "";
    const inner =
      innerBias === undefined
        ? h && product(from.emit("Mul", [r, h]), 2)
        : from.emit("Mul", [r, h === undefined ? innerBias : from.emit("Add", [product(h, 2) ?? "", innerBias])]);
    const candidate = made(plus(from, xh, inner));
    const fresh = from.emit("Mul", [from.emit("Sub", [from.scalar(1), z]), candidate]);
    return { h: plus(from, fresh, times(from, z, h)), c: undefined };
  },
};

const lstmKind: Kind = {
  gates: 4,
  activations: ["Sigmoid", "Tanh", "Tanh"],
  hasCell: true,
  step: ({ from, hidden, x, h, c, all, peepholes, f: [gate, made, shown] }) => {
    const sum = plus(from, x, h && from.emit("MatMul", [h, all]));
    const [i, o, f, g] = from.split(sum, 1, [hidden, hidden, hidden, hidden]);
    const seeing = (value: string, cell: string | undefined, at: number): string =>
      plus(from, value, peepholes && times(from, peepholes[at], cell));
    const written = from.emit("Mul", [gate(seeing(i, c, 0)), made(g)]);
    const kept = c === undefined ? undefined : from.emit("Mul", [gate(seeing(f, c, 2)), c]);
    const cell = plus(from, written, kept);
    return { h: from.emit("Mul", [gate(seeing(o, cell, 1)), shown(cell)]), c: cell };
  },
};

/** Activations by the names of the standard, and what they take where the file says nothing. */
const activations: Readonly<Record<string, readonly [alpha?: number, beta?: number]>> = {
  relu: [],
  tanh: [],
  sigmoid: [],
  softplus: [],
  softsign: [],
  leakyrelu: [0.01],
  elu: [1],
  hardsigmoid: [0.2, 0.5],
  affine: [1, 0],
  scaledtanh: [1, 1],
};

const operatorOf: Readonly<Record<string, string>> = {
  relu: "Relu",
  tanh: "Tanh",
  sigmoid: "Sigmoid",
  softplus: "Softplus",
  softsign: "Softsign",
  leakyrelu: "LeakyRelu",
  elu: "Elu",
  hardsigmoid: "HardSigmoid",
};

function activation(from: Lowered, name: string, alpha: number | undefined, beta: number | undefined) {
  const [a, b] = activations[name].map((usual, i) => (i === 0 ? alpha : beta) ?? usual ?? 0);
  const scaled = (x: string, by: number): string => from.emit("Mul", [x, from.scalar(by)]);
  return (x: string): string => {
    if (name === "affine") return from.emit("Add", [scaled(x, a), from.scalar(b)]);
    if (name === "scaledtanh") return scaled(from.emit("Tanh", [scaled(x, b)]), a);
    const attributes: Record<string, Attribute> = {};
    if (a !== undefined) attributes.alpha = a;
    if (b !== undefined) attributes.beta = b;
    return from.emit(operatorOf[name], [x], attributes);
  };
}

const listOf = (from: Lowered, key: string): readonly (string | number)[] => {
  const value = from.node.attributes.get(key);
  return Array.isArray(value) ? value : [];
};

/** The functions of each direction; a text is why they cannot be. */
function functionsOf(from: Lowered, kind: Kind, directions: number): string | ((x: string) => string)[][] {
  const names = listOf(from, "activations").map((name) => String(name).toLowerCase());
  const usual = kind.activations.map((name) => name.toLowerCase());
  const all = names.length > 0 ? names : Array.from({ length: directions }, () => usual).flat();
  if (all.length !== usual.length * directions) {
    return `it needs ${usual.length * directions} activations, the file names ${all.length}`;
  }
  const unknown = all.find((name) => !(name in activations));
  if (unknown !== undefined) return `its activation "${unknown}" is not supported`;
  // Parameters stand in the order of those activations that take them.
  const [alphas, betas] = [[...listOf(from, "activation_alpha")], [...listOf(from, "activation_beta")]];
  const clip = from.number("clip", 0);
  const functions = all.map((name, i) => {
    const [alpha, beta] = activations[name].map((_, which) => (which === 0 ? alphas : betas).shift());
    const f = activation(from, name, alpha as number | undefined, beta as number | undefined);
    // What is shown of a cell is not bounded, as onnxruntime has it.
    const isBounded = clip > 0 && i % usual.length < 2;
    return (x: string): string => f(isBounded ? from.emit("Clip", [x, from.scalar(-clip), from.scalar(clip)]) : x);
  });
  return Array.from({ length: directions }, (_, d) => functions.slice(d * usual.length, (d + 1) * usual.length));
}

/** Columns of a matrix [rows][columns] of which each is a row of another, [columns][rows]. */
function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c];
  return out;
}

const isZero = (constant: Constant | undefined): boolean => constant?.floats().every((value) => value === 0) ?? false;

const recurrent =
  (kind: Kind): Lowering =>
  (from) => {
    const { gates } = kind;
    const isBatchFirst = from.number("layout", 0) !== 0;
    const shape = from.shape(0);
    if (shape.length !== 3) return `its input must have rank 3, it has ${shape.length}`;
    const [steps, batch, features] = isBatchFirst ? [shape[1], shape[0], shape[2]] : shape;
    if (steps > mostSteps) return `its sequence has ${steps} steps, and at most ${mostSteps} are unrolled`;
    const direction = stringAttribute(from.node, "direction", "forward");
    if (!["forward", "reverse", "bidirectional"].includes(direction))
      return `its direction "${direction}" is not known`;
    const directions = direction === "bidirectional" ? 2 : 1;
    const [w, r] = [from.known[1], from.known[2]];
    if (!w || !r || (from.has(3) && !from.known[3])) return "its weights are not constants";
    const hidden = from.number("hidden_size", r.shape[2]);
    const expected = `[${directions}, ${gates * hidden}, ${features}]`;
    if (w.shape.join() !== [directions, gates * hidden, features].join()) {
      return `its weight must be ${expected}, it is [${w.shape.join(", ")}]`;
    }
    if (r.shape.join() !== [directions, gates * hidden, hidden].join()) {
      return `its recurrent weight must be [${directions}, ${gates * hidden}, ${hidden}], it is [${r.shape.join(", ")}]`;
    }
    const biases = from.known[3]?.floats();
    if (biases && biases.length !== directions * 2 * gates * hidden) return "its bias does not fit its weights";
    if (from.has(4) && !from.known[4]?.numbers().every((length) => length === steps)) {
      return "sequences that end before the last step are not supported";
    }
    if (from.number("input_forget", 0)) return "input_forget is not supported";
    const hasPeepholes = kind.hasCell && from.has(7);
    const seen = hasPeepholes ? from.known[7]?.floats() : undefined;
    if (hasPeepholes && !seen) return "its peepholes are not constants";
    const functions = functionsOf(from, kind, directions);
    if (typeof functions === "string") return functions;
    const isLinearFirst = gates === 3 && from.number("linear_before_reset", 0) !== 0;

    const inOrder = isBatchFirst ? from.transpose(from.input(0), [1, 0, 2]) : from.input(0);
    const flat = from.reshape(inOrder, [steps * batch, features]);
    /** Of one direction: [batch, hidden]. */
    const initial = (index: number, d: number): string | undefined => {
      if (!from.has(index) || isZero(from.known[index])) return undefined;
      const all = isBatchFirst ? from.transpose(from.input(index), [1, 0, 2]) : from.input(index);
      return from.reshape(from.split(all, 0, new Array<number>(directions).fill(1))[d], [batch, hidden]);
    };

    const run = (d: number): { readonly sequence: string; readonly last: State } | string => {
      const rows = gates * hidden;
      const own = (values: Float32Array, size: number): Float32Array => values.subarray(d * size, (d + 1) * size);
      const weight = from.floats(turned(own(w.floats(), rows * features), rows, features), [features, rows]);
      const matrix = own(r.floats(), rows * hidden);
      const apart =
        gates !== 3
          ? []
          : [0, 1, 2].map((gate) => {
              const values = matrix.subarray(gate * hidden * hidden, (gate + 1) * hidden * hidden);
              return from.floats(turned(values, hidden, hidden), [hidden, hidden]);
            });
      const all = gates === 3 ? "" : from.floats(turned(matrix, rows, hidden), [hidden, rows]);
      const both = biases && own(biases, 2 * rows);
      const recurrentStart = rows - hidden;
      const bias =
        both &&
        Float32Array.from({ length: rows }, (_, i) =>
          isLinearFirst && i >= recurrentStart ? both[i] : both[i] + both[rows + i],
        );
      const innerBias = isLinearFirst
        ? from.floats(both ? both.slice(rows + recurrentStart) : new Float32Array(hidden), [hidden])
        : undefined;
      const product = from.emit("MatMul", [flat, weight]);
      const inputs = from.split(
        bias ? from.emit("Add", [product, from.floats(bias, [rows])]) : product,
        0,
        new Array<number>(steps).fill(batch),
      );
      const peepholes =
        seen && [0, 1, 2].map((i) => from.floats(own(seen, 3 * hidden).slice(i * hidden, (i + 1) * hidden), [hidden]));
      let state: State = { h: initial(5, d), c: kind.hasCell ? initial(6, d) : undefined };
      const isBackwards = direction === "reverse" || d === 1;
      const made = new Array<string>(steps);
      for (let i = 0; i < steps; i++) {
        const at = isBackwards ? steps - 1 - i : i;
        const next = kind.step({
          ...{ from, hidden, x: inputs[at], ...state, all, apart, innerBias, peepholes, f: functions[d] },
        });
        if (typeof next === "string") return next;
        state = next;
        made[at] = next.h ?? "";
      }
      // [steps, 1, batch, hidden]
      const joined = steps === 1 ? made[0] : from.emit("Concat", made, { axis: 0 });
      return { sequence: from.reshape(joined, [steps, 1, batch, hidden]), last: state };
    };

    const runs: { readonly sequence: string; readonly last: State }[] = [];
    for (let d = 0; d < directions; d++) {
      const made = run(d);
      if (typeof made === "string") return made;
      runs.push(made);
    }
    const together = (values: readonly string[], axis: number): string =>
      values.length === 1 ? values[0] : from.emit("Concat", values, { axis });
    if (from.isRead(0)) {
      const y = together(
        runs.map(({ sequence }) => sequence),
        1,
      );
      from.result(isBatchFirst ? from.transpose(y, [2, 0, 1, 3]) : y, 0);
    }
    const last = (key: "h" | "c", output: number): void => {
      if (!from.isRead(output)) return;
      const y = together(
        runs.map(({ last }) => from.reshape(last[key] ?? "", [1, batch, hidden])),
        0,
      );
      from.result(isBatchFirst ? from.transpose(y, [1, 0, 2]) : y, output);
    };
    last("h", 1);
    if (kind.hasCell) last("c", 2);
    return undefined;
  };

export const rnn: Lowering = /* @__PURE__ */ recurrent(rnnKind);
export const gru: Lowering = /* @__PURE__ */ recurrent(gruKind);
export const lstm: Lowering = /* @__PURE__ */ recurrent(lstmKind);
