import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { describe, expect, it } from "vitest";
import { loadModel, type Tensor } from "../../src/index";
import { compare, compareChannelsFirst, expectAlike, filesOf, input, seedWeights, tensorOf } from "./harness";

const { layers } = tfl;
type Layer = tfl.layers.Layer;

/** A classifier around the layers of interest. */
const classifier = (inputShape: number[], ...inner: Layer[]): tfl.LayersModel => {
  const [first, ...rest] = inner;
  const start = tfl.input({ shape: inputShape, name: "image" });
  const end = rest.reduce((x, layer) => layer.apply(x) as tfl.SymbolicTensor, first.apply(start) as tfl.SymbolicTensor);
  const flat = end.shape.length > 2 ? (layers.flatten({ name: "flat" }).apply(end) as tfl.SymbolicTensor) : end;
  const scores = layers.dense({ units: 2, name: "scores" }).apply(flat) as tfl.SymbolicTensor;
  return tfl.model({ inputs: start, outputs: scores });
};

const image = [9, 8, 3];
const signal = [11, 4];
const maps = [4, 5, 6];

/** Every layer with the options that change what it computes. */
const cases: Readonly<Record<string, () => tfl.LayersModel>> = {
  "Conv2D, same, odd strides": () =>
    classifier(image, layers.conv2d({ filters: 5, kernelSize: [3, 2], strides: [2, 3], padding: "same" })),
  "Conv2D, same, even kernel": () => classifier(image, layers.conv2d({ filters: 5, kernelSize: 4, padding: "same" })),
  "Conv2D, dilated, without bias": () =>
    classifier(image, layers.conv2d({ filters: 4, kernelSize: 3, dilationRate: 2, padding: "same", useBias: false })),
  "Conv2D, 1×1": () => classifier(image, layers.conv2d({ filters: 4, kernelSize: 1, activation: "relu" })),
  "Conv1D, same": () => classifier(signal, layers.conv1d({ filters: 5, kernelSize: 4, strides: 2, padding: "same" })),
  "Conv1D, valid, dilated": () => classifier(signal, layers.conv1d({ filters: 5, kernelSize: 3, dilationRate: 2 })),
  DepthwiseConv2D: () =>
    classifier(image, layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: "same", strides: [2, 2] })),
  SeparableConv2D: () =>
    classifier(
      image,
      layers.separableConv2d({
        filters: 4,
        kernelSize: 3,
        depthMultiplier: 2,
        strides: 2,
        padding: "same",
        activation: "tanh",
      }),
    ),
  "Conv2DTranspose, same": () =>
    classifier(maps, layers.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding: "same" })),
  "Conv2DTranspose, same, stride beyond the kernel": () =>
    classifier(maps, layers.conv2dTranspose({ filters: 3, kernelSize: 2, strides: 3, padding: "same" })),
  "Conv2DTranspose, valid": () =>
    classifier(maps, layers.conv2dTranspose({ filters: 3, kernelSize: [4, 3], strides: [3, 2], padding: "valid" })),
  "Dense on vectors": () => classifier([7], layers.dense({ units: 4, activation: "sigmoid" })),
  "Dense on signals": () => classifier(signal, layers.dense({ units: 3, activation: "elu" })),
  "Dense on maps": () => classifier(maps, layers.dense({ units: 3 })),
  "Reshape from a vector": () => classifier([24], layers.reshape({ targetShape: [2, 3, 4] })),
  "Reshape of maps": () =>
    classifier(maps, layers.reshape({ targetShape: [10, 2, 6] }), layers.conv2d({ filters: 2, kernelSize: 2 })),
  "Reshape of maps to a signal": () =>
    classifier(maps, layers.reshape({ targetShape: [20, 6] }), layers.conv1d({ filters: 2, kernelSize: 2 })),
  "Reshape to one place": () =>
    classifier([6], layers.reshape({ targetShape: [1, 1, 6] }), layers.conv2d({ filters: 3, kernelSize: 1 })),
  Permute: () => classifier(maps, layers.permute({ dims: [3, 1, 2] }), layers.conv2d({ filters: 2, kernelSize: 2 })),
  "Permute of a signal": () =>
    classifier(signal, layers.permute({ dims: [2, 1] }), layers.conv1d({ filters: 2, kernelSize: 2 })),
  BatchNormalization: () => classifier(maps, layers.batchNormalization({ epsilon: 1e-2 })),
  "BatchNormalization without scale": () => classifier(maps, layers.batchNormalization({ scale: false })),
  "BatchNormalization without centre, after a convolution": () =>
    classifier(
      image,
      layers.conv2d({ filters: 3, kernelSize: 3, useBias: false }),
      layers.batchNormalization({ center: false }),
    ),
  "BatchNormalization of vectors": () => classifier([5], layers.batchNormalization()),
  LayerNormalization: () => classifier(maps, layers.layerNormalization()),
  "LayerNormalization of vectors": () => classifier([6], layers.layerNormalization({ epsilon: 1e-2 })),
  "ReLU with a maximum": () => classifier(maps, layers.reLU({ maxValue: 0.5 })),
  LeakyReLU: () => classifier(maps, layers.leakyReLU({ alpha: 0.1 })),
  PReLU: () => classifier(maps, layers.prelu({})),
  "PReLU, one slope per channel": () => classifier(maps, layers.prelu({ sharedAxes: [1, 2] })),
  "PReLU of vectors": () => classifier([6], layers.prelu({})),
  ELU: () => classifier(maps, layers.elu()),
  Softmax: () => classifier(maps, layers.softmax({ axis: -1 })),
  "MaxPooling2D, same": () =>
    classifier(image, layers.maxPooling2d({ poolSize: [3, 2], strides: [2, 2], padding: "same" })),
  "MaxPooling2D, default strides": () => classifier(image, layers.maxPooling2d({ poolSize: [2, 3] })),
  "AveragePooling2D, same": () =>
    classifier(image, layers.averagePooling2d({ poolSize: [3, 3], strides: [2, 3], padding: "same" })),
  MaxPooling1D: () => classifier(signal, layers.maxPooling1d({ poolSize: 3, strides: 2, padding: "same" })),
  AveragePooling1D: () => classifier(signal, layers.averagePooling1d({ poolSize: 2 })),
  GlobalAveragePooling2D: () => classifier(maps, layers.globalAveragePooling2d({})),
  GlobalMaxPooling2D: () => classifier(maps, layers.globalMaxPooling2d({})),
  GlobalAveragePooling1D: () => classifier(signal, layers.globalAveragePooling1d({})),
  GlobalMaxPooling1D: () => classifier(signal, layers.globalMaxPooling1d({})),
  ZeroPadding2D: () =>
    classifier(
      maps,
      layers.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  Cropping2D: () =>
    classifier(
      maps,
      layers.cropping2D({
        cropping: [
          [1, 0],
          [2, 1],
        ],
      }),
    ),
  "UpSampling2D, nearest": () => classifier(maps, layers.upSampling2d({ size: [2, 3] })),
  "UpSampling2D, bilinear": () => classifier(maps, layers.upSampling2d({ size: [3, 2], interpolation: "bilinear" })),
  "layers of training only": () =>
    classifier(
      maps,
      layers.gaussianNoise({ stddev: 1, name: "noise" }),
      layers.spatialDropout1d === undefined
        ? layers.dropout({ rate: 0.5 })
        : layers.dropout({ rate: 0.5, name: "drop" }),
      layers.gaussianDropout({ rate: 0.5, name: "gaussian" }),
      layers.alphaDropout({ rate: 0.5, name: "alpha" }),
      layers.conv2d({ filters: 2, kernelSize: 2 }),
    ),
  Rescaling: () =>
    classifier(image, layers.rescaling({ scale: 1 / 127.5, offset: -1 }), layers.conv2d({ filters: 2, kernelSize: 3 })),
};

