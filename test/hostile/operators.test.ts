/**
 * Operators with attributes, shapes and constants that no export would write: each sample of an operator that runs with something
 * in it made absurd. Whatever a stranger's file says, it loads and runs or is refused by a typed error, soon and within its memory.
 */
import { describe, expect, it } from "vitest";
import { type Attribute, Constant, type Graph, type Node } from "../../src/graph/ir";
import * as library from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints } from "../graph/build";
import { graphOf as caseGraph } from "../operators/harness";
import type { Sample } from "../operators/sample";
import { arithmeticSamples } from "../operators/samples/arithmetic";
import { arrangementSamples } from "../operators/samples/arrangements";
import { layerSamples } from "../operators/samples/layers";
import { pointwiseSamples } from "../operators/samples/pointwise";
import fc, { otherSeeds } from "../seeded";
import { boxes, classifier } from "./small-networks";
import { random } from "./wild-values";

/** Milliseconds of processor time that one case may take, and bytes that all of them may add. */
const slowest = 2000;
const mostBytes = 400 * 2 ** 20;
const maxMemory = 256 * 2 ** 20;

type Below = (n: number) => number;
const pick = <T>(list: readonly T[], below: Below): T => list[below(list.length)];

const extents = [0, 1, 2, 3, 5, 17, 64, 1000, 65_537, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 2 ** 53];
const wholes = [...extents, -1, -2, -5, -(2 ** 31), -(2 ** 53), 4, 7, 8, 9, 10];
const reals = [0, -0, 1, -1, 0.5, 1e-45, 1e38, -1e38, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const texts = [
  "",
  "SAME_UPPER",
  "VALID",
  "NOTSET",
  "linear",
  "cubic",
  "nearest",
  "half_pixel",
  "reflect",
  "wrap",
  "edge",
]
  .concat(["forward", "reverse", "bidirectional", "Tanh", "ij,jk->ik", "...i,i...->", "bhwc,hkc->bhwk", "->", "i->ii"])
  .concat(["__proto__", "constructor", "toString", "add", "mul", "max", "none", "bilinear", "DCR", "CRD", "tanh"]);
const names =
  "axis axes pads strides kernel_shape dilations group perm keepdims to k hidden_size direction num_heads equation blocksize mode "
    .concat(
      "epsilon ceil_mode storage_order batch_dims reverse exclusive num_outputs split output_shape output_padding layout ",
    )
    .concat(
      "largest sorted upper p num_groups activations clip linear_before_reset input_forget q_num_heads kv_num_heads scale ",
    )
    .concat(
      "is_causal softcap qk_matmul_output_mode interleaved rotary_embedding_dim stash_type alpha beta transA transB ",
    )
    .concat(
      "auto_pad count_include_pad coordinate_transformation_mode nearest_mode cubic_coeff_a antialias allowzero start end ",
    )
    .concat(
      "min max noop_with_empty_axes select_last_index reduction value value_float value_ints starts ends gamma lambd bias size",
    )
    .split(" ");

const few = (below: Below, make: () => number, most = 5): number[] => Array.from({ length: below(most) }, make);

function wildAttribute(below: Below, now?: Attribute): Attribute {
  const kind = below(10);
  if (kind === 0) return pick(texts, below);
  if (kind === 1) return pick(reals, below);
  if (kind === 2) return few(below, () => pick(wholes, below), 9);
  // Near to what is there: a list keeps its length.
  if (Array.isArray(now) && now.every((each) => typeof each === "number")) {
    const list = now.slice() as number[];
    if (list.length > 0) list[below(list.length)] = pick(wholes, below);
    return list;
  }
  return typeof now === "string" ? pick(texts, below) : pick(wholes, below);
}

function wildConstant(below: Below, now: Constant): Constant {
  const kind = now.kind;
  const numbers = Array.from(now.numbers());
  if (below(3) > 0 && numbers.length > 0) {
    // Its values, of the same shape.
    for (let n = 1 + below(3); n > 0; n--)
      numbers[below(numbers.length)] = pick(kind === "float" ? reals : wholes, below);
    return kind === "float" ? floats(now.shape, numbers) : Constant.fromNumbers(kind, numbers, now.shape);
  }
  const shape = few(below, () => pick([0, 1, 1, 2, 3, 4, 7], below), 7);
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: size }, (_, i) => numbers[i % Math.max(numbers.length, 1)] ?? 1);
  return kind === "float" ? floats(shape, values) : Constant.fromNumbers(kind, values, shape);
}

