/** What jumps, chooses or repeats, as relevance, DeepLIFT and gradients see it. */
import { describe, expect, it } from "vitest";
import {
  type Attribution,
  deepLift,
  loadModel,
  lrp,
  saliency,
  Tensor,
  UnsupportedOperatorError,
} from "../../../src/index";
import { writeOnnx } from "../../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../../graph/build";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];
const random = randomIntegers(5);
const image = (): Tensor => new Tensor(randomFloats(random, [1, 6, 6, 3]).floats(), [1, 6, 6, 3]);
const [input, baseline] = [image(), image()];
const constants = {
  w: randomFloats(random, [4, 3, 3, 3]),
  v: randomFloats(random, [4, 3, 3, 3]),
  bound: floats([], [0.05]),
  half: floats([], [0.5]),
  two: ints(2),
  grid: floats([1, 2, 2, 2], [-0.4, -0.4, 0.3, -0.6, -0.5, 0.2, 0.6, 0.7]),
  axis: ints(2),
  shape: ints(1, 6, 12, 2),
};

/** Two maps a and b, what is made of them, and the mean of the result y. */
const model = (nodes: Nodes) =>
  loadModel(
    writeOnnx(
      graphOf({
        inputs: { x: [1, 3, 6, 6] },
        outputs: ["out"],
        constants,
        nodes: [
          ["Conv", ["x", "w"], ["a"], { pads: [1, 1, 1, 1] }],
          ["Conv", ["x", "v"], ["b"], { pads: [1, 1, 1, 1] }],
          ...nodes,
          ["GlobalAveragePool", ["y"], ["mean"]],
          ["Flatten", ["mean"], ["out"]],
        ],
      }),
    ),
  );

const sum = ({ values }: Attribution): number => values.data.reduce((total, value) => total + value, 0);
const scoreOf = async (network: Awaited<ReturnType<typeof model>>, given: Tensor): Promise<number> =>
  (await network.run(given)).output.data[1];

const larger: Nodes = [["Max", ["a", "b"], ["y"]]];
const chosen: Nodes = [
  ["Greater", ["b", "bound"], ["c"]],
  ["Where", ["c", "a", "b"], ["y"]],
];
const sloped: Nodes = [["PRelu", ["a", "b"], ["y"]]];
const lookedUp: Nodes = [["GridSample", ["a", "grid"], ["y"]]];
const ownPlaces: Nodes = [
  ["Tanh", ["b"], ["t"]],
  ["Reshape", ["t", "shape"], ["g"]],
  ["GridSample", ["a", "g"], ["y"], { padding_mode: "border" }],
];
const cumulated: Nodes = [
  ["Add", ["a", "b"], ["s"]],
  ["CumSum", ["s", "axis"], ["y"]],
];

describe("relevance by epsilon comes to the score through", () => {
  it.each<[string, Nodes]>([
    ["the larger of two computed values", larger],
    ["a choice by what is computed", chosen],
    ["a slope that is computed", sloped],
    ["constant places", lookedUp],
    ["places that are computed", ownPlaces],
    ["a running sum", cumulated],
  ])("%s", async (_, nodes) => {
    using network = await model(nodes);
    const score = await scoreOf(network, input);
    const attribution = await lrp(network, input, { target: 1, composite: "epsilon" });
    expect(Math.abs(score)).toBeGreaterThan(1e-3);
    expect(Math.abs(sum(attribution) / score - 1)).toBeLessThan(0.01);
  });
});

describe("DeepLIFT", () => {
  it.each<[string, Nodes]>([
    ["the larger of two computed values", larger],
    ["a slope that is computed", sloped],
    [
      "a power of two computed values",
      [
        ["Exp", ["a"], ["e"]],
        ["Pow", ["e", "b"], ["y"]],
      ],
    ],
    ["a function of one number that jumps", [["Round", ["a"], ["y"]]]],
    [
      "a comparison with a constant",
      [
        ["Greater", ["a", "bound"], ["g"]],
        ["Cast", ["g"], ["y"], { to: 1 }],
      ],
    ],
  ])("divides the whole difference through %s", async (_, nodes) => {
    using network = await model(nodes);
    const difference = (await scoreOf(network, input)) - (await scoreOf(network, baseline));
    const attribution = await deepLift(network, input, { target: 1, baseline });
    expect(Math.abs(difference)).toBeGreaterThan(1e-3);
    expect(Math.abs(sum(attribution) / difference - 1)).toBeLessThan(0.01);
  });

  it("refuses a choice between values by what is computed", async () => {
    using network = await model(chosen);
    const refused = deepLift(network, input, { target: 1, baseline });
    await expect(refused).rejects.toThrow(UnsupportedOperatorError);
    await expect(refused).rejects.toThrow(/jumps by what is computed of several numbers/);
  });
});

it("a note says where the gradient dies in a jump", async () => {
  using network = await model([["Round", ["a"], ["y"]]]);
  const attribution = await saliency(network, input, { target: 1 });
  expect(attribution.values.data.every((value) => value === 0)).toBe(true);
  const messages = attribution.notes.map(({ message }) => message).join("\n");
  expect(messages).toContain('Round "y" jumps and is level in between');
});

it("computes with whole numbers and booleans of the image where ONNX means the same", async () => {
  using network = await model([
    ["Cast", ["a"], ["i"], { to: 7 }],
    ["Cast", ["b"], ["j"], { to: 9 }],
    ["Mul", ["i", "i"], ["k"]],
    ["Where", ["j", "k", "i"], ["l"]],
    ["Cast", ["l"], ["y"], { to: 1 }],
  ]);
  expect(Number.isFinite(await scoreOf(network, input))).toBe(true);
  const halved = (nodes: Nodes) => model([["Cast", ["a"], ["i"], { to: 7 }], ["Mul", ["i", "i"], ["k"]], ...nodes]);
  using divided = await halved([
    ["Div", ["k", "two"], ["h"]],
    ["Cast", ["h"], ["y"], { to: 1 }],
  ]);
  using floored = await halved([
    ["Cast", ["k"], ["f"], { to: 1 }],
    ["Mul", ["f", "half"], ["h"]],
    ["Floor", ["h"], ["y"]],
  ]);
  const whole = await scoreOf(floored, input);
  expect(whole).not.toBe(0);
  expect(await scoreOf(divided, input)).toBe(whole);
  const averaged = halved([
    ["ReduceMean", ["k"], ["m"], { keepdims: 1 }],
    ["Cast", ["m"], ["y"], { to: 1 }],
  ]);
  await expect(averaged).rejects.toThrow(/ReduceMean .*it computes with integers from the image; cast them to floats/);
});
