import { describe, expect, it } from "vitest";
import { refusedUses } from "../../src/compile/build-operations";
import { combineChannelShuffle } from "../../src/compile/combine-channel-shuffle";
import { combineDenseBias } from "../../src/compile/combine-dense-bias";
import { combineGelu } from "../../src/compile/combine-gelu";
import { combineLayerNorm } from "../../src/compile/combine-layer-norm";
import { combineSwish } from "../../src/compile/combine-swish";
import { foldBatchNorm } from "../../src/compile/fold-batch-norm";
import { removeDeadNodes } from "../../src/compile/remove-dead-nodes";
import { removeNoOps } from "../../src/compile/remove-no-ops";
import { specialise } from "../../src/compile/specialise";
import { ModelError, ShapeError, UnsupportedOperatorError } from "../../src/errors";
import { Constant, type Graph, type StaticGraph } from "../../src/graph/ir";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";
import { Runner, values } from "../operators/harness";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];
const none = new Map<string, number[]>();
const fixed = (graph: Graph): StaticGraph => specialise(graph, none);
const ops = (graph: Graph): string[] => graph.nodes.map(({ op }) => op);

/** Largest difference between two graphs in onnxruntime, relative to the largest value. */
async function difference(a: Graph, b: Graph, output: string, resolved = output): Promise<number> {
  const random = randomIntegers(99);
  const feeds = Object.fromEntries(a.inputs.map(({ name, shape }) => [name, randomFloats(random, shape.map(Number))]));
  const left = Array.from((await runReference(a, feeds))[output].data, Number);
  const right = Array.from((await runReference(b, feeds))[resolved].data, Number);
  const largest = Math.max(...left.map(Math.abs));
  return Math.max(...left.map((value, i) => Math.abs(value - right[i]))) / largest;
}

