/** Two networks of one training in two formats or two number systems, and pairs that cannot be compared. */
import { readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { beforeAll, describe, expect, it } from "vitest";
import { type AuditImage, audit, compareModels, decodeImage, InputError, loadModel, type Model } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";
import { filesOf, seedWeights } from "../tfjs/harness";

let images: AuditImage[];
let petshop: Model;
beforeAll(async () => {
  const names = ["scene-cat-00", "lawn-dog-01", "scene-fish-02"];
  images = await Promise.all(
    names.map(async (id) => ({
      id,
      image: await decodeImage(new Uint8Array(readFileSync(`examples/images/${id}.png`))),
    })),
  );
  petshop = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
});

describe("compareModels", () => {
  it("finds nothing different of one network as TensorFlow.js and as ONNX", async () => {
    const { layers } = tfl;
    const network = tfl.sequential({
      layers: [
        layers.conv2d({ filters: 6, kernelSize: 3, inputShape: [32, 32, 3], name: "conv", activation: "relu" }),
        layers.globalAveragePooling2d({ name: "pool" }),
        layers.dense({ units: 3, name: "scores" }),
      ],
    });
    seedWeights(network);
    const [kernel, bias, dense, offset] = network.getWeights();
    const constant = (tensor: tf.Tensor): ReturnType<typeof floats> => floats(tensor.shape, [...tensor.dataSync()]);
    const onnx = writeOnnx(
      graphOf({
        inputs: { x: [1, 3, 32, 32] },
        constants: {
          w: constant(tf.transpose(kernel, [3, 2, 0, 1])),
          b: constant(bias),
          v: constant(dense),
          c: constant(offset),
        },
        nodes: [
          ["Conv", ["x", "w", "b"], ["conv"]],
          ["Relu", ["conv"], ["relu"]],
          ["GlobalAveragePool", ["relu"], ["pool"]],
          ["Flatten", ["pool"], ["flat"]],
          ["Gemm", ["flat", "v", "c"], ["scores"]],
        ],
      }),
    );
    const [one, other] = [await loadModel(onnx), await loadModel(await filesOf(network))];
    const found = await compareModels(one, other, images);
    expect(found.agreement).toBe(1);
    expect(found.correlation).toBeGreaterThan(0.9999);
    for (const { a, b } of found.images) expect(a.probability).toBeCloseTo(b.probability, 5);
  });

  it("refuses networks whose answers nobody can match, before the first picture", async () => {
    const none: AuditImage[] = [{ id: "a", image: () => Promise.reject(new Error("nobody asked")) }];
    const bytes = new Uint8Array(readFileSync("models/petshop.onnx"));
    const labels = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
    const strangers = await loadModel(bytes, { labels });
    const network = tfl.sequential({
      layers: [tfl.layers.flatten({ inputShape: [8, 8, 3] }), tfl.layers.dense({ units: 3 })],
    });
    seedWeights(network);
    const three = await loadModel(await filesOf(network));
    const refusals = [
      [three, /^petshop\S* has 8 classes and .* has 3, and without names of both nobody knows which are the same\./],
      [strangers, /have no class in common: one begins with ".*", the other with "one"\./],
    ] as const;
    for (const [other, message] of refusals) {
      for (const options of [{}, { onError: "skip" }] as const) {
        const refused = compareModels(petshop, other, none, options);
        await expect(refused).rejects.toThrow(InputError);
        await expect(refused).rejects.toThrow(message);
      }
    }
    const control = audit(petshop, none, { control: three });
    await expect(control).rejects.toThrow("has 8 classes and");
    // By their names classes are the same wherever they stand; one of them alone is enough to compare, not to control.
    const { labels: own = [] } = petshop;
    const other = await loadModel(bytes, { labels: [...own.slice(1), "unicorn"] });
    expect((await compareModels(petshop, other, images)).agreement).toBe(0);
    await expect(audit(petshop, none, { control: other })).rejects.toThrow(`has no class "${own[0]}", which petshop`);
  });

  it("asks a control about the class of the same name", async () => {
    const { labels = [] } = petshop;
    const bytes = new Uint8Array(readFileSync("models/petshop.onnx"));
    const turned = await loadModel(bytes, { labels: [...labels.slice(1), labels[0]] });
    const [byName, byNumber] = [
      await audit(petshop, images, { control: turned }),
      await audit(petshop, images, { control: await loadModel(bytes) }),
    ];
    // The evidence for another class of the same network lies elsewhere.
    for (const [i, { evidence, control }] of byName.images.entries()) {
      expect(byNumber.images[i].control).toEqual(evidence);
      expect(control).not.toEqual(evidence);
    }
  });
});

describeShared("compareModels of a network and its quantised one", () => {
  it.each([
    ["resnet8-cifar10", [0, 255]],
    ["vww-96", [0, 1]],
  ] as const)("%s: the same answers, the evidence close but not the same", async (name, range) => {
    const [float, int8] = await Promise.all(
      ["float", "int8"].map((kind) =>
        loadModel(readShared(`models/deployed/${name}-${kind}.tflite`), { preprocess: { range } }),
      ),
    );
    const found = await compareModels(float, int8, images);
    expect(found.agreement).toBe(1);
    expect(found.correlation).toBeGreaterThan(0.9);
    expect(found.correlation).toBeLessThan(1);
  });
});