/** One to three things of a graph made absurd. */
function absurd(graph: Graph, below: Below): Graph {
  let [inputs, nodes] = [graph.inputs, graph.nodes];
  const constants = new Map(graph.constants);
  for (let n = 1 + below(3); n > 0; n--) {
    const kind = below(7);
    const at = below(nodes.length);
    const change = (changed: Partial<Node>): void => {
      nodes = nodes.map((node, i) => (i === at ? { ...node, ...changed } : node));
    };
    const { attributes, inputs: from, outputs } = nodes[at];
    if (kind <= 2) {
      const name = below(2) === 0 && attributes.size > 0 ? pick([...attributes.keys()], below) : pick(names, below);
      change({ attributes: new Map(attributes).set(name, wildAttribute(below, attributes.get(name))) });
    } else if (kind === 3 && constants.size > 0) {
      const name = pick([...constants.keys()], below);
      constants.set(name, wildConstant(below, constants.get(name) as Constant));
    } else if (kind === 4) {
      const all = [...constants.keys(), ...inputs.map(({ name }) => name), ""];
      const list = from.slice();
      if (below(3) === 0) list.push(pick(all, below));
      else if (list.length > 0) list[below(list.length)] = pick(all, below);
      change({ inputs: below(8) === 0 ? from.slice(1) : list });
    } else if (kind === 5) {
      inputs = inputs.map((input, i) => {
        if (i > 0) return input;
        const shape = below(3) === 0 ? few(below, () => pick(extents, below), 11) : input.shape.slice();
        if (shape.length > 0) shape[below(shape.length)] = pick(extents, below);
        return { ...input, shape };
      });
    } else change({ outputs: below(2) === 0 ? [...outputs, "more", ""] : outputs.slice(0, 1) });
  }
  return { ...graph, inputs, nodes, constants, ...(below(4) === 0 && { opset: 7 + below(19) }) };
}

