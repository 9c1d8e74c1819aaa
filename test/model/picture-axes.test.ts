/** Where the CAM family looks by itself: the last value whose places are places of the picture. */
import * as tfl from "@tensorflow/tfjs-layers";
import { describe, expect, it, vi } from "vitest";
import type { Attribute, Constant } from "../../src/graph/ir";
import { cam, gradCam, inspect, LayerError, loadModel, type Model, Tensor } from "../../src/index";
import { camLayer, mapLayer } from "../../src/model/cam-layer";
import { loaded } from "../../src/model/loaded-model";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";
import { filesOf, seedWeights } from "../tfjs/harness";

const random = randomIntegers(11);
const weights = (...shape: number[]): Constant => randomFloats(random, shape);
const picture = (h = 16, w = 16): Tensor => new Tensor(weights(h * w * 3).floats(), [1, h, w, 3]);
const three = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
const start: NodeParts[] = [
  ["Conv", ["x", "w"], ["conv"], three],
  ["Relu", ["conv"], ["relu"]],
];
type NodeParts = [op: string, inputs: string[], outputs: string[], attributes?: Record<string, Attribute>];

/** 3×16×16 → 8 maps → what is asked for. */
const network = (nodes: NodeParts[], constants: Record<string, Constant>, outputs?: string[]): Promise<Model> =>
  loadModel(
    writeOnnx(
      graphOf({
        inputs: { x: [1, 3, 16, 16] },
        constants: { w: weights(8, 3, 3, 3), ...constants },
        nodes: [...start, ...nodes],
        ...(outputs && { outputs }),
      }),
    ),
  );

async function expectDefault(model: Model, layer: string, grid: readonly number[], image = picture()): Promise<void> {
  const attribution = await gradCam(model, image, { target: 1 });
  expect(attribution.layer).toBe(layer);
  expect(attribution.values.shape).toEqual([1, ...grid, 1]);
  expect(inspect(model).camLayers[0].layer).toBe(layer);
}

describeShared("the case of a flattened layer", () => {
  it("takes the rectifier's 16×16 maps", async () => {
    const model = await loadModel(readShared("cases/default-layer-is-flat/model.onnx"));
    await expectDefault(model, "relu", [16, 16]);
    expect((await cam(model, picture())).values.shape).toEqual([1, 16, 16, 1]);
  });
});

