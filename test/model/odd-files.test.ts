/** Files that say something else than they seem to: outputs that are constants, training mode, words that mean something to JavaScript. */
import { describe, expect, it } from "vitest";
import { type Attribute, Constant, type Graph } from "../../src/graph/ir";
import {
  deepLift,
  explain,
  gradCam,
  inspect,
  LayerError,
  loadModel,
  type Model,
  ModelError,
  occlusion,
  SeethroughError,
  saliency,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

const random = randomIntegers(8);
const picture = () => randomFloats(random, [1, 3, 8, 8]).floats();
const x = (): Tensor => Tensor.fromNCHW(picture(), [1, 3, 8, 8]);

/** What is said of the network; that nothing tells how pixels become numbers is true of all of these. */
const codes = ({ notes }: Pick<Model, "notes">): string[] =>
  notes.map(({ code }) => code).filter((code) => code !== "normalisation-assumed");

describe("an output that is a constant", () => {
  const constant = graphOf({
    inputs: { x: [1, 3, 8, 8] },
    constants: { scores: floats([1, 3], [1, 5, 2]), two: floats([], [2]) },
    nodes: [["Mul", ["scores", "two"], ["y"]]],
  });
  const ofTheShape = graphOf({
    inputs: { x: [1, 3, 8, 8] },
    constants: { one: floats([1], [7]) },
    nodes: [
      ["Shape", ["x"], ["s"]],
      ["Expand", ["one", "s"], ["y"]],
    ],
  });
  const whole = graphOf({ inputs: { x: [1, 3, 8, 8] }, nodes: [["Shape", ["x"], ["y"]]] });

  for (const memory of ["fast", "low"] as const) {
    it(`is what run and predict return, memory: ${memory}`, async () => {
      const model = await loadModel(writeOnnx(constant), { memory });
      expect((await model.run(x())).output).toEqual(new Tensor(Float32Array.of(2, 10, 4), [1, 3]));
      const [first, second] = await model.predict(x());
      expect([first.index, first.score, second.index, second.score]).toEqual([1, 10, 2, 4]);
      const sevens = await loadModel(writeOnnx(ofTheShape), { memory });
      const { output } = await sevens.run(x());
      expect(output.shape).toEqual([1, 8, 8, 3]);
      expect(output.data.every((value) => value === 7)).toBe(true);
      const extents = await loadModel(writeOnnx(whole), { memory });
      expect([...(await extents.run(x())).output.data]).toEqual([1, 3, 8, 8]);
    });
  }

  it("is said in the model's notes, and every method gives zeros and says why", async () => {
    const model = await loadModel(writeOnnx(constant));
    expect(codes(model)).toEqual(["constant-output"]);
    expect(inspect(model).findings.join()).toMatch(/The output "y" is the same whatever the input is/);
    const methods = [
      "saliency",
      "input-x-gradient",
      "integrated-gradients",
      "smooth-grad",
      "deep-lift",
      "lrp",
      "guided-backprop",
      "occlusion",
      "rise",
      "kernel-shap",
    ] as const;
    for (const method of methods) {
      const few = method === "rise" ? { masks: 8 } : method === "kernel-shap" ? { samples: 40 } : {};
      const { values, target, notes } = await explain(model, x(), { method, target: 1, ...few });
      // RISE weighs its masks by the score, which is what it is.
      if (method !== "rise")
        expect(
          values.data.every((value) => Math.abs(value) < 1e-12),
          method,
        ).toBe(true);
      expect(target.score, method).toBe(10);
      expect(
        notes.map(({ code }) => code),
        method,
      ).toContain("constant-output");
    }
    const lifted = await deepLift(model, x(), { target: 0 });
    expect(lifted.convergenceDelta).toBe(0);
    await expect(gradCam(model, x(), { target: 1 })).rejects.toThrow(LayerError);
  });

  it("is one of several, or an inner value asked for by name", async () => {
    const graph: Graph = graphOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: { a: floats([1, 2], [3, 4]), w: randomFloats(random, [2, 3, 8, 8]), flat: ints(1, 2) },
      nodes: [
        ["Neg", ["a"], ["k"]],
        ["Conv", ["x", "w"], ["c"]],
        ["Reshape", ["c", "flat"], ["f"]],
        ["Add", ["f", "k"], ["y"]],
      ],
      outputs: ["y"],
    });
    const inner = await loadModel(writeOnnx(graph), { output: "k" });
    expect([...(await inner.run(x())).output.data]).toEqual([-3, -4]);
    const model = await loadModel(writeOnnx(graph));
    expect(codes(model)).toEqual([]);
    const data = picture();
    const expected = await runReference(graph, { x: floats([1, 3, 8, 8], data) });
    const { output } = await model.run(Tensor.fromNCHW(data, [1, 3, 8, 8]));
    output.data.forEach((value, i) => {
      expect(value).toBeCloseTo(Number(expected.y.data[i]), 4);
    });
  });
});

