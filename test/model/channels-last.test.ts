/** Images channels last behind a scaling of the pixels, as converters write Rescaling and Normalization layers. */
import { describe, expect, it } from "vitest";
import type { Attribute, Constant } from "../../src/graph/ir";
import { gradCam, loadModel, saliency, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

type Nodes = [string, string[], string[], Record<string, Attribute>?][];
const random = randomIntegers(31);
const constants: Record<string, Constant> = {
  scale: floats([], [1 / 127.5]),
  mean: floats([3], [123.7, 116.3, 103.5]),
  std: floats([1, 1, 1, 3], [58.4, 57.1, 57.4]),
  bias: floats([1, 1, 3], [0.1, -0.2, 0.3]),
  map: randomFloats(random, [1, 6, 8, 1]),
};
const fronts: Record<string, Nodes> = {
  "a factor": [["Mul", ["x", "scale"], ["a"]]],
  "mean and deviation per channel": [
    ["Sub", ["x", "mean"], ["b"]],
    ["Div", ["b", "std"], ["a"]],
  ],
  "a cast, a factor and a shift from the left": [
    ["Cast", ["x"], ["b"], { to: 1 }],
    ["Mul", ["scale", "b"], ["scaled"]],
    ["Sub", ["bias", "scaled"], ["a"]],
  ],
  "another shift at every place": [["Add", ["x", "map"], ["a"]]],
};

describe("an input channels last", () => {
  for (const [name, front] of Object.entries(fronts)) {
    it(`behind ${name}`, async () => {
      const graph = graphOf({
        inputs: { x: [1, 6, 8, 3] },
        constants: { ...constants, w: randomFloats(random, [4, 3, 3, 3]) },
        nodes: [
          ...front,
          ["Transpose", ["a"], ["t"], { perm: [0, 3, 1, 2] }],
          ["Conv", ["t", "w"], ["c"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
          ["Relu", ["c"], ["r"]],
          ["GlobalAveragePool", ["r"], ["g"]],
          ["Flatten", ["g"], ["y"]],
        ],
      });
      const model = await loadModel(writeOnnx(graph));
      expect(model.input.shape).toEqual([1, 6, 8, 3]);
      const data = randomFloats(random, [1, 6, 8, 3])
        .floats()
        .map((value) => 127 + 120 * value);
      const expected = (await runReference(graph, { x: floats([1, 6, 8, 3], data) })).y.data as Float32Array;
      const { output } = await model.run(new Tensor(data, [1, 6, 8, 3]));
      output.data.forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThan(1e-4 * (1 + Math.abs(expected[i])));
      });
      const picture = { data: new Uint8Array(6 * 8 * 3).fill(99), width: 8, height: 6 };
      expect((await saliency(model, picture, { target: 1 })).inputSize).toEqual({ width: 8, height: 6 });
      expect((await gradCam(model, picture, { target: 1 })).layer).toBe("r");
      const said = model.notes.filter(({ code }) => code === "own-scaling");
      expect(said.length).toBe(name.startsWith("another") ? 0 : 1);
      // One note says what is assumed of pixels.
      const assumed = model.notes.filter(({ code }) => code === "normalisation-assumed");
      expect(assumed.length + said.length).toBe(1);
      const known = await loadModel(writeOnnx(graph), { preprocess: { range: [0, 255] } });
      expect(known.notes.filter(({ code }) => code === "own-scaling")).toEqual([]);
    });
  }
});

describeShared("cases/channels-last-after-scaling", () => {
  it("is a 64×64 picture", async () => {
    const model = await loadModel(readShared("cases/channels-last-after-scaling/model.onnx"));
    expect(model.input.shape).toEqual([1, 64, 64, 3]);
    const picture = { data: new Uint8Array(64 * 64 * 3).fill(99), width: 64, height: 64 };
    expect((await saliency(model, picture, { target: 0 })).values.shape).toEqual([1, 64, 64, 3]);
  });
});