/** Of these TensorFlow.js has no gradient, or one that counts padding (average pooling). */
const affine: ReadonlySet<string> = new Set([
  "Conv2D, dilated, without bias",
  "Conv1D, valid, dilated",
  "BatchNormalization without scale",
  "BatchNormalization without centre, after a convolution",
  "AveragePooling2D, same",
  "UpSampling2D, bilinear",
]);

/** What turns images is shown channels last all the same, so its own result has another shape than there. */
const turned: ReadonlySet<string> = new Set(["Permute", "Permute of a signal"]);

describe("a layer computes what it does in TensorFlow.js:", () => {
  for (const [name, build] of Object.entries(cases)) {
    it(name, async () => {
      const model = build();
      const except = turned.has(name) ? [model.layers[1].name] : [];
      await compare(model, { affine: affine.has(name), except });
    });
  }
});

describe("an activation computes what it does in TensorFlow.js:", () => {
  const names = [
    ..."linear relu relu6 elu selu sigmoid tanh softplus softsign hardSigmoid".split(" "),
    ..."softmax logSoftmax swish mish gelu gelu_new".split(" "),
  ] as "relu"[];
  for (const activation of names) {
    it(activation, async () => {
      await compare(classifier(maps, layers.activation({ activation, name: "inner" })));
    });
  }
});

