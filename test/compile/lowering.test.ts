/** Operators that are written by others, against onnxruntime, which has a kernel for each; their gradients against differences. */
import { describe, expect, it } from "vitest";
import { compounds } from "../../src/compile/lowering/compounds";
import { specialise } from "../../src/compile/specialise";
import { UnsupportedOperatorError } from "../../src/errors";
import { type Attribute, Constant, type Graph, type Node } from "../../src/graph/ir";
import { sizeOf } from "../../src/tensor";
import { dot, Runner, reference, values, worst } from "../operators/harness";

const microsoft = (op: string): string => `com.microsoft::${op}`;
const floats = (shape: readonly number[], seed: number, by = 1): Constant =>
  Constant.fromFloats(
    values(shape, seed).map((value) => value * by),
    shape,
  );
const ints = (numbers: readonly number[], shape: readonly number[] = [numbers.length]): Constant =>
  Constant.fromNumbers("int", numbers, shape);

const doubled = Constant.fromFloats(Float32Array.of(1, 2, 2, 2, 2), [5]);

interface Fused {
  readonly op: string;
  readonly opset?: number;
  /** A constant, the shape of a part of the image, or nothing. */
  readonly inputs: readonly (Constant | readonly number[] | "")[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Names of the outputs; those that are not asked for are empty. */
  readonly outputs?: readonly string[];
}

/** The node behind parts of one flat input. */
function graphOf({ op, opset = 17, inputs, attributes = {}, outputs = ["y"] }: Fused): Graph {
  const constants = new Map<string, Constant>();
  const nodes: Node[] = [];
  let length = 0;
  const names = inputs.map((given, i) => {
    if (given === "") return "";
    if (given instanceof Constant) {
      constants.set(`c${i}`, given);
      return `c${i}`;
    }
    const size = sizeOf(given);
    constants
      .set(`from${i}`, ints([length]))
      .set(`to${i}`, ints([length + size]))
      .set(`shape${i}`, ints(given));
    const node = (of: string, read: string[], made: string): Node => ({
      ...{ name: made, op: of, inputs: read, outputs: [made], attributes: new Map() },
    });
    nodes.push(node("Slice", ["x", `from${i}`, `to${i}`], `part${i}`));
    nodes.push(node("Reshape", [`part${i}`, `shape${i}`], `in${i}`));
    length += size;
    return `in${i}`;
  });
  nodes.push({ name: op, op, inputs: names, outputs, attributes: new Map(Object.entries(attributes)) });
  return {
    ...{ name: op, opset, inputs: [{ name: "x", shape: [length] }], nodes, constants, metadata: new Map() },
    outputs: outputs.filter((name) => name !== ""),
  };
}

const equation = (text: string, ...shapes: (readonly number[])[]): Fused => ({
  ...{ op: "Einsum", inputs: shapes, attributes: { equation: text } },
});

const tokens = [1, 5, 8];
const cases: Readonly<Record<string, Fused>> = {
  "Einsum: rows and columns": equation("ij,jk->ik", [3, 4], [4, 5]),
  "Einsum: implicit": equation("ji, kj", [3, 4], [4, 3]),
  "Einsum: heads": equation("bhid,bhjd->bhij", [1, 2, 3, 4], [1, 2, 5, 4]),
  "Einsum: turned": equation("bijc,bjkc->bkci", [1, 3, 4, 2], [1, 4, 5, 2]),
  "Einsum: outer": equation("i,j->ji", [3], [4]),
  "Einsum: all": equation("ij,ij->", [3, 4], [3, 4]),
  "Einsum: ellipsis": equation("...ij,...jk->...ik", [2, 2, 3, 4], [2, 2, 4, 2]),
  "Einsum: one operand": equation("ijk->kj", [2, 3, 4]),
  "Einsum: three operands": equation("ab,bc,cd->da", [2, 3], [3, 4], [4, 5]),
  "Einsum: relative positions": equation("bhwc,wkc->bhwk", [1, 3, 4, 5], [4, 6, 5]),
  GroupNormalization: {
    ...{ op: "GroupNormalization", opset: 21, attributes: { num_groups: 2 } },
    inputs: [[1, 6, 3, 4], floats([6], 1), floats([6], 2)],
  },
  "LpNormalization 2": { op: "LpNormalization", inputs: [[2, 3, 4]], attributes: { axis: 1 } },
  "LpNormalization 1": { op: "LpNormalization", inputs: [[2, 3, 4]], attributes: { axis: -1, p: 1 } },
  MeanVarianceNormalization: { op: "MeanVarianceNormalization", inputs: [[1, 3, 4, 5]] },
  "Gemm, all computed": {
    ...{
      op: "Gemm",
      inputs: [
        [4, 3],
        [5, 4],
        [3, 1],
      ],
      attributes: { transA: 1, transB: 1, alpha: 0.5, beta: 2 },
    },
  },
  "Gemm, constant in front": { op: "Gemm", inputs: [floats([2, 3], 1), [3, 4], floats([4], 2)] },
  "Gemm, a bias for each element": { op: "Gemm", inputs: [[2, 3], floats([3, 4], 1), floats([2, 4], 2)] },
  "Gemm, turned in front": { op: "Gemm", inputs: [[3, 2], floats([3, 4], 1)], attributes: { transA: 1 } },
  Attention: {
    op: "Attention",
    opset: 23,
    inputs: [
      [1, 2, 5, 4],
      [1, 2, 6, 4],
      [1, 2, 6, 3],
    ],
  },
  "Attention, flat and masked": {
    ...{ op: "Attention", opset: 23, inputs: [tokens, tokens, tokens, floats([5, 5], 3)] },
    attributes: { q_num_heads: 2, kv_num_heads: 2, scale: 0.3 },
  },
  "Attention, causal, fewer keys": {
    ...{
      op: "Attention",
      opset: 23,
      inputs: [
        [1, 4, 5, 4],
        [1, 2, 5, 4],
        [1, 2, 5, 4],
      ],
      attributes: { is_causal: 1 },
    },
  },
  "Attention, mask of booleans": {
    ...{ op: "Attention", opset: 23 },
    inputs: [
      ...[
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ],
      Constant.fromNumbers("bool", [1, 0, 1, 1, 1, 0, 0, 1, 1], [3, 3]),
    ],
  },
  "RotaryEmbedding 23": {
    ...{ op: "RotaryEmbedding", opset: 23, inputs: [[1, 2, 3, 8], floats([1, 3, 4], 1), floats([1, 3, 4], 2)] },
  },
  "RotaryEmbedding 23, interleaved, a part": {
    ...{ op: "RotaryEmbedding", opset: 23, attributes: { interleaved: 1, num_heads: 2, rotary_embedding_dim: 4 } },
    inputs: [[1, 3, 16], floats([9, 2], 1), floats([9, 2], 2), ints([4, 0, 8], [1, 3])],
  },
  "RotaryEmbedding of onnxruntime": {
    op: microsoft("RotaryEmbedding"),
    inputs: [[1, 3, 16], ints([2]), floats([9, 4], 1), floats([9, 4], 2)],
  },
  "Attention of onnxruntime": {
    ...{ op: microsoft("Attention"), attributes: { num_heads: 2 } },
    inputs: [tokens, floats([8, 24], 1, 0.3), floats([24], 2)],
  },
  "Attention of onnxruntime, one way, biased": {
    ...{ op: microsoft("Attention"), attributes: { num_heads: 2, unidirectional: 1 } },
    inputs: [tokens, floats([8, 24], 1, 0.3), floats([24], 2), "", "", floats([1, 2, 5, 5], 3)],
  },
  MultiHeadAttention: {
    ...{ op: microsoft("MultiHeadAttention"), attributes: { num_heads: 2 } },
    inputs: [tokens, [1, 6, 8], [1, 6, 8], floats([24], 2)],
  },
  FusedMatMul: {
    ...{
      op: microsoft("FusedMatMul"),
      inputs: [
        [2, 4, 3],
        [2, 5, 4],
      ],
    },
    attributes: { transA: 1, transB: 1, alpha: Constant.fromFloats(Float32Array.of(0.25), []) },
  },
  "FusedConv with a sum": {
    ...{ op: microsoft("FusedConv"), attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1], activation: "Relu" } },
    inputs: [[1, 2, 4, 5], floats([3, 2, 3, 3], 1), floats([3], 2), [1, 3, 4, 5]],
  },
  BiasGelu: { op: microsoft("BiasGelu"), inputs: [tokens, floats([8], 1)] },
  FastGelu: { op: microsoft("FastGelu"), inputs: [tokens, floats([8], 1)] },
  Gelu: { op: microsoft("Gelu"), inputs: [tokens] },
  QuickGelu: { op: microsoft("QuickGelu"), inputs: [tokens] },
  SkipLayerNormalization: {
    ...{ op: microsoft("SkipLayerNormalization"), outputs: ["y", "", "", "sum"] },
    inputs: [tokens, tokens, floats([8], 1), floats([8], 2), floats([8], 3)],
  },
  SkipSimplifiedLayerNormalization: {
    op: microsoft("SkipSimplifiedLayerNormalization"),
    inputs: [tokens, tokens, floats([8], 1)],
  },
  SimplifiedLayerNormalization: { op: "SimplifiedLayerNormalization", inputs: [tokens, floats([8], 1)] },
  GatherND: { op: "GatherND", inputs: [[2, 3, 4], ints([0, 2, 1, -1], [2, 2])] },
  "GatherND, batch": { op: "GatherND", inputs: [[2, 3, 4], ints([2, 0], [2, 1])], attributes: { batch_dims: 1 } },
  GatherElements: {
    op: "GatherElements",
    inputs: [[3, 4], ints([0, 2, -1, 1, 1, 0], [2, 3])],
    attributes: { axis: 0 },
  },
  Where: {
    ...{ op: "Where", inputs: [Constant.fromNumbers("bool", [1, 0, 0, 1, 1, 0], [3, 1, 2]), [2, 3, 4, 2], [4, 1]] },
  },
  "Where, a constant": {
    op: "Where",
    inputs: [Constant.fromNumbers("bool", [1, 0, 0, 1], [1, 4]), [3, 4], Constant.fromFloats(Float32Array.of(-9), [])],
  },
};

