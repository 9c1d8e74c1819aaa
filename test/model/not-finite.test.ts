/** NaN, infinity, ties and numbers at the ends of float32: a clear word or the right value, never a black picture. */
import { describe, expect, it } from "vitest";
import { type Attribute, Constant } from "../../src/graph/ir";
import {
  boundingBox,
  explain,
  gradCam,
  heatmap,
  heatmapImage,
  InputError,
  loadModel,
  type Model,
  ModelError,
  occlusion,
  overlay,
  saliency,
  Tensor,
} from "../../src/index";
import { checkWeights } from "../../src/model/not-finite";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

const random = randomIntegers(31);
const weights = (...shape: number[]): Constant => randomFloats(random, shape);
const three = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
type Nodes = [string, string[], string[], Record<string, Attribute>?][];
const bytes = (nodes: Nodes, constants: Record<string, Constant>): Uint8Array =>
  writeOnnx(graphOf({ inputs: { x: [1, 3, 8, 8] }, constants, nodes }));
const head: Nodes = [
  ["GlobalAveragePool", ["r"], ["gap"]],
  ["Flatten", ["gap"], ["y"]],
];
const picture = new Tensor(weights(192).floats(), [1, 8, 8, 3]);

const withValue = (constant: Constant, at: number, value: number): Constant => {
  const data = constant.floats().slice();
  data[at] = value;
  return floats(constant.shape, data);
};

describeShared("the case with NaN in its weights", () => {
  it("is refused with the node and the weight", async () => {
    const file = readShared("cases/hostile/09-nan-weights-silent.onnx");
    await expect(loadModel(file)).rejects.toThrow(ModelError);
    await expect(loadModel(file)).rejects.toThrow(
      /: the weight ".*" \(.*\) is NaN at element \d+, so every score would be meaningless/,
    );
  });
});