describe("specialise", () => {
  const open = (shape: (number | string | null)[]) =>
    graphOf({ inputs: { x: shape }, nodes: [["Relu", ["x"], ["y"]]] });

  it("opens the batch as 1 and asks for other open dimensions", () => {
    expect(fixed(open(["N", 3, 8, 8])).inputs[0].shape).toEqual([1, 3, 8, 8]);
    expect(() => fixed(open(["N", 3, "H", null]))).toThrow(ModelError);
    expect(() => fixed(open(["N", 3, "H", null]))).toThrow(
      'Input "x": the file leaves axes 2 and 3 of [N, 3, H, ?] open. Pass inputShape, for example [1, 3, 224, 224].',
    );
    expect(() => fixed(open([]))).toThrow(/does not say its shape\. Pass inputShape/);
    expect(specialise(open([]), new Map([["x", [1, 3]]])).shapes.get("y")).toEqual([1, 3]);
  });

  it("lets the caller choose the batch and open dimensions, not fixed ones", () => {
    const choose = (shape: number[]) => specialise(open([1, 3, "H", 8]), new Map([["x", shape]])).shapes.get("y");
    expect(choose([4, 3, 5, 8])).toEqual([4, 3, 5, 8]);
    expect(() => choose([1, 4, 5, 8])).toThrow(ShapeError);
    expect(() => choose([1, 4, 5, 8])).toThrow(/the file fixes the shape \[1, 3, H, 8\], inputShape is \[1, 4, 5, 8\]/);
    expect(() => choose([1, 3, 5])).toThrow(ShapeError);
    expect(() => choose([1, 3, 0, 8])).toThrow(/whole numbers of at least 1/);
    expect(() => specialise(open([1]), new Map([["z", [1]]]))).toThrow(
      /"z", which is not an input of the network; its inputs are "x"/,
    );
  });

  it("lists every unsupported operator at once", () => {
    const nodes: Nodes = [
      ["Loop", ["x"], ["a"]],
      ["com.microsoft::Foo", ["a"], ["b"]],
      ["Loop", ["b"], ["c"]],
      ["ArgMax", ["c"], ["d"]],
      ["Greater", ["c", "b"], ["e"]],
      ["Not", ["e"], ["f"]],
      ["Relu", ["c"], ["y"]],
    ];
    let error: unknown;
    try {
      fixed(graphOf({ inputs: { x: [1] }, nodes, outputs: ["y", "d", "f"] }));
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(UnsupportedOperatorError);
    const { operators, message } = error as UnsupportedOperatorError;
    expect(operators.map(({ op, node }) => [op, node])).toEqual([
      ["Loop", "a"],
      ["com.microsoft::Foo", "b"],
      ["Loop", "c"],
      ["ArgMax", "d"],
    ]);
    expect(message).toContain('Loop (2 times, first at "a": control flow is not supported)');
    expect(message).toContain('ArgMax (at "d": its result is integers that depend on the image)');
  });

  it("names one operator that is repeated in the singular, and not the sizes behind it", () => {
    const weight = { w: floats([1, 1, 1, 1], [2]) };
    const refused = (second: string): UnsupportedOperatorError => {
      const nodes: Nodes = [
        ["Loop", ["x"], ["a"]],
        ["Shape", ["a"], ["size"]],
        ["Reshape", ["a", "size"], ["same"]],
        [second, ["same"], ["b"]],
        ["Conv", ["b", "w"], ["y"]],
      ];
      try {
        fixed(graphOf({ inputs: { x: [1, 1, 2, 2] }, nodes, constants: weight }));
      } catch (error) {
        if (error instanceof UnsupportedOperatorError) return error;
        throw error;
      }
      return expect.fail("the graph should have been refused");
    };
    const one = refused("Loop");
    expect(one.operators.map(({ op }) => op)).toEqual(["Loop", "Loop"]);
    expect(one.message).toMatch(
      /^The network uses an operator that is not supported: Loop \(2 times, first at "a": .*\. It is part of/,
    );
    const two = refused("Scan");
    expect(two.operators.map(({ op }) => op)).toEqual(["Loop", "Scan"]);
    expect(two.message).toMatch(/^The network uses 2 operators that are not supported: .*\. They are part of/);
  });

  const uses = (graph: Graph): [string, string, string][] => {
    try {
      specialise(graph, none, { refusedLater: refusedUses });
    } catch (error) {
      if (error instanceof UnsupportedOperatorError) {
        for (const { op } of error.operators) expect(error.message).toContain(op);
        return error.operators.map(({ op, node, reason }) => [op, node, reason]);
      }
      throw error;
    }
    return expect.fail("the graph should have been refused");
  };

  it("names in one error what is unknown, what has no shape and what cannot be built", () => {
    const nodes: Nodes = [
      ["Foo", ["x"], ["f"]],
      ["Clip", ["f", "f"], ["m"]],
      ["PRelu", ["x", "x"], ["n"]],
      ["Reshape", ["x", "x"], ["r"]],
      ["Softmax", ["r"], ["s"]],
      ["Add", ["m", "s"], ["t"]],
      ["Greater", ["n", "x"], ["h"]],
      ["Gemm", ["h", "x"], ["g"]],
      ["Bar", ["n"], ["b"]],
    ];
    expect(uses(graphOf({ inputs: { x: [4, 4] }, nodes, outputs: ["g", "b", "t"] }))).toEqual([
      ["Foo", "f", "the operator is not known"],
      ["Reshape", "r", expect.stringContaining('("x") depend on the image, not only on its size.')],
      ["Gemm", "g", "it computes with booleans from the image; cast them to floats"],
      ["Bar", "b", "the operator is not known"],
    ]);
    // Also where nobody knows the input's shape.
    const open = graphOf({ inputs: { x: [4, "W"] }, nodes: [nodes[0], ["OneHot", ["f", "f", "f"], ["m"]]] });
    expect(uses(open).map(([op]) => op)).toEqual(["Foo", "OneHot"]);
  });

  it("keeps the error of one mistake as it is", () => {
    const wrong: Nodes = [
      ["Add", ["x", "w"], ["a"]],
      ["Relu", ["a"], ["y"]],
    ];
    const graph = graphOf({ inputs: { x: [1, 4] }, constants: { w: floats([3], [1, 2, 3]) }, nodes: wrong });
    expect(() => fixed(graph)).toThrow(ShapeError);
    expect(() => fixed(graph)).toThrow(/^Add "a": the shapes/);
  });

  it("says of booleans that they come from the image only where they do", () => {
    const nodes: Nodes = [
      ["Shape", ["x"], ["s"]],
      ["Det", ["w"], ["e"]],
      ["Equal", ["e", "w"], ["q"]],
      ["Where", ["q", "w", "w"], ["v"]],
      ["Foo", ["s"], ["t"]],
      ["Equal", ["t", "s"], ["u"]],
      ["MatMul", ["x", "v"], ["y"]],
    ];
    const graph = graphOf({
      inputs: { x: [2, 2] },
      constants: { w: floats([2, 2], [1, 2, 3, 4]) },
      nodes,
      outputs: ["y", "u"],
    });
    expect(uses(graph).map(([op]) => op)).toEqual(["Det", "Foo"]);
  });

  it("gives one answer to everything quantised, and sends to the float network alone", () => {
    const nodes: Nodes = [
      ["QuantizeLinear", ["x", "s", "z"], ["q"]],
      ["DequantizeLinear", ["q", "s", "z"], ["d"]],
      ["com.microsoft::QuantizeLinear", ["d", "s", "z"], ["q2"]],
      ["com.microsoft::DequantizeLinear", ["q2", "s", "z"], ["d2"]],
      ["com.microsoft::QGemm", ["d2"], ["g"]],
      ["QLinearConv", ["g"], ["c"]],
      ["com.microsoft::QLinearAdd", ["c"], ["a"]],
      ["MatMulInteger", ["a"], ["i"]],
      ["ConvInteger", ["i"], ["j"]],
      ["com.microsoft::MatMulNBits", ["j"], ["n"]],
      ["com.microsoft::QAttention", ["n"], ["t"]],
      ["DynamicQuantizeLinear", ["t"], ["y"]],
    ];
    const graph = graphOf({ inputs: { x: [1, 4] }, constants: { s: floats([], [0.5]), z: ints(3) }, nodes });
    const found = uses(graph);
    expect(found).toHaveLength(nodes.length);
    expect(new Set(found.map(([, , reason]) => reason))).toEqual(new Set(["quantised arithmetic is not supported"]));
    expect(() => fixed(graph)).toThrow(/supported\)\. Use the float network that the quantised one was made from\.$/);
  });

  it("says of an end behind the last layer with weights alone that it only post-processes", () => {
    const constants = {
      w: floats(
        [4, 4],
        Array.from({ length: 16 }, (_, i) => i),
      ),
    };
    const layer = (from: string, to: string): Nodes[number] => ["MatMul", [from, "w"], [to]];
    const message = (...nodes: Nodes) => {
      try {
        fixed(graphOf({ inputs: { x: [1, 4] }, constants, nodes }));
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    expect(message(layer("x", "a"), ["Foo", ["a"], ["y"]])).toContain(
      'This comes behind the last layer with weights and is only post-processing: name the value before as the option output ("a"), or',
    );
    const inside = message(layer("x", "a"), ["Foo", ["a"], ["b"]], layer("b", "y"));
    expect(inside).not.toMatch(/post-process/);
    expect(inside).toContain("It is part of the network itself: export it with other operators");
    expect(message(["Foo", ["x"], ["b"]], layer("b", "y"))).not.toMatch(/post-process/);
    expect(message(["Foo", ["x"], ["y"]])).not.toMatch(/post-process/);
    const both = message(["Foo", ["x"], ["b"]], layer("b", "c"), ["ArgMax", ["c"], ["y"]]);
    expect(both).toContain("The end (ArgMax) comes behind the last layer with weights");
    expect(both).toContain("The others are part of the network itself");
  });

  it("does not blame the input for a large constant that the file asks for", () => {
    const blown = (nodes: Nodes, constants: Record<string, Constant>) =>
      graphOf({
        inputs: { x: [1 << 14] },
        constants,
        nodes: [...nodes, ["ConstantOfShape", ["s"], ["c"]], ["Add", ["x", "c"], ["y"]]],
      });
    expect(() => fixed(blown([], { s: ints(1 << 14, 1 << 14) }))).toThrow(
      /does not depend on the input's: export the network without it/,
    );
    expect(() =>
      fixed(
        blown(
          [
            ["Shape", ["x"], ["n"]],
            ["Concat", ["n", "n"], ["s"], { axis: 0 }],
          ],
          {},
        ),
      ),
    ).toThrow(/MB are allowed\. Use a smaller inputShape/);
  });

  it("cut before an unsupported end, the same graph runs", () => {
    const graph = graphOf({
      inputs: { x: [1, 4] },
      nodes: [
        ["Relu", ["x"], ["y"]],
        ["ArgMax", ["y"], ["z"]],
      ],
    });
    expect(() => fixed(graph)).toThrow(/ArgMax/);
    const cut = removeDeadNodes({ ...graph, outputs: ["y", "z"] }, ["y"]);
    expect([ops(fixed(cut)), cut.outputs]).toEqual([["Relu"], ["y"]]);
  });

  it("folds the shape arithmetic of exporters", () => {
    const constants = { zero: Constant.fromNumbers("int", [0], []), minus: ints(-1), axes: ints(0) };
    const nodes: Nodes = [
      ["Shape", ["x"], ["s"]],
      ["Gather", ["s", "zero"], ["n"], { axis: 0 }],
      ["Unsqueeze", ["n", "axes"], ["n1"]],
      ["Concat", ["n1", "minus"], ["t"], { axis: 0 }],
      ["Reshape", ["x", "t"], ["y"]],
    ];
    const graph = fixed(graphOf({ inputs: { x: ["N", 2, 3] }, constants, nodes }));
    expect([ops(graph), graph.shapes.get("y"), [...graph.constants.keys()]]).toEqual([["Reshape"], [1, 6], ["t"]]);
  });

  it("keeps the bytes of weights that only change shape", () => {
    const w = randomFloats(randomIntegers(1), [4, 3]);
    const constants = { w, axes: ints(0), shape: ints(3, -1) };
    const nodes: Nodes = [
      ["Reshape", ["w", "shape"], ["a"]],
      ["Unsqueeze", ["a", "axes"], ["b"]],
      ["Identity", ["b"], ["c"]],
      ["Squeeze", ["c", "axes"], ["d"]],
      ["MatMul", ["x", "d"], ["y"]],
    ];
    const graph = fixed(graphOf({ inputs: { x: [1, 3] }, constants, nodes }));
    expect(graph.constants.get("d")?.shape).toEqual([3, 4]);
    expect(graph.constants.get("d")?.bytes).toBe(w.bytes);
  });

  it("takes names from outputs nobody reads", () => {
    const nodes: Nodes = [["MaxPool", ["x"], ["y", "indices"], { kernel_shape: [2, 2] }]];
    const graph = graphOf({ inputs: { x: [1, 1, 4, 4] }, nodes, outputs: ["y"] });
    expect(fixed(graph).nodes[0].outputs).toEqual(["y", ""]);
  });

  it("refuses constants that would fill the memory, shapes that depend on the image, positions used elsewhere", () => {
    const huge = { shape: ints(1 << 14, 1 << 14) };
    const blown = graphOf({
      inputs: { x: [1] },
      constants: huge,
      nodes: [
        ["ConstantOfShape", ["shape"], ["c"]],
        ["Add", ["x", "c"], ["y"]],
      ],
    });
    expect(() => fixed(blown)).toThrow(
      /ConstantOfShape "c": it makes a constant of shape 16384×16384 \(1024 MB\); 64 MB are allowed/,
    );
    const pool: Nodes = [
      ["MaxPool", ["x"], ["p", "i"], { kernel_shape: [2, 2] }],
      ["Cast", ["i"], ["y"], { to: 1 }],
    ];
    expect(() => fixed(graphOf({ inputs: { x: [1, 1, 4, 4] }, nodes: pool }))).toThrow(/supported only in MaxUnpool/);
  });
});

describe("constant arithmetic agrees with onnxruntime", () => {
  const random = randomIntegers(3);
  const x = randomFloats(random, [2, 3, 4]);
  const positive = floats([3, 1], [0.5, 2, 3]);
  const n = Constant.fromNumbers("int", [7, -7, 5, 0, 3, -2], [2, 3]);
  const m = ints(2, 3, -2);
  const flags = Constant.fromNumbers("bool", [1, 0, 1], [3]);
  const one = (value: number) => Constant.fromNumbers("int", [value], []);
  const constants = {
    x,
    positive,
    n,
    m,
    flags,
    start: one(2),
    limit: one(11),
    delta: one(4),
    zero: floats([], [0.25]),
  };
  const cases: Nodes = [
    ...["Add", "Sub", "Mul", "Div"].flatMap(
      (op): Nodes => [
        [op, ["x", "positive"], ["y"]],
        [op, ["n", "m"], ["y"]],
      ],
    ),
    ...["Equal", "Less", "Greater"].map((op): Nodes[number] => [op, ["n", "m"], ["y"]]),
    ...["Abs", "Neg", "Exp", "Tanh", "Sigmoid", "Relu", "Floor", "Ceil", "Reciprocal"].map((op): Nodes[number] => [
      op,
      ["x"],
      ["y"],
    ]),
    ...["Sqrt", "Log"].map((op): Nodes[number] => [op, ["positive"], ["y"]]),
    ["Pow", ["positive", "x"], ["y"]],
    ["Sum", ["x", "positive", "zero"], ["y"]],
    ["Max", ["x", "positive", "zero"], ["y"]],
    ["Min", ["n", "m"], ["y"]],
    ["Not", ["flags"], ["y"]],
    ["And", ["flags", "flags"], ["y"]],
    ["Where", ["flags", "n", "m"], ["y"]],
    ["Cast", ["x"], ["y"], { to: 7 }],
    ["Cast", ["n"], ["y"], { to: 9 }],
    ["Cast", ["n"], ["y"], { to: 1 }],
    ["Transpose", ["x"], ["y"], { perm: [2, 0, 1] }],
    ["Transpose", ["n"], ["y"]],
    ["Gather", ["x", "start"], ["y"], { axis: 2 }],
    ["Gather", ["n", "n0"], ["y"], { axis: 1 }],
    ["Concat", ["x", "x"], ["y"], { axis: -2 }],
    ["Slice", ["x", "starts", "ends", "axes", "steps"], ["y"]],
    ["Pad", ["x", "pads", "zero"], ["y"]],
    ["Tile", ["n", "repeats"], ["y"]],
    ["Expand", ["positive", "shape"], ["y"]],
    ["Range", ["start", "limit", "delta"], ["y"]],
    ["ConstantOfShape", ["shape"], ["y"], { value: ints(5) }],
    ["Clip", ["x", "", "zero"], ["y"]],
    ["ReduceSum", ["x", "axes"], ["y"]],
    ["ReduceMean", ["x"], ["y"], { axes: [1, 2], keepdims: 0 }],
    ["ReduceMax", ["x"], ["y"], { axes: [0] }],
    ["ReduceProd", ["n"], ["y"], { axes: [1] }],
    ["Shape", ["x"], ["y"], { start: -2 }],
    ["Size", ["x"], ["y"]],
  ];
  const more = {
    n0: ints(1, -1, 1),
    starts: ints(-1, 0),
    ends: ints(-(2 ** 40), 2),
    axes: ints(2, 0),
    steps: ints(-2, 1),
    pads: ints(0, 1, -1, 0, 0, 2),
    repeats: ints(2, 3),
    shape: ints(2, 3, 2),
  };
  it.each(cases.map((node): [string, Nodes[number]] => [`${node[0]}(${node[1].join(", ")})`, node]))(
    "%s",
    async (_, node) => {
      const graph = graphOf({ inputs: { unused: [1] }, constants: { ...constants, ...more }, nodes: [node] });
      const ours = fixed(graph);
      expect(ours.nodes).toEqual([]);
      const reference = (await runReference(graph, { unused: floats([1], [0]) })).y;
      const folded = ours.constants.get("y") as Constant;
      expect(folded.shape).toEqual(reference.dims);
      const expected = Array.from(reference.data, Number);
      folded.numbers().forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(
          folded.kind === "float" ? 1e-6 * Math.max(1, Math.abs(value)) : 0,
        );
      });
    },
  );

  it("splits", async () => {
    const graph = graphOf({
      inputs: { u: [1] },
      constants: { x, parts: ints(1, 3) },
      nodes: [["Split", ["x", "parts"], ["a", "b"], { axis: 2 }]],
    });
    const reference = await runReference(graph, { u: floats([1], [0]) });
    const { constants: folded } = fixed(graph);
    for (const name of ["a", "b"]) expect(folded.get(name)?.numbers()).toEqual(Array.from(reference[name].data));
  });
});

describe("foldBatchNorm", () => {
  const random = randomIntegers(8);
  const statistics = (name: string, channels: number) => ({
    [`${name}s`]: randomFloats(random, [channels]),
    [`${name}b`]: randomFloats(random, [channels]),
    [`${name}m`]: randomFloats(random, [channels]),
    [`${name}v`]: floats(
      [channels],
      Array.from({ length: channels }, () => random(100, 3000) / 1000),
    ),
  });
  const norm = (input: string, output: string, name: string): Nodes[number] => [
    "BatchNormalization",
    [input, `${name}s`, `${name}b`, `${name}m`, `${name}v`],
    [output],
    { epsilon: 0.001 },
  ];
  const net = graphOf({
    inputs: { x: [1, 4, 7, 7] },
    constants: {
      w1: randomFloats(random, [6, 2, 3, 3]),
      b1: randomFloats(random, [6]),
      w2: randomFloats(random, [6, 4, 3, 3]),
      w3: randomFloats(random, [5, 8]),
      c3: randomFloats(random, [1, 5]),
      w4: randomFloats(random, [5, 3]),
      c4: randomFloats(random, [1]),
      ...statistics("p", 6),
      ...statistics("q", 8),
      ...statistics("r", 5),
      ...statistics("t", 3),
    },
    nodes: [
      ["Conv", ["x", "w1", "b1"], ["c1"], { group: 2 }],
      norm("c1", "n1", "p"),
      ["ConvTranspose", ["n1", "w2"], ["c2"], { group: 2, strides: [2, 2] }],
      norm("c2", "n2", "q"),
      ["GlobalAveragePool", ["n2"], ["g"]],
      ["Flatten", ["g"], ["f"]],
      ["Gemm", ["f", "w3", "c3"], ["c3y"], { transB: 1, alpha: 0.5, beta: 2 }],
      norm("c3y", "n3", "r"),
      ["Gemm", ["n3", "w4", "c4"], ["c4y"]],
      norm("c4y", "y", "t"),
    ],
  });

  it("gives the same numbers for Conv, ConvTranspose and Gemm, grouped, with and without bias", async () => {
    const before = fixed(net);
    const after = foldBatchNorm(before, new Set());
    expect(ops(after)).toEqual(["Conv", "ConvTranspose", "GlobalAveragePool", "Flatten", "Gemm", "Gemm"]);
    expect(await difference(before, after, "y")).toBeLessThan(1e-5);
    for (const name of after.constants.keys())
      expect(after.nodes.some(({ inputs }) => inputs.includes(name))).toBe(true);
  });

  it("computes what must be kept", async () => {
    const before = fixed(net);
    const after = foldBatchNorm(before, new Set(["c1", "n2", "c3y"]));
    expect(ops(after).filter((op) => op === "BatchNormalization")).toHaveLength(2);
    const produced = after.nodes.flatMap(({ outputs }) => outputs);
    expect(["c1", "n2", "c3y"].every((name) => produced.includes(name))).toBe(true);
    expect(await difference(before, after, "y")).toBeLessThan(1e-5);
  });

  it("gives layers that share a weight each their own, and leaves a layer with two readers alone", async () => {
    const nodes: Nodes = [
      ["Conv", ["x", "w"], ["a"]],
      norm("a", "na", "p"),
      ["Conv", ["x", "w"], ["b"]],
      norm("b", "nb", "q"),
      ["Conv", ["x", "w"], ["c"]],
      norm("c", "nc", "q"),
      ["Sum", ["na", "nb", "nc", "c"], ["y"]],
    ];
    const constants = { w: randomFloats(random, [6, 3, 1, 1]), ...statistics("p", 6), ...statistics("q", 6) };
    const before = fixed(graphOf({ inputs: { x: [1, 3, 4, 4] }, constants, nodes }));
    const after = foldBatchNorm(before, new Set());
    expect(ops(after)).toEqual(["Conv", "Conv", "Conv", "BatchNormalization", "Sum"]);
    expect(new Set(after.nodes.slice(0, 3).map(({ inputs }) => inputs[1])).size).toBe(3);
    expect(await difference(before, after, "y")).toBeLessThan(1e-5);
  });
});

describe("combineChannelShuffle", () => {
  const nodes: Nodes = [
    ["Reshape", ["x", "spread"], ["a"]],
    ["Transpose", ["a"], ["b"], { perm: [0, 2, 1, 3, 4] }],
    ["Reshape", ["b", "whole"], ["c"]],
    ["Relu", ["c"], ["y"]],
  ];
  const graph = (spread: readonly number[], steps = nodes) =>
    fixed(
      graphOf({
        inputs: { x: [1, 6, 3, 2] },
        constants: { spread: ints(...spread), whole: ints(1, 6, 3, 2) },
        nodes: steps,
      }),
    );

  it.each([[[1, 2, 3, 3, 2]], [[1, 3, 2, 3, 2]], [[1, 6, 1, 3, 2]]])("makes one Gather of %j", async (spread) => {
    const before = graph(spread);
    const after = combineChannelShuffle(before, new Set());
    expect(ops(after)).toEqual(["Gather", "Relu"]);
    expect(after.nodes[0].outputs).toEqual(["c"]);
    expect(await difference(before, after, "y")).toBe(0);
  });

  it("keeps what somebody reads, and what is no shuffle", () => {
    expect(ops(combineChannelShuffle(graph([1, 2, 3, 3, 2]), new Set(["b"])))).toEqual(nodes.map(([op]) => op));
    const other: Nodes = [nodes[0], ["Transpose", ["a"], ["b"], { perm: [0, 2, 1, 4, 3] }], ...nodes.slice(2)];
    expect(ops(combineChannelShuffle(graph([1, 2, 3, 3, 2], other), new Set()))).toEqual(other.map(([op]) => op));
    const space: Nodes = [nodes[0], nodes[1], ["Reshape", ["b", "spread"], ["c"]], nodes[3]];
    expect(ops(combineChannelShuffle(graph([1, 2, 3, 3, 2], space), new Set()))).toEqual(space.map(([op]) => op));
  });
});

describe("combineSwish", () => {
  const graph = (nodes: Nodes) => fixed(graphOf({ inputs: { x: [1, 2, 3, 3] }, nodes }));

  it.each([[["x", "s"]], [["s", "x"]]])("makes one operator of the product of %j", (factors) => {
    const after = combineSwish(
      graph([
        ["Sigmoid", ["x"], ["s"]],
        ["Mul", factors, ["y"]],
      ]),
      new Set(),
    );
    expect(after.nodes).toMatchObject([{ op: "Swish", inputs: ["x"], outputs: ["y"] }]);
    expect(after.shapes.has("s")).toBe(false);
  });

  it("leaves a gate of another value alone, and a sigmoid that somebody reads", () => {
    const gate: Nodes = [
      ["Relu", ["x"], ["r"]],
      ["Sigmoid", ["r"], ["s"]],
      ["Mul", ["x", "s"], ["y"]],
    ];
    expect(ops(combineSwish(graph(gate), new Set()))).toEqual(["Relu", "Sigmoid", "Mul"]);
    const swish: Nodes = [
      ["Sigmoid", ["x"], ["s"]],
      ["Mul", ["x", "s"], ["y"]],
    ];
    expect(ops(combineSwish(graph(swish), new Set(["s"])))).toEqual(["Sigmoid", "Mul"]);
    expect(ops(combineSwish(graph([...swish, ["Add", ["s", "y"], ["z"]]]), new Set()))).toContain("Mul");
  });
});

describe("combineGelu", () => {
  const numbers = {
    root: Math.SQRT2,
    inverse: Math.SQRT1_2,
    one: 1,
    half: 0.5,
    two: 2,
    three: 3,
    third: 0.044715,
    slope: 0.7978846,
  };
  const constants = Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, floats([], [number])]));
  const graph = (nodes: Nodes, outputs?: string[]) =>
    fixed(graphOf({ opset: 20, inputs: { x: [1, 2, 3, 3] }, constants, nodes, ...(outputs && { outputs }) }));
  const erf: Nodes = [
    ["Div", ["x", "root"], ["d"]],
    ["Erf", ["d"], ["e"]],
    ["Add", ["e", "one"], ["a"]],
  ];
  const tanhOf = (cube: Nodes): Nodes => [
    ...cube,
    ["Mul", ["third", "cube"], ["t"]],
    ["Add", ["x", "t"], ["s"]],
    ["Mul", ["s", "slope"], ["d"]],
    ["Tanh", ["d"], ["e"]],
    ["Add", ["one", "e"], ["a"]],
  ];
  const power = tanhOf([["Pow", ["x", "three"], ["cube"]]]);
  const products = tanhOf([
    ["Mul", ["x", "x"], ["square"]],
    ["Mul", ["x", "square"], ["cube"]],
  ]);
  const endings: Record<string, Nodes> = {
    "x, then half": [
      ["Mul", ["x", "a"], ["p"]],
      ["Mul", ["p", "half"], ["y"]],
    ],
    "half, then x": [
      ["Mul", ["half", "a"], ["p"]],
      ["Mul", ["x", "p"], ["y"]],
    ],
    "halved x": [
      ["Mul", ["x", "half"], ["p"]],
      ["Mul", ["p", "a"], ["y"]],
    ],
    "x, then over two": [
      ["Mul", ["a", "x"], ["p"]],
      ["Div", ["p", "two"], ["y"]],
    ],
  };

  it.each(
    Object.entries({ erf, power, products }).flatMap(([curve, first]) =>
      Object.entries(endings).map(([end, last]) => [curve, end, [...first, ...last]] as const),
    ),
  )("makes one operator of %s with %s, and the same numbers", async (curve, _, nodes) => {
    const before = graph(nodes);
    const after = combineGelu(before, new Set());
    expect(after.nodes).toMatchObject([{ op: "Gelu", inputs: ["x"], outputs: ["y"] }]);
    expect(after.nodes[0].attributes.get("approximate")).toBe(curve === "erf" ? undefined : "tanh");
    expect(after.shapes.has("a")).toBe(false);
    expect(await difference(before, after, "y")).toBeLessThan(1e-6);
  });

  it("leaves another curve alone, and pieces that somebody reads", () => {
    const last = endings["x, then half"];
    const changed = (i: number, piece: Nodes[number]): Nodes =>
      [...erf, ...last].map((node, at) => (at === i ? piece : node));
    for (const nodes of [
      changed(0, ["Div", ["x", "two"], ["d"]]),
      changed(0, ["Mul", ["x", "root"], ["d"]]),
      changed(2, ["Add", ["e", "half"], ["a"]]),
      changed(4, ["Mul", ["p", "two"], ["y"]]),
      changed(3, ["Mul", ["e", "a"], ["p"]]),
      changed(3, ["Mul", ["a", "a"], ["p"]]),
    ]) {
      expect(ops(combineGelu(graph(nodes), new Set()))).toEqual(nodes.map(([op]) => op));
    }
    const whole = [...erf, ...last];
    expect(ops(combineGelu(graph(whole), new Set(["p"])))).toEqual(whole.map(([op]) => op));
    expect(ops(combineGelu(graph(whole, ["y", "a"]), new Set()))).toContain("Erf");
    expect(ops(combineGelu(graph([...whole, ["Add", ["d", "y"], ["z"]]]), new Set()))).toContain("Erf");
  });
});