const recurrentCase = (
  op: string,
  gates: number,
  attributes: Readonly<Record<string, Attribute>>,
  { initial = false, peepholes = false, bias = true, steps = 5, batch = 1, opset = 17, computed = false } = {},
): Fused => {
  const [directions, hidden, features] = [attributes.direction === "bidirectional" ? 2 : 1, 3, 4];
  const isBatchFirst = attributes.layout === 1;
  const state = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  const states = (seed: number): Constant | readonly number[] => (computed ? state : floats(state, seed));
  const isCell = op === "LSTM";
  return {
    ...{ op, opset, attributes: { hidden_size: hidden, ...attributes } },
    inputs: [
      isBatchFirst ? [batch, steps, features] : [steps, batch, features],
      floats([directions, gates * hidden, features], 1, 0.6),
      floats([directions, gates * hidden, hidden], 2, 0.6),
      bias ? floats([directions, 2 * gates * hidden], 3, 0.5) : "",
      ...(initial || peepholes ? ["" as const] : []),
      ...(initial ? [states(4), ...(isCell ? [states(5)] : [])] : peepholes ? ["" as const, "" as const] : []),
      ...(peepholes ? [floats([directions, 3 * hidden], 6, 0.5)] : []),
    ],
    outputs: isCell ? ["Y", "Y_h", "Y_c"] : ["Y", "Y_h"],
  };
};