describe("weights", () => {
  const nodes: Nodes = [["Conv", ["x", "w", "b"], ["c"], three], ["Relu", ["c"], ["r"]], ...head];
  for (const [value, text] of [
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
  ] as const) {
    it(`${text} in a weight, or a bias, in both memory modes`, async () => {
      const [w, b] = [weights(4, 3, 3, 3), weights(4)];
      for (const memory of ["fast", "low"] as const) {
        await expect(loadModel(bytes(nodes, { w: withValue(w, 5, value), b }), { memory })).rejects.toThrow(
          `Conv "c": the weight "w" (4×3×3×3) is ${text} at element 5`,
        );
        await expect(loadModel(bytes(nodes, { w, b: withValue(b, 3, value) }), { memory })).rejects.toThrow(
          `Conv "c": the weight "b" (4) is ${text} at element 3`,
        );
      }
    });
  }

  it("is found at every place, wherever in the file the weights begin", async () => {
    const refused = async (values: readonly number[], offset: number): Promise<number | undefined> => {
      const file = new Uint8Array(offset + 4 * values.length + 1).fill(0xff);
      file.set(new Uint8Array(Float32Array.from(values).buffer), offset);
      const view = file.subarray(offset, offset + 4 * values.length);
      const w = Constant.fromBytes(view, "float32", [values.length]);
      const nodes = [{ name: "m", op: "MatMul", inputs: ["x", "w"], outputs: ["y"], attributes: new Map() }];
      try {
        await checkWeights({ nodes, constants: new Map([["w", w]]) } as never, async () => {});
        return undefined;
      } catch (error) {
        return Number(/ at element (\d+),/.exec(String(error))?.[1]);
      }
    };
    for (let offset = 0; offset < 4; offset++) {
      for (const size of [1, 2, 5, 9]) {
        const plain = Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 3.4e38 : -1e-45) / (i + 1));
        expect(await refused(plain, offset), `${size} from ${offset}`).toBeUndefined();
        for (let at = 0; at < size; at++) {
          for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
            const label = `${value} at ${at} of ${size} from ${offset}`;
            expect(await refused(plain.with(at, value), offset), label).toBe(at);
            // Beside nothing else that is suspicious.
            const ones = new Array<number>(size).fill(1);
            expect(await refused(ones.with(at, value), offset), label).toBe(at);
          }
        }
      }
    }
  });

  it("is found beyond the first two gigabytes of a file too", async () => {
    // Never touched but at its end, so it takes no memory.
    const file = new Uint8Array(2 ** 31 + 64);
    const check = (bytes: Uint8Array): Promise<void> => {
      const w = Constant.fromBytes(bytes, "float32", [bytes.length / 4]);
      const nodes = [{ name: "m", op: "MatMul", inputs: ["x", "w"], outputs: ["y"], attributes: new Map() }];
      return checkWeights({ nodes, constants: new Map([["w", w]]) } as never, async () => {});
    };
    for (let offset = 0; offset < 4; offset++) {
      const weights = file.subarray(2 ** 31 + offset, 2 ** 31 + offset + 32);
      await expect(check(weights)).resolves.toBeUndefined();
      const view = new DataView(weights.buffer, weights.byteOffset, weights.byteLength);
      view.setFloat32(12, Number.NaN, true);
      await expect(check(weights)).rejects.toThrow("is NaN at element 3");
      view.setFloat32(12, 0, true);
    }
    await expect(check(file)).resolves.toBeUndefined();
  }, 60_000);

  it.each([
    ["LeakyRelu", { alpha: Number.NaN }],
    ["Elu", { alpha: Number.NaN }],
    ["Selu", { gamma: Number.NaN }],
  ])("an attribute of %s that is NaN is refused", async (op, attributes) => {
    const [w, b] = [weights(4, 3, 3, 3), weights(4)];
    const wrong: Nodes = [["Conv", ["x", "w", "b"], ["c"], three], [op, ["c"], ["r"], attributes], ...head];
    const file = writeOnnx(graphOf({ inputs: { x: [1, 3, 8, 8] }, constants: { w, b }, nodes: wrong }));
    await expect(loadModel(file)).rejects.toThrow(
      new RegExp(`${op} "r": the attribute "${Object.keys(attributes)[0]}" is NaN`),
    );
  });

  it("an infinite mask or bound is no mistake", async () => {
    const masked: Nodes = [
      ["Conv", ["x", "w", "b"], ["c"], three],
      ["Relu", ["c"], ["r"]],
      ["GlobalAveragePool", ["r"], ["gap"]],
      ["Flatten", ["gap"], ["flat"]],
      ["Add", ["flat", "mask"], ["y"]],
    ];
    const mask = floats([1, 4], [0, Number.NEGATIVE_INFINITY, 0, 0]);
    const model = await loadModel(bytes(masked, { w: weights(4, 3, 3, 3), b: weights(4), mask }));
    const predictions = await model.predict(picture, { top: 4 });
    expect(predictions[3]).toEqual({ index: 1, score: Number.NEGATIVE_INFINITY, probability: 0 });
    await expect(saliency(model, picture, { target: 1 })).rejects.toThrow(InputError);
    expect((await saliency(model, picture, { target: 0 })).values.data.every(Number.isFinite)).toBe(true);
  });
});