describe("heads that flatten", () => {
  const flat = { places: ints(1, 8, 256), dense: weights(8, 4) };
  const flatten: NodeParts[] = [["Reshape", ["relu", "places"], ["flat"]]];
  const mean: NodeParts[] = [...flatten, ["ReduceMean", ["flat"], ["mean"], { axes: [2], keepdims: 0 }]];

  it("a mean over places in a row; cam reads the maps that are in that row", async () => {
    const model = await network([...mean, ["Gemm", ["mean", "dense"], ["y"]]], flat);
    await expectDefault(model, "relu", [16, 16]);
    const image = picture();
    const [asCam, asGradCam] = [await cam(model, image, { target: 1 }), await gradCam(model, image, { target: 1 })];
    expect(asCam.layer).toBe("relu");
    expect(asCam.convergenceDelta).toBeCloseTo(0, 5);
    asCam.values.data.forEach((value, i) => {
      expect(value / 256).toBeCloseTo(asGradCam.values.data[i], 5);
    });
  });

  it("mean and standard deviation", async () => {
    const model = await network(
      [
        ...flatten,
        ["ReduceMean", ["flat"], ["mean"], { axes: [2], keepdims: 1 }],
        ["Sub", ["flat", "mean"], ["centred"]],
        ["Mul", ["centred", "centred"], ["squares"]],
        ["ReduceMean", ["squares"], ["variance"], { axes: [2], keepdims: 1 }],
        ["Add", ["variance", "little"], ["positive"]],
        ["Sqrt", ["positive"], ["deviation"]],
        ["Concat", ["mean", "deviation"], ["both"], { axis: 1 }],
        ["Flatten", ["both"], ["statistics"]],
        ["Gemm", ["statistics", "dense2"], ["y"]],
      ],
      {
        ...flat,
        dense2: weights(16, 4),
        little: floats([1], [1e-5]),
      },
    );
    await expectDefault(model, "relu", [16, 16]);
  });

  it("a mean of one of both axes is no map", async () => {
    const model = await network(
      [
        ["ReduceMean", ["relu"], ["rows"], { axes: [3], keepdims: 1 }],
        ["Relu", ["rows"], ["columns"]],
        ["ReduceMean", ["columns"], ["mean"], { axes: [2, 3], keepdims: 0 }],
        ["Gemm", ["mean", "dense"], ["y"]],
      ],
      flat,
    );
    await expectDefault(model, "relu", [16, 16]);
  });

  it("attention pooling", async () => {
    const model = await network(
      [
        ...flatten,
        ["Transpose", ["flat"], ["tokens"], { perm: [0, 2, 1] }],
        ["MatMul", ["tokens", "query"], ["similarity"]],
        ["Softmax", ["similarity"], ["attention"], { axis: 1 }],
        ["Mul", ["tokens", "attention"], ["weighed"]],
        ["ReduceSum", ["weighed", "first"], ["vector"], { keepdims: 0 }],
        ["Gemm", ["vector", "dense"], ["y"]],
      ],
      { ...flat, query: weights(8, 1), first: ints(1) },
    );
    await expectDefault(model, "relu", [16, 16]);
  });

  it("a detector that joins the places of two scales", async () => {
    const model = await network(
      [
        ["Conv", ["relu", "w1"], ["fine"], three],
        ["MaxPool", ["relu"], ["small"], { kernel_shape: [2, 2], strides: [2, 2] }],
        ["Conv", ["small", "w1"], ["coarse"], three],
        ["Reshape", ["fine", "finePlaces"], ["a"]],
        ["Reshape", ["coarse", "coarsePlaces"], ["b"]],
        ["Concat", ["a", "b"], ["all"], { axis: 2 }],
        ["Sigmoid", ["all"], ["scores"]],
        ["Mul", ["scores", "scores"], ["squares"]],
      ],
      { w1: weights(5, 8, 3, 3), finePlaces: ints(1, 5, 256), coarsePlaces: ints(1, 5, 64) },
    );
    const attribution = await gradCam(model, picture(), { target: { layer: "a", unit: 1 } });
    expect(attribution.values.shape).toEqual([1, 16, 16, 1]);
    const layers = inspect(model).camLayers;
    expect(layers[0]).toEqual({ layer: "coarse", shape: [1, 8, 8, 5] });
    expect(layers.every(({ shape }) => shape[1] === shape[2])).toBe(true);
  });

  it("are not looked through where a layer is asked for by name", async () => {
    const model = loaded(await network([...mean, ["Gemm", ["mean", "dense"], ["y"]]], flat));
    const walks = vi.spyOn(model, "dependencies");
    expect(camLayer(model, "conv", model.parts.explained).layer).toBe("conv");
    expect(mapLayer(model, "conv", model.parts.explained).layer).toBe("conv");
    // Each makes sure that the target depends on the layer, and no more.
    expect(walks).toHaveBeenCalledTimes(2);
    expect(camLayer(model, undefined, model.parts.explained).layer).toBe("relu");
  });

  it("a flattened layer that is asked for by name is refused with a better one", async () => {
    const model = await network([...mean, ["Gemm", ["mean", "dense"], ["y"]]], flat);
    await expect(gradCam(model, picture(), { layer: "flat" })).rejects.toThrow(LayerError);
    await expect(gradCam(model, picture(), { layer: "flat" })).rejects.toThrow(
      /its last two axes are not the picture's rows and columns any more, so its places cannot be shown on the picture\. Try "relu" \(16×16\)/,
    );
  });
});