describe("values join as they do in TensorFlow.js:", () => {
  const joins = {
    Add: () => layers.add(),
    Multiply: () => layers.multiply(),
    Average: () => layers.average(),
    Maximum: () => layers.maximum(),
    Minimum: () => layers.minimum(),
    "Concatenate, channels": () => layers.concatenate({ axis: -1 }),
    "Concatenate, rows": () => layers.concatenate({ axis: 1 }),
  };
  for (const [name, join] of Object.entries(joins)) {
    it(name, async () => {
      const start = tfl.input({ shape: image });
      const branches = [1, 2, 3].map((seed) =>
        layers.conv2d({ filters: 4, kernelSize: 3, name: `branch${seed}`, padding: "same" }).apply(start),
      ) as tfl.SymbolicTensor[];
      const joined = layers.flatten().apply(join().apply(branches)) as tfl.SymbolicTensor;
      const scores = layers.dense({ units: 2 }).apply(joined) as tfl.SymbolicTensor;
      await compare(tfl.model({ inputs: start, outputs: scores }));
    });
  }

  it("a gate of one place per channel", async () => {
    const start = tfl.input({ shape: image });
    const features = layers.conv2d({ filters: 4, kernelSize: 3 }).apply(start) as tfl.SymbolicTensor;
    const pooled = layers.globalAveragePooling2d({}).apply(features);
    const gate = layers
      .reshape({ targetShape: [1, 1, 4] })
      .apply(layers.dense({ units: 4, activation: "sigmoid" }).apply(pooled));
    const gated = layers.multiply().apply([features, gate as tfl.SymbolicTensor]);
    const scores = layers
      .dense({ units: 2 })
      .apply(layers.globalAveragePooling2d({}).apply(gated)) as tfl.SymbolicTensor;
    await compare(tfl.model({ inputs: start, outputs: scores }));
  });
});

describe("channels first", () => {
  const first = { dataFormat: "channelsFirst" as const };

  it("convolution, pooling and flattening", async () => {
    const model = classifier(
      [3, 9, 8],
      layers.conv2d({ filters: 4, kernelSize: 3, padding: "same", strides: 2, ...first }),
      layers.maxPooling2d({ poolSize: 2, ...first }),
      layers.upSampling2d({ size: [2, 2], ...first }),
      layers.flatten(first),
    );
    const loaded = await compareChannelsFirst(model);
    expect(loaded.input.shape).toEqual([1, 9, 8, 3]);
  });

  it("is the same network as channels last with the same weights", async () => {
    const build = (inputShape: number[], axis: number, format: object): tfl.LayersModel =>
      classifier(
        inputShape,
        layers.conv2d({ filters: 4, kernelSize: 3, name: "convolution", ...format }),
        // TensorFlow.js's own CPU kernel normalises along the last axis whatever axis says.
        layers.batchNormalization({ axis, name: "norm" }),
        layers.zeroPadding2d({
          padding: [
            [1, 0],
            [2, 1],
          ],
          name: "padding",
          ...format,
        }),
        layers.globalAveragePooling2d({ name: "pooling", ...format }),
      );
    const models = [build([9, 8, 3], -1, {}), build([3, 9, 8], 1, first)];
    const x = tensorOf(input([9, 8, 3]));
    const [expected, actual] = await Promise.all(
      models.map(async (model) => {
        seedWeights(model);
        return (await loadModel(await filesOf(model))).run(x, { capture: ["norm", "padding"] });
      }),
    );
    expect(actual.output).toEqual(expected.output);
    expect(actual.activations).toEqual(expected.activations);
  });
});

describe("what TensorFlow.js cannot run", () => {
  it("causal Conv1D is a convolution after padding in front", async () => {
    const conv = { filters: 3, kernelSize: 3, dilationRate: 2, name: "convolution" };
    const build = (...inner: Layer[]): tfl.LayersModel =>
      classifier(signal, ...inner, layers.globalAveragePooling1d({ name: "pooling" }));
    const x = input(signal);
    const padded = tf.pad(x, [
      [0, 0],
      [4, 0],
      [0, 0],
    ]);
    const [valid, causal] = [layers.conv1d(conv), layers.conv1d({ ...conv, padding: "causal" })].map((layer) =>
      build(layer),
    );
    seedWeights(valid);
    seedWeights(causal);
    const loaded = await loadModel(await filesOf(causal));
    const inside = tfl.model({ inputs: valid.inputs, outputs: valid.getLayer("convolution").output });
    const expected = inside.apply(padded) as tf.Tensor;
    const { activations } = await loaded.run(tensorOf(x), { capture: ["convolution"] });
    expectAlike(activations.get("convolution") as Tensor, expected, "convolution");
  });
});