const recurrentCases: Readonly<Record<string, Fused>> = {
  RNN: recurrentCase("RNN", 1, {}),
  "RNN, both ways, of one step": recurrentCase("RNN", 1, { direction: "bidirectional" }, { steps: 1, initial: true }),
  "RNN of other activations": recurrentCase("RNN", 1, {
    ...{ direction: "bidirectional", activations: ["LeakyRelu", "ScaledTanh"] },
    ...{ activation_alpha: [0.3, 1.2], activation_beta: [0.7] },
  }),
  GRU: recurrentCase("GRU", 3, {}),
  "GRU from an initial state": recurrentCase("GRU", 3, { direction: "reverse" }, { initial: true, batch: 2 }),
  "GRU, linear before reset": recurrentCase("GRU", 3, { linear_before_reset: 1, direction: "bidirectional" }),
  "GRU, linear before reset, without a bias": recurrentCase("GRU", 3, { linear_before_reset: 1 }, { bias: false }),
  "GRU from a computed state": recurrentCase("GRU", 3, {}, { initial: true, computed: true }),
  LSTM: recurrentCase("LSTM", 4, {}),
  "LSTM backwards": recurrentCase("LSTM", 4, { direction: "reverse" }, { batch: 3 }),
  "LSTM both ways": recurrentCase("LSTM", 4, { direction: "bidirectional" }, { initial: true, batch: 2 }),
  "LSTM from computed states": recurrentCase(
    "LSTM",
    4,
    { direction: "bidirectional" },
    { initial: true, computed: true },
  ),
  "LSTM with peepholes": recurrentCase("LSTM", 4, {}, { peepholes: true, initial: true }),
  "LSTM, clipped": recurrentCase("LSTM", 4, { clip: 0.4 }, { bias: false }),
  "LSTM of other activations": recurrentCase("LSTM", 4, { activations: ["HardSigmoid", "Tanh", "Relu"] }),
};