/** What takes a whole computation in one node, as it is written where it is right. */
const x = { x: [1, 6, 8] };
const w = (...shape: number[]): Constant => floats(shape, new Array(shape.reduce((a, b) => a * b, 1)).fill(0.1));
const written: readonly (() => Graph)[] = [
  ...(["LSTM", "GRU", "RNN"] as const).map(
    (op, i) => () =>
      graphOf({
        opset: 14,
        inputs: { x: [6, 1, 8] },
        constants: { w: w(1, 4 * [4, 3, 1][i], 8), r: w(1, 4 * [4, 3, 1][i], 4), b: w(1, 8 * [4, 3, 1][i]) },
        nodes: [[op, ["x", "w", "r", "b"], ["y", "h"], { hidden_size: 4 }]],
        outputs: ["y"],
      }),
  ),
  () =>
    graphOf({
      opset: 23,
      inputs: x,
      nodes: [["Attention", ["x", "x", "x"], ["y"], { q_num_heads: 2, kv_num_heads: 2 }]],
    }),
  () =>
    graphOf({ inputs: x, nodes: [["com.microsoft::MultiHeadAttention", ["x", "x", "x"], ["y"], { num_heads: 2 }]] }),
  () =>
    graphOf({
      inputs: x,
      constants: { w: w(8, 24), b: w(24) },
      nodes: [["com.microsoft::Attention", ["x", "w", "b"], ["y"], { num_heads: 2 }]],
    }),
  () => graphOf({ inputs: x, nodes: [["Einsum", ["x", "x"], ["y"], { equation: "bij,bkj->bik" }]] }),
  () =>
    graphOf({
      opset: 21,
      inputs: { x: [1, 6, 4, 4] },
      constants: { s: w(6), b: w(6) },
      nodes: [["GroupNormalization", ["x", "s", "b"], ["y"], { num_groups: 2 }]],
    }),
  () =>
    graphOf({
      opset: 23,
      inputs: { x: [1, 2, 6, 8] },
      constants: { c: w(1, 6, 4), s: w(1, 6, 4) },
      nodes: [["RotaryEmbedding", ["x", "c", "s"], ["y"], {}]],
    }),
  () =>
    graphOf({
      inputs: x,
      constants: { w: w(8, 3) },
      nodes: [["com.microsoft::FusedMatMul", ["x", "w"], ["y"], { alpha: 2 }]],
    }),
  () =>
    graphOf({
      inputs: x,
      constants: { s: w(8), b: w(8) },
      nodes: [["com.microsoft::SkipLayerNormalization", ["x", "x", "s", "b"], ["y"], { epsilon: 1e-5 }]],
    }),
  () => graphOf({ inputs: x, nodes: [["LpNormalization", ["x"], ["y"], { axis: -1, p: 2 }]] }),
  // Bombs of folding: constants that grow.
  () =>
    graphOf({
      inputs: x,
      constants: { n: ints(64, 64) },
      nodes: [
        ["ConstantOfShape", ["n"], ["c"]],
        ["Tile", ["c", "n"], ["t"]],
        ["ReduceSum", ["t"], ["s"]],
        ["Add", ["x", "s"], ["y"]],
      ],
    }),
  () =>
    graphOf({
      inputs: x,
      constants: {
        a: Constant.fromNumbers("int", [0], []),
        b: Constant.fromNumbers("int", [4096], []),
        c: Constant.fromNumbers("int", [1], []),
      },
      nodes: [
        ["Range", ["a", "b", "c"], ["r"]],
        ["Cast", ["r"], ["f"], { to: 1 }],
        ["ReduceSum", ["f"], ["s"]],
        ["Add", ["x", "s"], ["y"]],
      ],
    }),
  () =>
    graphOf({
      inputs: x,
      constants: { n: ints(1, 6, 8), d: Constant.fromNumbers("int", [9], []), v: floats([2], [0, 1]) },
      nodes: [
        ["OneHot", ["n", "d", "v"], ["o"], { axis: 0 }],
        ["ReduceMax", ["o"], ["s"]],
        ["Add", ["x", "s"], ["y"]],
      ],
    }),
  () =>
    graphOf({
      inputs: x,
      constants: { n: ints(2, 6, 8) },
      nodes: [
        ["Expand", ["x", "n"], ["e"]],
        ["ReduceMean", ["e"], ["y"], { axes: [0] }],
      ],
    }),
];

const samples: readonly (readonly [string, () => readonly Graph[]])[] = [
  ...Object.entries({ ...arrangementSamples, ...layerSamples, ...pointwiseSamples }).map(
    ([op, sample]) =>
      [
        op,
        () => fc.sample(sample as fc.Arbitrary<Sample>, { numRuns: 4, seed: 5 }).map((one) => caseGraph(one)),
      ] as const,
  ),
  ...Object.entries(arithmeticSamples).map(
    ([op, sample]) =>
      [
        op,
        () =>
          fc.sample(sample, { numRuns: 4, seed: 5 }).map(
            ({ inputs, attributes, opset }): Graph =>
              graphOf({
                ...(opset !== undefined && { opset }),
                inputs: { x: [1, 4] },
                constants: Object.fromEntries(inputs.map((constant, i) => [`c${i}`, constant])),
                nodes: [
                  [op, inputs.map((_, i) => `c${i}`), ["folded"], { ...attributes }],
                  ["Cast", ["folded"], ["f"], { to: 1 }],
                  ["ReduceSum", ["f"], ["s"]],
                  ["Add", ["x", "s"], ["y"]],
                ],
              }),
          ),
      ] as const,
  ),
  ...written.map((make) => [make().nodes[0].op, () => [make()]] as const),
];

interface Found {
  readonly wrong: string[];
  ran: number;
  refused: number;
  slowest: number;
  slowestCase: string;
}

async function tried(found: Found, label: string, one: () => Promise<unknown>): Promise<void> {
  const start = process.cpuUsage();
  try {
    await one();
    found.ran++;
  } catch (error) {
    found.refused++;
    if (!(error instanceof library.SeethroughError) || error instanceof library.InternalError) {
      found.wrong.push(
        `${label}: ${error instanceof Error ? `${error.stack} ${(error.cause as Error)?.stack ?? ""}` : error}`,
      );
    } else if (error.message.length > 5000) found.wrong.push(`${label}: a text of ${error.message.length}`);
  }
  const { user, system } = process.cpuUsage(start);
  const milliseconds = (user + system) / 1000;
  if (milliseconds > found.slowest) [found.slowest, found.slowestCase] = [milliseconds, label];
  if (milliseconds > slowest) found.wrong.push(`${label}: ${milliseconds.toFixed(0)} ms`);
}

