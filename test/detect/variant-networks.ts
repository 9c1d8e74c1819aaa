/** Heads of a wide picture with random weights, from which files of every writing are made: 96×64 pixels, maps of strides 8, 16 and 32. */
import { Constant, type Graph } from "../../src/graph/ir";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import type { Nodes } from "./networks";

export const picture = { height: 64, width: 96 } as const;
const strides = [8, 16, 32] as const;

/** Column, row and stride of every place of the maps, the largest first. */
export const places = strides.flatMap((stride) => {
  const columns = picture.width / stride;
  return Array.from(
    { length: columns * (picture.height / stride) },
    (_, i) => [i % columns, Math.floor(i / columns), stride] as const,
  );
});

export interface Writing {
  readonly classes?: number;
  /** Candidates at each place. */
  readonly priors?: number;
  /** Sizes of other values of each candidate, by name. */
  readonly more?: Readonly<Record<string, number>>;
  readonly nodes?: Nodes;
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly outputs: readonly string[];
  /** Batches of any size, in place of one. */
  readonly anyBatch?: boolean;
  /** Weights as float16, cast to float32 before they are used. */
  readonly half?: boolean;
}

/**
 * A file with some of these as its outputs, of every candidate a row: `raw` (4 numbers), `corners`, `centres` (pixels), `cornerShares`,
 * `centreShares` (of the picture's sides), `logits`, `scores` (their sigmoid), `softmax`, `objectLogit`, `object`, `all` (object and scores
 * through one sigmoid), and maps `[1, 3, h, w]` `map8`, `map16`, `map32`.
 */
export function variantFile(writing: Writing): Uint8Array {
  const { classes = 3, priors = 1, more = {}, nodes = [], constants = {}, outputs, anyBatch = false } = writing;
  const parts = { raw: 4, logits: classes, objectLogit: 1, ...more };
  const made = Object.entries(parts).map(([name, numbers]) => rows(name, numbers, priors));
  const own: Nodes = [
    ["Mul", ["x", "tenth"], ["y"]],
    ...strides.map((s): Nodes[number] => [
      "Conv",
      ["y", `map.w${s}`],
      [`map${s}`],
      { kernel_shape: [s, s], strides: [s, s] },
    ]),
    ...made.flatMap((each) => each.nodes),
    ["Mul", ["raw", "third"], ["less"]],
    ["Exp", ["less"], ["far"]],
    ["Mul", ["far", "stride"], ["distance"]],
    ["Split", ["distance", "twos"], ["before", "after"], { axis: 2 }],
    ["Sub", ["middle", "before"], ["first"]],
    ["Add", ["middle", "after"], ["last"]],
    ["Concat", ["first", "last"], ["corners"], { axis: 2 }],
    ["Add", ["first", "last"], ["sum"]],
    ["Mul", ["sum", "half"], ["centre"]],
    ["Sub", ["last", "first"], ["size"]],
    ["Concat", ["centre", "size"], ["centres"], { axis: 2 }],
    ["Div", ["corners", "extents"], ["cornerShares"]],
    ["Div", ["centres", "extents"], ["centreShares"]],
    ["Sigmoid", ["logits"], ["scores"]],
    ["Softmax", ["logits"], ["softmax"], { axis: 2 }],
    ["Sigmoid", ["objectLogit"], ["object"]],
    ["Concat", ["objectLogit", "logits"], ["allLogits"], { axis: 2 }],
    ["Sigmoid", ["allLogits"], ["all"]],
    ...nodes,
  ];
  const each = places.flatMap((place) => Array.from({ length: priors }, () => place));
  const random = randomIntegers(41);
  const graph = graphOf({
    inputs: { x: [anyBatch ? "batch" : 1, 3, picture.height, picture.width] },
    constants: {
      ...constants,
      ...Object.assign({}, ...made.map((one) => one.constants)),
      ...Object.fromEntries(strides.map((s) => [`map.w${s}`, randomFloats(random, [3, 3, s, s])])),
      tenth: floats([], [0.1]),
      third: floats([], [0.3]),
      half: floats([], [0.5]),
      twos: ints(2, 2),
      extents: floats([4], [picture.width, picture.height, picture.width, picture.height]),
      middle: floats(
        [1, each.length, 2],
        each.flatMap(([x, y, stride]) => [(x + 0.5) * stride, (y + 0.5) * stride]),
      ),
      stride: floats(
        [1, each.length, 1],
        each.map(([, , stride]) => stride),
      ),
    },
    nodes: own,
    outputs,
  });
  return writeOnnx(used(writing.half ? withHalves(graph) : graph));
}

/** Values `[1, N, numbers]`, from a convolution of each scale. */
function rows(name: string, numbers: number, priors: number): { nodes: Nodes; constants: Record<string, Constant> } {
  const random = randomIntegers(numbers + 7 * name.length);
  const channels = numbers * priors;
  return {
    constants: {
      [`${name}.to`]: ints(0, -1, numbers),
      ...Object.fromEntries(strides.map((s) => [`${name}.w${s}`, randomFloats(random, [channels, 3, s, s])])),
      ...Object.fromEntries(strides.map((s) => [`${name}.b${s}`, randomFloats(random, [channels])])),
    },
    nodes: [
      ...strides.flatMap(
        (s): Nodes => [
          [
            "Conv",
            ["y", `${name}.w${s}`, `${name}.b${s}`],
            [`${name}.c${s}`],
            { kernel_shape: [s, s], strides: [s, s] },
          ],
          ["Transpose", [`${name}.c${s}`], [`${name}.t${s}`], { perm: [0, 2, 3, 1] }],
          ["Reshape", [`${name}.t${s}`, `${name}.to`], [`${name}.r${s}`]],
        ],
      ),
      ["Concat", strides.map((s) => `${name}.r${s}`), [name], { axis: 1 }],
    ],
  };
}

/** The graph without what its outputs do not need, as an exporter writes it. */
function used(graph: Graph): Graph {
  const needed = new Set(graph.outputs);
  const nodes = graph.nodes
    .filter(() => true)
    .reverse()
    .filter(({ inputs, outputs }) => {
      if (!outputs.some((name) => needed.has(name))) return false;
      for (const name of inputs) needed.add(name);
      return true;
    });
  return {
    ...graph,
    nodes: nodes.reverse(),
    constants: new Map([...graph.constants].filter(([name]) => needed.has(name))),
  };
}

/** Every weight of a convolution as float16. */
function withHalves(graph: Graph): Graph {
  const weights = new Set(graph.nodes.flatMap(({ op, inputs }) => (op === "Conv" ? [inputs[1]] : [])));
  const casts = [...weights].map((name) => ({
    name: `${name}.cast`,
    op: "Cast",
    inputs: [`${name}.half`],
    outputs: [name],
    attributes: new Map([["to", 1]]),
  }));
  const constants = [...graph.constants].map(([name, constant]): [string, Constant] =>
    weights.has(name) ? [`${name}.half`, halved(constant)] : [name, constant],
  );
  return { ...graph, nodes: [...casts, ...graph.nodes], constants: new Map(constants) };
}

/** Numbers from −1 to 1, cut to float16's digits; what is too small for them is nothing. */
function halved(constant: Constant): Constant {
  const bits = Uint16Array.from(constant.floats(), (value) => {
    const magnitude = Math.abs(value);
    if (magnitude < 2 ** -14) return 0;
    const exponent = Math.floor(Math.log2(magnitude));
    const fraction = Math.floor((magnitude / 2 ** exponent - 1) * 1024);
    return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
  });
  return Constant.fromBytes(new Uint8Array(bits.buffer), "float16", constant.shape);
}