describe("operators that others make up: values as onnxruntime, gradients as differences", () => {
  for (const [name, given] of Object.entries({ ...cases, ...recurrentCases })) {
    it(name, async () => {
      const alpha = given.attributes?.alpha;
      const graph = graphOf(
        alpha instanceof Constant ? { ...given, attributes: { ...given.attributes, alpha: alpha.floats()[0] } } : given,
      );
      const runner = new Runner(graph);
      const x = values(graph.inputs[0].shape as number[], 3);
      const expected = await reference(graph, x);
      for (const output of graph.outputs) {
        const { data, dims } = expected.get(output) as { data: Float32Array; dims: readonly number[] };
        expect(runner.shapeOf(output)).toEqual([...dims]);
        expect(worst(runner.forward(x, output), data)).toBeLessThan(2e-5);
      }
      const y = runner.forward(x);
      const dy = values([y.length], 4);
      const dx = runner.backward(x, dy);
      const direction = values([x.length], 5);
      const step = 1e-3;
      const [up, down] = [step, -step].map((by) => dot(runner.forward(x.map((v, i) => v + by * direction[i])), dy));
      const slope = (up - down) / (2 * step);
      const scale = Math.sqrt(dot(dx, dx) * dot(direction, direction)) + 1e-3;
      expect(Math.abs(dot(dx, direction) - slope) / scale).toBeLessThan(3e-3);
    });
  }

  const refused: Readonly<Record<string, readonly [Fused, RegExp]>> = {
    "a sequence without end": [recurrentCase("RNN", 1, {}, { steps: 1025 }), /has 1025 steps, and at most 1024/],
    "sequences that end before": [
      { ...recurrentCase("GRU", 3, {}), inputs: [...recurrentCase("GRU", 3, {}).inputs, ints([3])] },
      /sequences that end before the last step/,
    ],
    "an activation that nobody knows": [
      recurrentCase("LSTM", 4, { activations: ["Sin", "Tanh", "Tanh"] }),
      /its activation "sin"/,
    ],
    "too few activations": [recurrentCase("LSTM", 4, { activations: ["Tanh"] }), /it needs 3 activations/],
    "coupled gates": [recurrentCase("LSTM", 4, { input_forget: 1 }), /input_forget/],
    "a diagonal": [equation("ii->i", [3, 3]), /a letter that stands twice/],
    "keys of steps before": [
      {
        op: "Attention",
        opset: 23,
        inputs: [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], "", [1, 2, 3, 4], [1, 2, 3, 4]],
      },
      /keys and values of steps before/,
    ],
    "a mask of lengths": [
      {
        ...{ op: microsoft("Attention"), attributes: { num_heads: 2 } },
        inputs: [tokens, floats([8, 24], 1), floats([24], 2), ints([5])],
      },
      /its mask of lengths/,
    ],
    "packed heads": [
      { op: microsoft("MultiHeadAttention"), attributes: { num_heads: 2 }, inputs: [[1, 5, 2, 3, 4]] },
      /packed queries/,
    ],
    "OneHot of values": [{ op: "OneHot", inputs: [[4], ints([3], []), floats([2], 1)] }, /it runs on constants alone/],
    "a norm of no whole power": [
      { op: "GlobalLpPool", inputs: [[1, 2, 3, 3]], attributes: { p: 0 } },
      /its p is 0; whole numbers from 1 on are supported/,
    ],
    "four axes that are resized": [
      { op: "Resize", opset: 13, inputs: [[1, 2, 2, 2, 2], "", doubled] },
      /it resizes 4 axes, at most three are supported/,
    ],
  };
  for (const [name, [given, reason]] of Object.entries(refused)) {
    it(`refuses ${name} by name`, () => {
      const build = (): unknown => specialise(graphOf(given), new Map(), { compounds });
      expect(build).toThrow(UnsupportedOperatorError);
      expect(build).toThrow(reason);
    });
  }
});