describe("a Dropout in training mode", () => {
  const bool = (value: boolean): Constant => Constant.fromNumbers("bool", [Number(value)], []);
  const withDropout = (training: boolean, ratio = 0.5, names = ["d"]): Graph =>
    graphOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: { ratio: floats([], [ratio]), training: bool(training), w: randomFloats(random, [4, 3, 8, 8]) },
      nodes: [
        ...names.map((name, i): [string, string[], string[]] => [
          "Dropout",
          [i === 0 ? "x" : names[i - 1], "ratio", "training"],
          [name],
        ]),
        ["Conv", [names[names.length - 1], "w"], ["c"]],
        ["Flatten", ["c"], ["y"]],
      ],
    });

  it("is named in a note, and so is what was done about it", async () => {
    const model = await loadModel(writeOnnx(withDropout(true)));
    expect(codes(model)).toEqual(["dropout-inference"]);
    expect(model.notes[0].message).toMatch(/^Dropout "d" would drop values at random .* as in inference/);
    const { notes } = await saliency(model, x(), { target: 1 });
    expect(notes.map(({ code }) => code)).toContain("dropout-inference");
    const many = await loadModel(writeOnnx(withDropout(true, 0.5, ["a", "b", "c1", "d", "e"])));
    expect(many.notes[0].message).toMatch(/^Dropout "a", "b", "c1" and 2 more would/);
    // As without it.
    const plain = await loadModel(writeOnnx(withDropout(false)));
    expect(codes(plain)).toEqual([]);
  });

  it("is known where the mode is computed, and does not matter where nothing is dropped", async () => {
    const computed = graphOf({
      inputs: { x: [1, 3, 8, 8] },
      constants: { zero: ints(0), ratio: floats([], [0.3]) },
      nodes: [
        ["Equal", ["zero", "zero"], ["mode"]],
        ["Squeeze", ["mode"], ["training"]],
        ["Dropout", ["x", "ratio", "training"], ["d"]],
        ["GlobalAveragePool", ["d"], ["y"]],
      ],
    });
    expect(codes(await loadModel(writeOnnx(computed)))).toEqual(["dropout-inference"]);
    expect(codes(await loadModel(writeOnnx(withDropout(true, 0))))).toEqual([]);
  });
});

describe("words that are names of Object.prototype", () => {
  const words = ["toString", "__proto__", "constructor", "hasOwnProperty"];
  for (const word of words) {
    it(`as a mode: ${word}`, async () => {
      const only = (op: string, inputs: string[], attributes: Record<string, Attribute>) =>
        loadModel(
          writeOnnx(
            graphOf({
              inputs: { x: [1, 4, 8, 8] },
              constants: {
                pads: ints(0, 0, 1, 1, 0, 0, 1, 1),
                roi: floats([0], []),
                scales: floats([4], [1, 1, 2, 2]),
              },
              nodes: [[op, inputs, ["y"], attributes]],
            }),
          ),
        );
      const resize = ["x", "roi", "scales"];
      for (const attempt of [
        () => only("Pad", ["x", "pads"], { mode: word }),
        () => only("Resize", resize, { mode: word }),
        () => only("Resize", resize, { coordinate_transformation_mode: word }),
        () => only("Resize", resize, { nearest_mode: word }),
        () => only("DepthToSpace", ["x"], { blocksize: 2, mode: word }),
        () => only("Gelu", ["x"], { approximate: word }),
        () => only("MaxPool", ["x"], { kernel_shape: [2, 2], auto_pad: word }),
        () => only(word, ["x"], {}),
      ]) {
        await expect(attempt()).rejects.toThrow(SeethroughError);
        await expect(attempt()).rejects.toThrow(word);
      }
    });
  }

  it("values and nodes may bear them", async () => {
    const graph = graphOf({
      inputs: { toString: [1, 3, 4, 4] },
      nodes: [
        ["Relu", ["toString"], ["__proto__"]],
        ["Add", ["__proto__", "toString"], ["constructor"]],
        ["GlobalAveragePool", ["constructor"], ["hasOwnProperty"]],
      ],
    });
    const model = await loadModel(writeOnnx(graph));
    const { output, activations } = await model.run(new Tensor(new Float32Array(48).fill(2), [1, 4, 4, 3]), {
      capture: ["__proto__"],
    });
    expect([...output.data]).toEqual([4, 4, 4]);
    expect(activations.get("__proto__")?.data[0]).toBe(2);
  });
});

describeShared("cases/hostile", () => {
  it("06: an output that folds to a constant", async () => {
    const model = await loadModel(readShared("cases/hostile/06-output-folded-constant-returns-input.onnx"));
    const input = new Tensor(new Float32Array(3 * 64).fill(0.25), model.input.shape);
    const { output } = await model.run(input);
    expect(new Set(output.data)).toEqual(new Set([7]));
    const [first] = await model.predict(input);
    expect(first.score).toBe(7);
    const { values, notes } = await saliency(model, input, { target: 0 });
    expect(values.data.every((value) => value === 0)).toBe(true);
    expect(notes.map(({ code }) => code)).toContain("constant-output");
    await expect(occlusion(model, input, { target: 0, window: [4, 4], stride: [4, 4] })).resolves.toBeDefined();
  });

  for (const file of ["07-pad-mode-proto-TypeError", "07-pad-mode-toString-silent-zeros"]) {
    it(`${file}: the mode is named`, async () => {
      await expect(loadModel(readShared(`cases/hostile/${file}.onnx`))).rejects.toThrow(ModelError);
      await expect(loadModel(readShared(`cases/hostile/${file}.onnx`))).rejects.toThrow(/the mode ".*" is not one of/);
    });
  }

  it("07: a coordinate mode of Resize is named", async () => {
    const attempt = loadModel(readShared("cases/hostile/07-resize-ctm-toString-NaN.onnx"));
    await expect(attempt).rejects.toThrow(/coordinate_transformation_mode "toString" is not supported/);
  });
});