describe("combineLayerNorm", () => {
  const ramp = (shape: number[], from: number, step: number) =>
    floats(
      shape,
      Array.from({ length: shape.reduce((n, extent) => n * extent, 1) }, (_, i) => from + step * i),
    );
  const constants = {
    ...{ two: floats([], [2]), epsilon: floats([], [1e-3]), one: floats([], [1]), three: floats([], [3]) },
    ...{
      scale: ramp([4], 0.5, 0.25),
      bias: ramp([4], -1, 0.5),
      rows: ramp([3, 4], 1, 0.125),
      tall: ramp([3, 1], 1, 0.5),
      raised: ramp([1, 1, 1, 4], 0.5, 0.25),
    },
  };
  const graph = (nodes: Nodes, outputs?: string[]) =>
    fixed(graphOf({ opset: 16, inputs: { x: [2, 3, 4] }, constants, nodes, ...(outputs && { outputs }) }));
  const last = { axes: [-1] };
  const both = { axes: [1, 2] };
  const centred = (axes: typeof last): Nodes => [
    ["ReduceMean", ["x"], ["m"], axes],
    ["Sub", ["x", "m"], ["d"]],
    ["Pow", ["d", "two"], ["q"]],
    ["ReduceMean", ["q"], ["v"], axes],
    ["Add", ["v", "epsilon"], ["e"]],
    ["Sqrt", ["e"], ["r"]],
  ];
  const plain: Nodes = [
    ["Mul", ["x", "x"], ["q"]],
    ["ReduceMean", ["q"], ["v"], last],
    ["Add", ["epsilon", "v"], ["e"]],
    ["Sqrt", ["e"], ["r"]],
  ];
  const ending = (scale: string, bias = "bias"): Nodes => [
    ["Mul", [scale, "n"], ["s"]],
    ["Add", ["s", bias], ["y"]],
  ];
  const divided: Nodes = [["Div", ["d", "r"], ["n"]]];
  const whole = [...centred(last), ...divided, ...ending("scale")];

  it.each<[string, string, Nodes]>([
    ["a quotient", "LayerNormalization", whole],
    ["two axes", "LayerNormalization", [...centred(both), ...divided, ...ending("rows")]],
    ["a scale for the rows of two axes", "LayerNormalization", [...centred(both), ...divided, ...ending("tall")]],
    [
      "a difference that is written twice",
      "LayerNormalization",
      [...centred(last), ["Sub", ["x", "m"], ["d2"]], ["Div", ["d2", "r"], ["n"]], ...ending("scale")],
    ],
    [
      "a reciprocal",
      "LayerNormalization",
      [...centred(last), ["Reciprocal", ["r"], ["i"]], ["Mul", ["i", "d"], ["n"]], ...ending("scale")],
    ],
    [
      "1 over the root",
      "LayerNormalization",
      [...centred(last), ["Div", ["one", "r"], ["i"]], ["Mul", ["d", "i"], ["n"]], ...ending("scale")],
    ],
    ["a scale alone", "LayerNormalization", [...centred(last), ...divided, ["Mul", ["n", "scale"], ["y"]]]],
    ["no mean", "RMSNormalization", [...plain, ["Div", ["x", "r"], ["n"]], ["Mul", ["n", "scale"], ["y"]]]],
  ])("makes one operator of %s: %s, and the same numbers", async (_, op, nodes) => {
    const before = graph(nodes);
    const after = combineLayerNorm(before, new Set());
    expect(after.nodes).toMatchObject([{ op, outputs: ["y"] }]);
    expect(after.nodes[0].inputs[0]).toBe("x");
    expect(after.shapes.has("v")).toBe(false);
    // The reference has the one of root mean squares since operator set 23.
    const made = op === "RMSNormalization" ? { ...after, opset: 23 } : after;
    expect(await difference(before, made, "y")).toBeLessThan(2e-6);
  });

  it("makes as much of it as nobody looks into", async () => {
    const read: Nodes = [...whole.slice(0, -1), ["Add", ["s", "bias"], ["t"]], ["Add", ["t", "s"], ["y"]]];
    const after = combineLayerNorm(graph(read), new Set());
    expect(ops(after)).toEqual(["LayerNormalization", "Add", "Add"]);
    expect(after.nodes[0].outputs).toEqual(["s"]);
    expect(await difference(graph(read), after, "y")).toBeLessThan(2e-6);
    expect(ops(combineLayerNorm(graph([...plain, ["Div", ["x", "r"], ["n"]], ...ending("scale")]), new Set()))).toEqual(
      [...["RMSNormalization", "Add"]],
    );
  });

  it("leaves alone what is none, and pieces that somebody reads", () => {
    const changed = (i: number, piece: Nodes[number]): Nodes => whole.map((node, at) => (at === i ? piece : node));
    for (const nodes of [
      changed(2, ["Pow", ["d", "three"], ["q"]]),
      changed(2, ["Mul", ["d", "x"], ["q"]]),
      changed(3, ["ReduceMean", ["d"], ["v"], last]),
      changed(4, ["Add", ["v", "m"], ["e"]]),
      changed(6, ["Div", ["x", "r"], ["n"]]),
      changed(6, ["Div", ["r", "d"], ["n"]]),
      [...centred({ axes: [1] }), ...divided, ["Mul", ["n", "scale"], ["y"]]],
      [...centred({ axes: [0] }), ...divided, ["Mul", ["n", "scale"], ["y"]]],
      [...centred({ axes: [0, 1, 2] }), ...divided, ["Mul", ["n", "scale"], ["y"]]],
      [...centred(last), ...divided, ["Mul", ["n", "rows"], ["y"]]],
      [...centred(last), ...divided, ["Mul", ["n", "raised"], ["y"]]],
    ] as Nodes[]) {
      expect(ops(combineLayerNorm(graph(nodes), new Set()))).toEqual(nodes.map(([op]) => op));
    }
    // Differences from something else than their mean are divided by their root mean square.
    for (const nodes of [
      changed(0, ["ReduceMean", ["x"], ["m"], { axes: [1] }]),
      changed(1, ["Sub", ["m", "x"], ["d"]]),
    ])
      expect(ops(combineLayerNorm(graph(nodes), new Set()))).toEqual(["ReduceMean", "Sub", "RMSNormalization", "Add"]);
    for (const name of ["m", "d", "v", "r", "n"])
      expect(ops(combineLayerNorm(graph(whole), new Set([name])))).toEqual(whole.map(([op]) => op));
    expect(ops(combineLayerNorm(graph([...whole, ["Add", ["m", "y"], ["z"]]]), new Set()))).toContain("Sqrt");
    expect(ops(combineLayerNorm(graph(whole, ["y", "e"]), new Set()))).toContain("Sqrt");
  });
});

