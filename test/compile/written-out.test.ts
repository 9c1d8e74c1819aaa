/** A softmax or sigmoid that a file writes in pieces is seen through like the one operator. */
import { describe, expect, it } from "vitest";
import { type LoadOptions, loadModel, saliency, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";

type Parts = Parameters<typeof graphOf>[0];
type Nodes = Parts["nodes"];
const random = randomIntegers(8);
const input = new Tensor(randomFloats(random, [1, 4, 4, 3]).floats(), [1, 4, 4, 3]);
const weights = randomFloats(random, [3, 3, 3, 3]);
const small = randomFloats(random, [1, 3, 3, 3]);

const file = (channels: number, nodes: Nodes, opset = 17): Uint8Array =>
  writeOnnx(
    graphOf({
      opset,
      inputs: { x: [1, 3, 4, 4] },
      constants: {
        w: channels === 1 ? small : weights,
        one: floats([], [1]),
        ones: floats([1, 1], [1, 1].slice(0, 1)),
        zero: floats([], [0]),
        minus: floats([], [-1]),
        two: floats([], [2]),
        axes: ints(1),
        last: ints(-1),
      },
      nodes: [
        ["Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }],
        ["GlobalAveragePool", ["c"], ["g"]],
        ["Flatten", ["g"], ["s"]],
        ...nodes,
      ],
    }),
  );

/** The one operator, and its pieces, end in the same predictions and explanations. */
async function same(whole: Uint8Array, pieces: Uint8Array, options: LoadOptions = {}): Promise<void> {
  using expected = await loadModel(whole, options);
  using found = await loadModel(pieces, options);
  expect(found.output.name).toBe(expected.output.name);
  expect(await found.predict(input)).toEqual(await expected.predict(input));
  const [a, b] = [await saliency(found, input, { target: 0 }), await saliency(expected, input, { target: 0 })];
  expect(a.values.data).toEqual(b.values.data);
  expect(a.notes).toEqual(b.notes);
  const codes = (model: typeof found): string[] => model.notes.map(({ code }) => code);
  expect(codes(found)).toEqual(codes(expected));
  const [own, theirs] = [(await found.run(input)).output, (await expected.run(input)).output];
  expect(own.shape).toEqual(theirs.shape);
  own.data.forEach((value, i) => {
    expect(value).toBeCloseTo(theirs.data[i], 5);
  });
}

const sigmoids: Record<string, Nodes> = {
  "1 / (1 + exp −x)": [
    ["Neg", ["s"], ["n"]],
    ["Exp", ["n"], ["e"]],
    ["Add", ["e", "one"], ["a"]],
    ["Div", ["one", "a"], ["y"]],
  ],
  "the reciprocal of 1 + exp(−1 · x)": [
    ["Mul", ["minus", "s"], ["n"]],
    ["Exp", ["n"], ["e"]],
    ["Add", ["ones", "e"], ["a"]],
    ["Reciprocal", ["a"], ["y"]],
  ],
  "exp x / (1 + exp x)": [
    ["Exp", ["s"], ["e"]],
    ["Add", ["e", "one"], ["a"]],
    ["Div", ["e", "a"], ["y"]],
  ],
  "(1 + exp(0 − x)) ^ −1": [
    ["Sub", ["zero", "s"], ["n"]],
    ["Exp", ["n"], ["e"]],
    ["Add", ["e", "one"], ["a"]],
    ["Pow", ["a", "minus"], ["y"]],
  ],
};

const softmaxes: Record<string, Nodes> = {
  "exp / sum": [
    ["Exp", ["s"], ["e"]],
    ["ReduceSum", ["e", "last"], ["t"], { keepdims: 1 }],
    ["Div", ["e", "t"], ["y"]],
  ],
  "exp · reciprocal of the sum, whose axis comes back": [
    ["Exp", ["s"], ["e"]],
    ["ReduceSum", ["e", "axes"], ["d"], { keepdims: 0 }],
    ["Unsqueeze", ["d", "axes"], ["t"]],
    ["Reciprocal", ["t"], ["r"]],
    ["Mul", ["r", "e"], ["y"]],
  ],
  "exp(x − max) / sum": [
    ["ReduceMax", ["s"], ["m"], { axes: [1], keepdims: 1 }],
    ["Sub", ["s", "m"], ["z"]],
    ["Exp", ["z"], ["e"]],
    ["ReduceSum", ["e", "axes"], ["t"], { keepdims: 1 }],
    ["Div", ["e", "t"], ["y"]],
  ],
};

const logarithms: Record<string, Nodes> = {
  "z − log sum exp z, z = x − max": [
    ["ReduceMax", ["s"], ["m"], { axes: [1], keepdims: 1 }],
    ["Sub", ["s", "m"], ["z"]],
    ["Exp", ["z"], ["e"]],
    ["ReduceSum", ["e", "axes"], ["t"], { keepdims: 1 }],
    ["Log", ["t"], ["l"]],
    ["Sub", ["z", "l"], ["y"]],
  ],
  "the logarithm of a softmax": [
    ["Softmax", ["s"], ["p"]],
    ["Log", ["p"], ["y"]],
  ],
  "x − log sum exp x": [
    ["Exp", ["s"], ["e"]],
    ["ReduceSum", ["e", "axes"], ["t"], { keepdims: 1 }],
    ["Log", ["t"], ["l"]],
    ["Sub", ["s", "l"], ["y"]],
  ],
};

describe("written in pieces", () => {
  it.each(Object.entries(sigmoids))("sigmoid: %s", async (_, nodes) => {
    for (const options of [{}, { labels: ["cat", "dog"] }])
      await same(file(1, [["Sigmoid", ["s"], ["y"]]]), file(1, nodes), options);
    await same(file(3, [["Sigmoid", ["s"], ["y"]]]), file(3, nodes), { labels: ["a", "b", "c"] });
  });

  it.each(Object.entries(softmaxes))("softmax: %s", async (_, nodes) => {
    await same(file(3, [["Softmax", ["s"], ["y"]]]), file(3, nodes));
  });

  it.each(Object.entries(logarithms))("%s", async (_, nodes) => {
    await same(file(3, [["LogSoftmax", ["s"], ["y"]]]), file(3, nodes));
  });

  it("a softmax over the last axis says that the classes lie there", async () => {
    const nodes: Nodes = [
      ["Transpose", ["c"], ["q"], { perm: [0, 2, 3, 1] }],
      ["Exp", ["q"], ["e"]],
      ["ReduceSum", ["e", "last"], ["t"], { keepdims: 1 }],
      ["Div", ["e", "t"], ["y"]],
    ];
    using model = await loadModel(file(3, nodes));
    expect(model.output.name).toBe("q");
    expect(await model.predict(input)).toHaveLength(3);
    expect((await model.predict(input)).reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
  });

  it("asked for by name, it is a probability", async () => {
    using model = await loadModel(file(3, softmaxes["exp / sum"]), { output: "y" });
    expect((await saliency(model, input, { target: 0 })).notes.map(({ code }) => code)).toContain("probability-target");
  });

  it("what only looks like one is explained as it is", async () => {
    const others: Nodes[] = [
      [...sigmoids["1 / (1 + exp −x)"].slice(0, 2), ["Add", ["e", "two"], ["a"]], ["Div", ["one", "a"], ["y"]]],
      [...sigmoids["1 / (1 + exp −x)"].slice(0, 3), ["Div", ["two", "a"], ["y"]]],
      [
        ["Exp", ["s"], ["e"]],
        ["ReduceSum", ["s", "last"], ["t"], { keepdims: 1 }],
        ["Div", ["e", "t"], ["y"]],
      ],
      [
        ["Exp", ["s"], ["e"]],
        ["ReduceSum", ["e", "axes"], ["t"], { keepdims: 1 }],
        ["Div", ["s", "t"], ["y"]],
      ],
    ];
    for (const nodes of others) {
      using model = await loadModel(file(3, nodes));
      expect(model.output.name).toBe("y");
    }
  });
});