const noneYet = (): Found => ({ wrong: [], ran: 0, refused: 0, slowest: 0, slowestCase: "" });
const most = 2 ** 18;

async function use(bytes: Uint8Array): Promise<void> {
  using model = await library.loadModel(bytes, { maxMemory });
  const { shape } = model.input;
  const size = shape.reduce((a, b) => a * b, 1);
  if (size > most) return;
  const input = new library.Tensor(new Float32Array(size).fill(0.5), shape);
  await model.run(input);
  await library.saliency(model, input);
}

function report(what: string, { ran, refused, slowest: longest, slowestCase, wrong }: Found): void {
  const peak = (process.resourceUsage().maxRSS / 1024).toFixed(0);
  console.log(
    `${ran + refused} cases of ${what}: ${ran} ran, ${refused} refused, ${wrong.length} wrong; slowest ${longest.toFixed(0)} ms (${slowestCase}); peak ${peak} MB`,
  );
  expect(wrong.slice(0, 5)).toEqual([]);
}

const perOperator = Number(process.env.CASES ?? 24);

describe("a stranger's operators", () => {
  it("absurd in something are typed errors or run, soon and in little memory", async () => {
    const found = noneYet();
    const before = process.resourceUsage().maxRSS;
    for (const [k, [op, make]] of samples.entries()) {
      const graphs = make();
      for (let i = 0; i < perOperator; i++) {
        const below = random(Math.imul(k * 7919 + i + 1, 2654435761) + otherSeeds);
        below(7);
        const graph = absurd(graphs[i % graphs.length], below);
        let bytes: Uint8Array;
        try {
          bytes = writeOnnx(graph);
        } catch {
          // Not every absurdity can be written down.
          continue;
        }
        await tried(found, `${op} ${i}`, () => use(bytes));
      }
    }
    report("operators", found);
    expect(1024 * (process.resourceUsage().maxRSS - before)).toBeLessThan(mostBytes);
    expect(found.ran).toBeGreaterThan(100);
    expect(found.refused).toBeGreaterThan(100);
  }, 900_000);
});

const wildTargets = (below: Below): unknown => {
  const numbers = (length: number): Float32Array => new Float32Array(length).fill(pick(reals, below));
  const leaf = (): unknown =>
    pick(
      [
        () => pick(wholes, below),
        () => pick(texts, below),
        () => ({ weights: numbers(pick([0, 1, 2, 3, 4, 63, 64], below)) }),
        () => ({ weights: [Number.NaN] }),
        () => ({ sum: [] }),
        () => ({ sum: [0, { sum: [] }] }),
        () => ({ contrast: [0] }),
        () => ({ contrast: [0, 1, 2] }),
        () => ({ position: [pick(wholes, below), pick(reals, below)], channel: pick(wholes, below) }),
        () => ({ mask: new Uint8Array(below(200)).fill(below(2)), channel: pick(wholes, below) }),
        () => ({ layer: pick(["c1", "k", "y", "x", "__proto__", "toString", ""], below), unit: pick(wholes, below) }),
        () => ({ similarTo: new library.Tensor(numbers(3), [1, 3]) }),
        () => ({ detection: { anchor: pick(wholes, below), index: pick(wholes, below), box: null } }),
        () => ({
          detection: {
            ...{ box: { x: pick(reals, below), y: 0, width: pick(wholes, below), height: 1 }, index: 0, score: 1 },
            ...{ anchor: pick(wholes, below), family: pick(texts, below), head: wildHead(below) },
          },
          of: pick(["score", "left", "width", "__proto__", ""], below),
        }),
      ],
      below,
    )();
  if (below(4) > 0) return leaf();
  let deep = leaf();
  for (let n = pick([1, 3, 1000, 20_000], below); n > 0; n--)
    deep = below(2) === 0 ? { contrast: [deep, 0] } : { sum: [deep, 1] };
  return deep;
};