describe("combineDenseBias", () => {
  const constants = {
    w: floats(
      [3, 5],
      Float32Array.from({ length: 15 }, (_, i) => Math.sin(i)),
    ),
    b: floats([5], [0.5, -1, 2, 0.25, 3]),
    row: floats([1, 1, 5], [1, 2, 3, 4, 5]),
    number: floats([], [2]),
    places: floats([4, 1], [1, 2, 3, 4]),
    square: floats(
      [5, 5],
      Float32Array.from({ length: 25 }, (_, i) => Math.cos(i)),
    ),
    deep: floats([1, 1, 1, 1, 5], [1, 2, 3, 4, 5]),
  };
  const graph = (nodes: Nodes, shape: number[] = [1, 4, 3], outputs?: string[]) =>
    fixed(graphOf({ inputs: { x: shape }, constants, nodes, ...(outputs && { outputs }) }));
  const layer = (...add: string[]): Nodes => [
    ["MatMul", ["x", "w"], ["p"]],
    ["Add", add, ["y"]],
  ];

  it.each([
    ["three axes", layer("p", "b"), [1, 4, 3]],
    ["the bias first", layer("b", "p"), [1, 4, 3]],
    ["two axes", layer("p", "b"), [1, 3]],
    ["four axes", layer("p", "b"), [1, 2, 4, 3]],
    ["a bias of more axes", layer("p", "row"), [1, 4, 3]],
  ])("makes one operator of %s, and the same bits", (_, nodes, shape) => {
    const before = graph(nodes, shape);
    const after = combineDenseBias(before, new Set());
    expect(after.nodes).toMatchObject([{ op: "MatMul", outputs: ["y"] }]);
    expect(after.nodes[0].inputs).toHaveLength(3);
    expect(after.shapes.has("p")).toBe(false);
    const [apart, whole] = [before, after].map((each) => new Runner(each));
    const x = values(shape, 5);
    const dy = values(apart.shapeOf("y"), 6);
    expect(whole.forward(x).join()).toBe(apart.forward(x).join());
    expect(whole.backward(x, dy).join()).toBe(apart.backward(x, dy).join());
  });

  it("leaves alone what is no bias, and a product that somebody reads", () => {
    for (const [nodes, shape] of [
      [layer("p", "number"), [1, 4, 3]],
      [layer("p", "places"), [1, 4, 3]],
      [layer("p", "square"), [1, 5, 3]],
      [layer("p", "deep"), [1, 4, 3]],
      [layer("p", "p"), [1, 4, 3]],
      [
        [
          ["MatMul", ["x", "w"], ["p"]],
          ["Sub", ["p", "b"], ["y"]],
        ],
        [1, 4, 3],
      ],
      [
        [
          ["MatMul", ["w", "x"], ["p"]],
          ["Add", ["p", "number"], ["y"]],
        ],
        [1, 5, 2],
      ],
    ] as [Nodes, number[]][]) {
      expect(ops(combineDenseBias(graph(nodes, shape), new Set()))).toEqual(nodes.map(([op]) => op));
    }
    expect(ops(combineDenseBias(graph(layer("p", "b")), new Set(["p"])))).toEqual(["MatMul", "Add"]);
    expect(ops(combineDenseBias(graph(layer("p", "b"), undefined, ["y", "p"]), new Set()))).toEqual(["MatMul", "Add"]);
    expect(ops(combineDenseBias(graph([...layer("p", "b"), ["Mul", ["p", "y"], ["z"]]]), new Set()))).toContain("Add");
  });
});