describe("values that lie across", () => {
  const end: NodeParts[] = [
    ["GlobalAveragePool", ["last"], ["gap"]],
    ["Flatten", ["gap"], ["y"]],
  ];
  const conv: NodeParts = ["Conv", ["turned", "w1"], ["last"], three];
  const w1 = weights(4, 8, 3, 3);

  it("rows and columns that change places", async () => {
    const model = await network([["Transpose", ["relu"], ["turned"], { perm: [0, 1, 3, 2] }], conv, ...end], { w1 });
    await expectDefault(model, "relu", [16, 16]);
  });

  it("a mirrored picture, and one of which a part was cut out", async () => {
    const sliced: NodeParts[] = [["Slice", ["relu", "from", "to", "axis", "step"], ["turned"]], conv, ...end];
    const ends = (from: number, to: number, step: number) => ({
      w1,
      from: ints(from),
      to: ints(to),
      axis: ints(3),
      step: ints(step),
    });
    await expectDefault(await network(sliced, ends(-1, -17, -1)), "relu", [16, 16]);
    await expectDefault(await network(sliced, ends(8, 16, 1)), "relu", [16, 16]);
    await expectDefault(await network(sliced, ends(1, 15, 1)), "last", [16, 14]);
    await expectDefault(await network(sliced, ends(0, 16, 2)), "last", [16, 8]);
  });

  it("channels last and back", async () => {
    const inside: NodeParts[] = [
      ["Transpose", ["relu"], ["nhwc"], { perm: [0, 2, 3, 1] }],
      ["MatMul", ["nhwc", "mix"], ["mixed"]],
      ["Tanh", ["mixed"], ["active"]],
    ];
    const mix = { mix: weights(8, 8), dense: weights(8, 4) };
    // 16×16 places, 16 channels would be no way to tell the axes apart by their extents.
    await expectDefault(
      await network(
        [
          ...inside,
          ["ReduceMean", ["active"], ["gap"], { axes: [1, 2], keepdims: 0 }],
          ["Gemm", ["gap", "dense"], ["y"]],
        ],
        mix,
      ),
      "relu",
      [16, 16],
    );
    await expectDefault(
      await network(
        [
          ...inside,
          ["Transpose", ["active"], ["turned"], { perm: [0, 3, 1, 2] }],
          ["GlobalAveragePool", ["turned"], ["gap"]],
          ["Flatten", ["gap"], ["y"]],
        ],
        mix,
      ),
      "turned",
      [16, 16],
    );
  });

  it("windows of a picture that are put together again, and tokens that become a grid", async () => {
    const windows: NodeParts[] = [
      ["Reshape", ["relu", "cut"], ["parts"]],
      ["Transpose", ["parts"], ["sorted"], { perm: [0, 2, 4, 1, 3, 5] }],
      ["Reshape", ["sorted", "windows"], ["inWindows"]],
      ["Tanh", ["inWindows"], ["active"]],
      ["Reshape", ["active", "uncut"], ["back"]],
      ["Transpose", ["back"], ["ordered"], { perm: [0, 3, 1, 4, 2, 5] }],
      ["Reshape", ["ordered", "maps"], ["turned"]],
      conv,
      ...end,
    ];
    const model = await network(windows, {
      w1,
      cut: ints(1, 8, 4, 4, 4, 4),
      windows: ints(16, 8, 4, 4),
      uncut: ints(1, 4, 4, 8, 4, 4),
      maps: ints(1, 8, 16, 16),
    });
    await expectDefault(model, "last", [16, 16]);
    expect(inspect(model).camLayers.map(({ layer }) => layer)).toEqual(["last", "turned", "relu", "conv"]);
    const tokens = await network(
      [
        ["Reshape", ["relu", "flat"], ["row"]],
        ["Transpose", ["row"], ["tokens"], { perm: [0, 2, 1] }],
        ["Tanh", ["tokens"], ["active"]],
        ["Transpose", ["active"], ["columns"], { perm: [0, 2, 1] }],
        ["Reshape", ["columns", "maps"], ["turned"]],
        conv,
        ...end,
      ],
      { w1, flat: ints(1, 8, 256), maps: ints(1, 8, 16, 16) },
    );
    await expectDefault(tokens, "last", [16, 16]);
  });
});

describe("TensorFlow.js", () => {
  const { layers } = tfl;
  const model = (inner: tfl.layers.Layer[]): tfl.LayersModel =>
    tfl.sequential({
      layers: [
        layers.conv2d({
          inputShape: [12, 10, 3],
          filters: 6,
          kernelSize: 3,
          padding: "same",
          activation: "relu",
          name: "maps",
        }),
        ...inner,
        layers.dense({ units: 3, name: "scores" }),
      ],
    });

  it("reshaped, dense on places, flattened", async () => {
    for (const inner of [
      [layers.reshape({ targetShape: [120, 6] }), layers.globalAveragePooling1d({})],
      [layers.reshape({ targetShape: [120, 6] }), layers.dense({ units: 4, activation: "tanh" }), layers.flatten()],
      [layers.flatten()],
      [layers.permute({ dims: [2, 1, 3] }), layers.flatten()],
    ]) {
      const network = model(inner as tfl.layers.Layer[]);
      seedWeights(network);
      const loaded = await loadModel(await filesOf(network));
      const attribution = await gradCam(loaded, picture(12, 10), { target: 1 });
      expect(attribution.values.shape).toEqual([1, 12, 10, 1]);
      expect(inspect(loaded).camLayers[0].shape).toEqual([1, 12, 10, 6]);
    }
  });
});