const wildHead = (below: Below): Record<string, unknown> => {
  const said: Record<string, unknown> = { boxes: "y", decode: "corners", objectness: 4, activation: "sigmoid" };
  const keys = [
    "boxes",
    "scores",
    "decode",
    "objectness",
    "activation",
    "units",
    "layout",
    "classNumber",
    "suppressed",
    "strides",
    "anchors",
    "background",
    "kind",
    "bins",
  ];
  for (let n = 1 + below(3); n > 0; n--) {
    const values = [
      pick(texts, below),
      pick(wholes, below),
      pick(reals, below),
      "y",
      "k",
      null,
      [],
      {},
      few(below, () => pick(wholes, below)),
      { output: "y", from: 0 },
    ];
    said[pick(keys, below)] = pick(values, below);
  }
  return said;
};

it("wild targets, and heads said wrongly, are typed errors or results", async () => {
  const found = noneYet();
  const image = { width: 12, height: 12, data: new Uint8Array(432).fill(7) };
  const models = [await library.loadModel(classifier, { labels: ["a", "b", "c"] }), await library.loadModel(boxes)];
  const methods: readonly ((model: library.Model, input: library.ImageLike, options: object) => Promise<unknown>)[] = [
    ...[library.saliency, library.gradCam, library.lrp, library.deepLift],
  ];
  for (let i = 0; i < 2000; i++) {
    const below = random(Math.imul(i + 1, 2654435761) + otherSeeds);
    below(7);
    const model = pick(models, below);
    if (below(3) === 0) {
      const head = wildHead(below) as never;
      await tried(found, `head ${i} ${JSON.stringify(head)}`, () =>
        library.detect(models[1], image, { head, threshold: pick([0, 0.5, 1], below), top: 10 }),
      );
      continue;
    }
    const target = wildTargets(below) as never;
    const method = pick(methods, below);
    await tried(found, `target ${i}`, () =>
      below(6) === 0 ? method(model, image, { targets: [target, 0] }) : method(model, image, { target }),
    );
  }
  report("targets and heads", found);
}, 300_000);

it("several inputs of wrong names, shapes and kinds are typed errors or results", async () => {
  const found = noneYet();
  const two = writeOnnx(
    graphOf({
      inputs: { a: [1, 3, 6, 6], b: [1, 3] },
      nodes: [
        ["GlobalAveragePool", ["a"], ["g"]],
        ["Flatten", ["g"], ["f"]],
        ["Add", ["f", "b"], ["y"]],
      ],
    }),
  );
  const model = await library.loadModel(two);
  const a = new library.Tensor(new Float32Array(108).fill(0.5), [1, 6, 6, 3]);
  const b = new library.Tensor(Float32Array.of(1, 2, 3), [1, 3]);
  const image = { width: 9, height: 7, data: new Uint8Array(189) };
  const wrong = (below: Below): unknown =>
    pick(
      [
        a,
        b,
        image,
        null,
        undefined,
        5,
        "a",
        [],
        {},
        new Float32Array(3),
        { data: a.data, shape: [1, 3] },
        { data: b.data, shape: few(below, () => pick(wholes, below)) },
      ],
      below,
    );
  for (let i = 0; i < 1500; i++) {
    const below = random(Math.imul(i + 1, 2654435761) + otherSeeds);
    below(7);
    const given: Record<string, unknown> = { a, b };
    for (let n = 1 + below(2); n > 0; n--) {
      const name = pick(["a", "b", "c", "__proto__", "constructor", "toString", "", "data"], below);
      if (below(3) === 0) delete given[name];
      else Object.defineProperty(given, name, { value: wrong(below), enumerable: true, configurable: true });
    }
    const input = (below(8) === 0 ? wrong(below) : given) as never;
    const calls = [
      () => model.predict(input),
      () => model.run(input),
      () => library.saliency(model, input, { target: 0 }),
      () =>
        library.occlusion(model, input, {
          target: 0,
          window: { a: 3, [pick(["b", "c", "__proto__"], below)]: pick(wholes, below) } as never,
        }),
      () =>
        library.loadModel(two, {
          inputs: {
            [pick(["a", "b", "c", "__proto__"], below)]: {
              value: wrong(below),
              inputShape: few(below, () => pick(wholes, below)),
            },
          } as never,
        }),
    ];
    await tried(found, `input ${i}`, pick<() => Promise<unknown>>(calls, below));
  }
  report("inputs", found);
}, 300_000);
