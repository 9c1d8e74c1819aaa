/** Networks in which an element-wise operator raises a value's rank, from the file to the explanation. */
import { describe, expect, it } from "vitest";
import { deepLift, inputXGradient, loadModel, lrp, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

const random = randomIntegers(21);
const numbers = (...shape: number[]) => randomFloats(random, shape);

/** [1, 7, 8] of two computed values, one of them under rank 4, an extremum and a convolution behind it. */
const network = graphOf({
  inputs: { x: [1, 7, 8] },
  constants: {
    scale: numbers(1, 1, 1, 8),
    least: floats([1, 1, 1, 1], [-0.2]),
    shape: ints(1, 1, 7, 8),
    w: numbers(3, 1, 7, 8),
  },
  nodes: [
    ["Tanh", ["x"], ["t"]],
    ["Reshape", ["x", "shape"], ["r"]],
    ["Mul", ["x", "scale"], ["m"]],
    ["Sub", ["t", "r"], ["s"]],
    ["Add", ["m", "s"], ["a"]],
    ["Max", ["a", "least"], ["b"]],
    ["Max", ["t", "least"], ["c"]],
    ["Sum", ["b", "c", "x"], ["d"]],
    ["Conv", ["d", "w"], ["e"]],
    ["Flatten", ["e"], ["y"]],
  ],
});
const weights = network.constants.get("w")?.floats() as Float32Array;
const scale = network.constants.get("scale")?.floats() as Float32Array;

/** What the first class gets from every element, and the derivative of that, in float64. */
function expected(x: Float32Array) {
  const b = (v: number, i: number): number => v * scale[i % 8] + Math.tanh(v) - v;
  const slope = (v: number, i: number): number => scale[i % 8] - Math.tanh(v) ** 2;
  const t = (v: number): number => Math.tanh(v);
  return {
    parts: Array.from(x, (v, i) => weights[i] * (Math.max(b(v, i), -0.2) + Math.max(t(v), -0.2) + v)),
    gradient: Array.from(
      x,
      (v, i) => weights[i] * ((b(v, i) > -0.2 ? slope(v, i) : 0) + (t(v) > -0.2 ? 1 - Math.tanh(v) ** 2 : 0) + 1),
    ),
  };
}

const close = (actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 2e-6): void => {
  expect(actual.length).toBe(wanted.length);
  const largest = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  for (let i = 0; i < wanted.length; i++)
    expect(Math.abs(actual[i] - wanted[i]) / largest, `element ${i}`).toBeLessThan(tolerance);
};

describe("a value whose rank an element-wise operator raises", () => {
  const [data, from] = [numbers(1, 7, 8).floats(), numbers(1, 7, 8).floats()];
  const [x, baseline] = [new Tensor(data, [1, 7, 8]), new Tensor(from, [1, 7, 8])];

  for (const memory of ["fast", "low"] as const) {
    it(`has onnxruntime's result, its gradient and its contributions, memory: ${memory}`, async () => {
      const model = await loadModel(writeOnnx(network), { memory });
      const [here, there] = [expected(data), expected(from)];
      const { output } = await model.run(x);
      close(output.data, (await runReference(network, { x: floats([1, 7, 8], data) })).y.data as Float32Array);
      close(
        (await inputXGradient(model, x, { target: 0 })).values.data,
        here.gradient.map((slope, i) => slope * data[i]),
      );
      const lifted = await deepLift(model, x, { target: 0, baseline });
      // Each element goes its own way to the convolution, and through several operators: what is complete for all of them together
      // is complete for each.
      close(
        lifted.values.data,
        here.parts.map((part, i) => part - there.parts[i]),
        1e-5,
      );
      expect(Math.abs(lifted.convergenceDelta as number)).toBeLessThan(1e-5);
    });
  }

  it("keeps its relevance at its own places", async () => {
    const graph = graphOf({
      inputs: { x: [1, 7, 8] },
      constants: { scale: floats([1, 1, 1, 8], new Array(8).fill(2)), w: numbers(1, 1, 7, 8) },
      nodes: [
        ["Mul", ["x", "scale"], ["m"]],
        ["Conv", ["m", "w"], ["c"]],
        ["Flatten", ["c"], ["y"]],
      ],
    });
    const model = await loadModel(writeOnnx(graph));
    const w = graph.constants.get("w")?.floats() as Float32Array;
    const { values } = await lrp(model, x, { target: 0, composite: "epsilon", epsilon: 1e-9 });
    close(
      values.data,
      data.map((value, i) => 2 * value * w[i]),
      1e-4,
    );
  });

  it("lists the nodes of the file alone, and captures them", async () => {
    const model = await loadModel(writeOnnx(network));
    expect(model.layers.map(({ name }) => name)).toEqual(network.nodes.map(({ name }) => name));
    const { activations } = await model.run(x, { capture: ["m", "t"] });
    expect(activations.get("t")?.shape).toEqual([1, 7, 8]);
    close(
      activations.get("m")?.data ?? [],
      data.map((value, i) => value * scale[i % 8]),
    );
  });
});

describeShared("cases/rank-raising-broadcast", () => {
  for (const [file, shape] of [
    ["constant", [1, 7, 8]],
    ["scalar", [1, 6, 5]],
  ] as const) {
    it(`${file}.onnx`, async () => {
      const bytes = readShared(`cases/rank-raising-broadcast/${file}.onnx`);
      const data = numbers(...shape).floats();
      const { output } = await (await loadModel(bytes)).run(new Tensor(data, shape));
      const [wanted] = Object.values(await runReference(bytes, { x: floats(shape, data) }));
      close(output.toNCHW(), wanted.data as Float32Array);
    });
  }
});