describe("removeNoOps", () => {
  it("replaces what changes nothing by an alias", async () => {
    const nodes: Nodes = [
      ["Identity", ["x"], ["a"]],
      ["Dropout", ["a"], ["b", "mask"]],
      ["Cast", ["b"], ["c"], { to: 1 }],
      ["Pad", ["c", "zeros"], ["d"]],
      ["Reshape", ["d", "same"], ["e"]],
      ["Transpose", ["e"], ["f"], { perm: [1, 0, 2, 3] }],
      ["Slice", ["f", "start", "end", "axis"], ["g"]],
      ["Concat", ["g"], ["h"], { axis: 1 }],
      ["Sum", ["h"], ["i"]],
      ["Resize", ["i", "", "scales"], ["j"]],
      ["Relu", ["j"], ["r"]],
      ["Identity", ["r"], ["y"]],
    ];
    const constants = {
      zeros: ints(0, 0, 0, 0, 0, 0, 0, 0),
      same: ints(1, 1, 3, 4),
      start: ints(0),
      end: ints(2 ** 40),
      axis: ints(2),
      scales: floats([4], [1, 1, 1, 1]),
    };
    const before = fixed(graphOf({ inputs: { x: [1, 1, 3, 4] }, constants, nodes }));
    const after = removeNoOps(before);
    expect(ops(after)).toEqual(["Relu"]);
    expect(after.nodes[0].inputs).toEqual(["x"]);
    expect([...after.aliases]).toEqual([...[..."abcdefghij"].map((name) => [name, "x"]), ["y", "r"]]);
    expect(after.outputs).toEqual(["r"]);
    expect(await difference(before, after, "y", "r")).toBe(0);
  });

  it("keeps what changes something", () => {
    const nodes: Nodes = [
      ["Transpose", ["x"], ["a"], { perm: [0, 1, 3, 2] }],
      ["Slice", ["a", "start", "end", "axis", "step"], ["b"]],
      ["Flatten", ["b"], ["c"]],
      ["Resize", ["x", "", "scales"], ["d"]],
      ["Resize", ["x", "", "same"], ["e"]],
      ["Identity", ["c"], ["y"]],
    ];
    const constants = {
      start: ints(-1),
      end: ints(-(2 ** 40)),
      axis: ints(2),
      step: ints(-1),
      scales: floats([4], [1, 1, 1.4, 1.2]),
      // Less than a pixel: onnxruntime gives back what has its shape.
      same: floats([4], [1, 1, 1.3, 1.2]),
    };
    const graph = fixed(graphOf({ inputs: { x: [1, 1, 3, 3] }, constants, nodes, outputs: ["y", "d", "e"] }));
    expect(graph.shapes.get("d")).toEqual([1, 1, 4, 3]);
    expect(ops(removeNoOps(graph))).toEqual(["Transpose", "Slice", "Flatten", "Resize"]);
  });
});

describe("removeDeadNodes", () => {
  it("keeps what the roots need, following aliases", () => {
    const nodes: Nodes = [
      ["Relu", ["x"], ["a"]],
      ["Identity", ["a"], ["b"]],
      ["Add", ["b", "w"], ["y"]],
      ["Mul", ["z", "w"], ["other"]],
    ];
    const graph = removeNoOps(
      fixed(
        graphOf({ inputs: { x: [1], z: [1] }, constants: { w: floats([1], [1]) }, nodes, outputs: ["y", "other"] }),
      ),
    );
    const left = removeDeadNodes(graph, ["b"]);
    expect([ops(left), left.inputs.map(({ name }) => name), left.outputs, [...left.constants.keys()]]).toEqual([
      ["Relu"],
      ["x"],
      [],
      [],
    ]);
    expect([...left.aliases]).toEqual([["b", "a"]]);
    expect([...left.shapes.keys()]).toEqual(["x", "a"]);
  });
});