describe("runs that leave the numbers", () => {
  /** 1e38 times the maps, which overflow. */
  const overflowing = (): Promise<Model> =>
    loadModel(
      bytes(
        [
          ["Conv", ["x", "w"], ["c"], three],
          ["Mul", ["c", "huge"], ["large"]],
          ["Mul", ["large", "huge"], ["r"]],
          ...head,
        ],
        { w: weights(4, 3, 3, 3), huge: floats([1, 4, 1, 1], [1e30, 1e30, 1e30, 1e30]) },
      ),
    );

  it("predict and every kind of method name the first layer", async () => {
    const model = await overflowing();
    const text =
      /The score of (class|target) \d is -?(NaN|Infinity), which is no evidence for anything: look at Mul "r" \(1×4×8×8\), where values that are not finite begin/;
    await expect(model.predict(picture)).rejects.toThrow(text);
    for (const method of [
      "saliency",
      "grad-cam",
      "integrated-gradients",
      "deep-lift",
      "lrp",
      "occlusion",
      "eigen-cam",
      "full-grad",
    ] as const)
      await expect(explain(model, picture, { method, target: 1 })).rejects.toThrow(text);
  });

  it("a gradient that is not finite is noted with its layer, and its heatmap refused", async () => {
    // Of a black picture nothing overflows; its gradient is 1e60.
    const model = await overflowing();
    const black = new Tensor(new Float32Array(192), [1, 8, 8, 3]);
    expect((await model.predict(black))[0].score).toBe(0);
    const attribution = await saliency(model, black, { target: 1 });
    expect(attribution.values.data.every(Number.isFinite)).toBe(false);
    const found = attribution.notes.find(({ code }) => code === "not-finite");
    expect(found?.message).toContain('the gradient at the output of Conv "c"');
    expect(() => heatmap(attribution)).toThrow(InputError);
  });

  it("a picture without any variance, divided by it", async () => {
    const model = await loadModel(
      bytes(
        [
          ["Conv", ["x", "w"], ["c"], three],
          ["InstanceNormalization", ["c", "scale", "shift"], ["r"], { epsilon: 0 }],
          ...head,
        ],
        { w: weights(4, 3, 3, 3), scale: weights(4), shift: weights(4) },
      ),
    );
    await expect(model.predict(new Tensor(new Float32Array(192), [1, 8, 8, 3]))).rejects.toThrow(
      /NaN.*InstanceNormalization "r"/,
    );
  });

  it("a black box's map and hand-made heatmaps", async () => {
    const box = async (batch: Tensor): Promise<Float32Array> =>
      Float32Array.from({ length: batch.shape[0] }, () => Number.NaN);
    await expect(occlusion(box, picture)).rejects.toThrow(InputError);
    const broken = { data: Float32Array.of(0, Number.NaN, 1, 0), width: 2, height: 2, signed: false };
    const photo = { data: new Uint8Array(16), width: 2, height: 2 };
    expect(() => overlay(photo, broken)).toThrow("The heatmap is not finite: number 1 is NaN.");
    expect(() => heatmapImage(broken)).toThrow(InputError);
    expect(() => boundingBox(broken)).toThrow(InputError);
  });
});

describe("the ends of float32", () => {
  const linear = async (scores: readonly number[], softmax = false): Promise<Model> => {
    const nodes: Nodes = [
      ["Conv", ["x", "w", "b"], ["r"], three],
      ["GlobalAveragePool", ["r"], ["gap"]],
      ["Flatten", ["gap"], ["flat"]],
      ...((softmax ? [["Softmax", ["flat"], ["y"], { axis: 1 }]] : []) as Nodes),
    ];
    const w = floats([scores.length, 3, 3, 3], new Float32Array(scores.length * 27));
    return loadModel(bytes(nodes, { w, b: floats([scores.length], scores) }));
  };

  it("a softmax of 1e30 does not overflow, in the file and of logits", async () => {
    const scores = [1e30, 1e30, -1e30, 3e36];
    for (const softmax of [false, true]) {
      const model = await linear(scores, softmax);
      const predictions = await model.predict(picture, { top: 4 });
      expect(predictions.map(({ index, probability }) => [index, probability])).toEqual([
        [3, 1],
        [0, 0],
        [1, 0],
        [2, 0],
      ]);
      const { output } = await model.run(picture);
      if (softmax) expect([...output.data]).toEqual([0, 0, 0, 1]);
    }
  });

  it("of classes that tie the first is on top, for predict and for 'top'", async () => {
    const model = await linear([0.25, 2, 2, 2]);
    expect((await model.predict(picture, { top: 4 })).map(({ index }) => index)).toEqual([1, 2, 3, 0]);
    expect((await gradCam(model, picture, { layer: "r" })).target.index).toBe(1);
  });

  it("denormal weights make denormal scores, not zero", async () => {
    const model = await linear([1e-40, 2e-40]);
    const [best] = await model.predict(picture);
    expect(best.index).toBe(1);
    expect(best.score).toBeCloseTo(2e-40, 44);
    expect(best.score).toBeGreaterThan(0);
  });
});
