/** The bounds of what a neuron sees, against the neuron itself: nothing outside moves it, every edge of the rectangle does. */
import { describe, expect, it } from "vitest";
import { networks } from "../../bench/networks";
import type { Attribute, Constant, Graph } from "../../src/graph/ir";
import { LayerError, loadModel, type Model, receptiveField, TargetError, Tensor } from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { ReceptiveFields } from "../../src/model/receptive-field/receptive-field";
import { writeOnnx } from "../../src/onnx/writer";
import { operators } from "../../src/operators/table";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

const random = randomIntegers(11);
const weights = (...shape: number[]): Constant => randomFloats(random, shape);

/** The input with other numbers wherever `where` says. */
function disturbed(image: Tensor, where: (y: number, x: number) => boolean): Tensor {
  const [, height, width, channels] = image.shape.length === 4 ? image.shape : [1, 1, image.shape[2], image.shape[1]];
  const data = image.data.slice();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!where(y, x)) continue;
      for (let c = 0; c < channels; c++) {
        data[image.shape.length === 4 ? (y * width + x) * channels + c : c * width + x] = random(-3000, 3000) / 1000;
      }
    }
  }
  return new Tensor(data, image.shape);
}

/** Compares the rectangle with the neuron's reactions; a few images, so that a closed rectifier does not hide an edge. */
async function expectExact(model: Model, layer: string, position: readonly [number, number], unit = 0, unitAxis = 1) {
  const field = receptiveField(model, layer, { position, unit });
  const neuron = async (input: Tensor): Promise<number> => {
    const { activations } = await model.run(input, { capture: [layer] });
    const { shape, data } = activations.get(layer) as Tensor;
    if (shape.length === 2) return data[unit];
    // The columns of a matrix product are its units, or its rows where the weights stand on the left.
    if (shape.length === 3 && unitAxis === 2) return data[position[1] * shape[2] + unit];
    if (shape.length === 3) return data[unit * shape[2] + position[1]];
    const place = [...position];
    place.splice(unitAxis - 1, 0, unit);
    return data[(place[1] * shape[2] + place[2]) * shape[3] + place[0]];
  };
  const right = field.x + field.width;
  const bottom = field.y + field.height;
  const inside = (y: number, x: number): boolean => y >= field.y && y < bottom && x >= field.x && x < right;
  const edges: Record<string, (y: number, x: number) => boolean> = {
    top: (y, x) => inside(y, x) && y === field.y,
    bottom: (y, x) => inside(y, x) && y === bottom - 1,
    left: (y, x) => inside(y, x) && x === field.x,
    right: (y, x) => inside(y, x) && x === right - 1,
  };
  const moved = new Set<string>();
  const names = Object.keys(edges);
  for (let attempt = 0; attempt < 12 && moved.size < names.length; attempt++) {
    const image = disturbed(blank(model), () => true);
    const before = await neuron(image);
    const scale = Math.max(Math.abs(before), 0.1);
    // Winograd's transforms round differently when a neighbour outside changes.
    const after = await neuron(disturbed(image, (y, x) => !inside(y, x)));
    expect(Math.abs(after - before) / scale, `${layer} outside ${JSON.stringify(field)}`).toBeLessThan(1e-4);
    for (const name of names) {
      const shaken = await neuron(disturbed(image, edges[name]));
      if (Math.abs(shaken - before) / scale > 1e-6 && shaken !== before) moved.add(name);
    }
  }
  expect([...moved].sort(), `${layer} ${JSON.stringify(field)}`).toEqual(names.sort());
  return field;
}

const blank = ({ input }: Model): Tensor =>
  new Tensor(new Float32Array(input.shape.reduce((product, extent) => product * extent, 1)), input.shape);

const load = (graph: Graph): Promise<Model> => loadModel(writeOnnx(graph));

type NodeList = Parameters<typeof graphOf>[0]["nodes"];
const net = (nodes: NodeList, constants: Record<string, Constant> = {}, input: readonly number[] = [1, 2, 17, 19]) =>
  load(graphOf({ inputs: { x: input }, constants, nodes }));
const window = (kernel: number, stride = 1, pads = [0, 0, 0, 0], dilation = 1): Record<string, Attribute> => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  dilations: [dilation, dilation],
  pads,
});

describe("a neuron sees exactly its receptive field", () => {
  it("through strides, dilation and uneven padding", async () => {
    const model = await net(
      [
        ["Conv", ["x", "a"], ["one"], window(3, 2, [1, 0, 0, 1])],
        ["Conv", ["one", "b"], ["two"], window(3, 1, [2, 2, 2, 2], 2)],
        ["AveragePool", ["two"], ["three"], { ...window(2, 2), ceil_mode: 1 }],
      ],
      { a: weights(3, 2, 3, 3), b: weights(2, 3, 3, 3) },
    );
    // 3 pixels, then taps two apart of stride-2 pixels, then two neighbours: 3 + 4·2 + 1·2 = 13.
    expect(await expectExact(model, "three", [2, 2])).toEqual({ x: 4, y: 3, width: 13, height: 13 });
    for (const position of [
      [0, 0],
      [3, 1],
      [1, 4],
    ] as const)
      await expectExact(model, "three", position);
  });

  it("through shortcuts of another reach", async () => {
    const model = await net(
      [
        ["Conv", ["x", "a"], ["one"], window(3, 2, [1, 1, 1, 1])],
        ["Relu", ["one"], ["two"]],
        ["Conv", ["two", "b"], ["three"], window(3, 1, [1, 1, 1, 1])],
        ["Conv", ["x", "c"], ["short"], window(1, 2)],
        ["Add", ["three", "short"], ["sum"]],
      ],
      { a: weights(3, 2, 3, 3), b: weights(3, 3, 3, 3), c: weights(3, 2, 1, 1) },
    );
    expect(await expectExact(model, "sum", [4, 4])).toEqual({ x: 5, y: 5, width: 7, height: 7 });
    expect(await expectExact(model, "short", [4, 4])).toEqual({ x: 8, y: 8, width: 1, height: 1 });
    await expectExact(model, "sum", [0, 9]);
  });

  it("of the branch its unit comes from", async () => {
    const model = await net(
      [
        ["Conv", ["x", "a"], ["small"], window(1)],
        ["Conv", ["x", "b"], ["large"], window(5, 1, [2, 2, 2, 2])],
        ["Concat", ["small", "large"], ["joined"], { axis: 1 }],
        ["Relu", ["joined"], ["out"]],
        ["Conv", ["out", "c"], ["each"], { ...window(3, 1, [1, 1, 1, 1]), group: 5 }],
        ["Conv", ["each", "d"], ["all"], window(1)],
      ],
      { a: weights(2, 2, 1, 1), b: weights(3, 2, 5, 5), c: weights(5, 1, 3, 3), d: weights(1, 5, 1, 1) },
    );
    expect(await expectExact(model, "out", [8, 8], 1)).toMatchObject({ width: 1, height: 1 });
    expect(await expectExact(model, "out", [8, 8], 2)).toMatchObject({ width: 5, height: 5 });
    expect(await expectExact(model, "each", [8, 8], 1)).toMatchObject({ width: 3, height: 3 });
    expect(await expectExact(model, "each", [8, 8], 4)).toMatchObject({ width: 7, height: 7 });
    expect(await expectExact(model, "all", [8, 8])).toMatchObject({ width: 7, height: 7 });
  });

  it("through shuffled channels", async () => {
    const model = await net(
      [
        ["Split", ["x"], ["left", "right"], { axis: 1 }],
        ["Conv", ["right", "a"], ["wide"], window(3, 1, [1, 1, 1, 1])],
        ["Concat", ["left", "wide"], ["joined"], { axis: 1 }],
        ["Reshape", ["joined", "grouped"], ["five"]],
        ["Transpose", ["five"], ["swapped"], { perm: [0, 2, 1, 3, 4] }],
        ["Reshape", ["swapped", "flat"], ["out"]],
      ],
      { a: weights(2, 2, 3, 3), grouped: ints(1, 2, 2, 9, 9), flat: ints(1, 4, 9, 9) },
      [1, 4, 9, 9],
    );
    const widths = [0, 1, 2, 3].map(async (unit) => (await expectExact(model, "out", [4, 4], unit)).width);
    expect(await Promise.all(widths)).toEqual([1, 3, 1, 3]);
  });

  it("upwards: transposed convolution, resizing, blocks, unpooling", async () => {
    const up = await net(
      [
        ["Conv", ["x", "a"], ["down"], window(3, 2, [1, 1, 1, 1])],
        ["ConvTranspose", ["down", "b"], ["up"], window(4, 2, [1, 1, 1, 1])],
      ],
      { a: weights(3, 2, 3, 3), b: weights(3, 2, 4, 4) },
      [1, 2, 16, 16],
    );
    expect(await expectExact(up, "up", [7, 7])).toMatchObject({ width: 5, height: 5 });
    await expectExact(up, "up", [0, 15]);
    for (const mode of ["nearest", "linear", "cubic"]) {
      const resized = await net(
        [
          ["AveragePool", ["x"], ["down"], window(3, 3)],
          ["Resize", ["down", "", "scales"], ["up"], { mode, coordinate_transformation_mode: "half_pixel" }],
        ],
        { scales: floats([4], [1, 1, 2, 2]) },
        [1, 2, 18, 18],
      );
      for (const position of [
        [0, 0],
        [5, 6],
        [11, 3],
      ] as const)
        await expectExact(resized, "up", position);
    }
    const blocks = await net(
      [
        ["SpaceToDepth", ["x"], ["deep"], { blocksize: 2 }],
        ["Conv", ["deep", "a"], ["mixed"], window(3, 1, [1, 1, 1, 1])],
        ["DepthToSpace", ["mixed"], ["flat"], { blocksize: 2, mode: "CRD" }],
        ["DepthToSpace", ["deep"], ["same"], { blocksize: 2 }],
        ["Add", ["same", "zero"], ["again"]],
      ],
      { a: weights(8, 8, 3, 3), zero: floats([1], [0]) },
      [1, 2, 8, 8],
    );
    expect(await expectExact(blocks, "again", [3, 5], 1)).toEqual({ x: 5, y: 3, width: 1, height: 1 });
    expect(await expectExact(blocks, "deep", [3, 2], 5)).toEqual({ x: 4, y: 7, width: 1, height: 1 });
    const unpooled = await net(
      [
        ["MaxPool", ["x"], ["small", "places"], window(2, 2)],
        ["MaxUnpool", ["small", "places"], ["large"], { kernel_shape: [2, 2], strides: [2, 2] }],
        ["Conv", ["large", "a"], ["out"], window(3, 1, [1, 1, 1, 1])],
      ],
      { a: weights(2, 2, 3, 3) },
      [1, 2, 12, 12],
    );
    expect(await expectExact(unpooled, "out", [5, 5])).toEqual({ x: 4, y: 4, width: 4, height: 4 });
  });

  it("through slices, padding, gathering and rows of a matrix", async () => {
    const model = await net(
      [
        ["Pad", ["x", "pads"], ["padded"], { mode: "reflect" }],
        ["Slice", ["padded", "starts", "ends", "axes", "steps"], ["thin"]],
        ["Conv", ["thin", "a"], ["wide"], window(3)],
        ["Gather", ["wide", "rows"], ["picked"], { axis: 2 }],
        ["ReduceMean", ["picked"], ["columns"], { axes: [2], keepdims: 0 }],
        ["MatMul", ["columns", "matrix"], ["out"]],
      ],
      {
        pads: ints(0, 0, 3, 2, 0, 0, 1, 2),
        ...{ starts: ints(14), ends: ints(1), axes: ints(2), steps: ints(-2) },
        ...{ a: weights(2, 2, 3, 3), rows: ints(3, 1), matrix: weights(12, 4) },
      },
      [1, 2, 12, 10],
    );
    for (const position of [
      [0, 0],
      [2, 3],
      [3, 9],
    ] as const) {
      await expectExact(model, "padded", [position[0], position[1]]);
      await expectExact(model, "wide", position);
    }
    await expectExact(model, "columns", [0, 5], 1);
    await expectExact(model, "out", [0, 1], 2, 2);
  });

  it("through products of two values and of constants in front", async () => {
    const products = await net(
      [
        ["Conv", ["x", "a"], ["small"], window(3, 2)],
        ["Transpose", ["small"], ["turned"], { perm: [0, 1, 3, 2] }],
        ["MatMul", ["small", "turned"], ["square"]],
        ["MatMul", ["mixing", "small"], ["mixed"]],
        ["Slice", ["square", "starts", "ends"], ["one"]],
        ["Add", ["mixed", "one"], ["both"]],
      ],
      { a: weights(2, 2, 3, 3), mixing: weights(2, 4, 5), starts: ints(0, 0, 1, 2), ends: ints(1, 2, 2, 3) },
      [1, 2, 12, 14],
    );
    for (const position of [
      [0, 3],
      [1, 2],
    ] as const) {
      await expectExact(products, "square", position, 0, 3);
      await expectExact(products, "mixed", position, 0, 2);
    }
  });

  it("all of it behind a global average, on one row for a signal", async () => {
    const squeezed = await net(
      [
        ["GlobalAveragePool", ["x"], ["mean"]],
        ["Sigmoid", ["mean"], ["gate"]],
        ["Mul", ["x", "gate"], ["out"]],
      ],
      {},
    );
    expect(await expectExact(squeezed, "out", [3, 4])).toEqual({ x: 0, y: 0, width: 19, height: 17 });
    const signal = await net(
      [["Conv", ["x", "a"], ["out"], { kernel_shape: [3], dilations: [2], pads: [2, 2], strides: [2] }]],
      { a: weights(2, 2, 3) },
      [1, 2, 20],
    );
    expect(await expectExact(signal, "out", [0, 4], 1)).toEqual({ x: 6, y: 0, width: 5, height: 1 });
  });
});

/** A unit that is awake at a place for noise, so that its rectifiers let changes through. */
async function awakeUnit(model: Model, layer: string, [y, x]: readonly [number, number]): Promise<number> {
  const { activations } = await model.run(
    disturbed(blank(model), () => true),
    { capture: [layer] },
  );
  const { shape, data } = activations.get(layer) as Tensor;
  const units = data.slice((y * shape[2] + x) * shape[3], (y * shape[2] + x + 1) * shape[3]);
  return units.indexOf(units.reduce((a, b) => Math.max(a, b)));
}

async function expectExactAt(model: Model, layer: string, position: readonly [number, number]): Promise<void> {
  await expectExact(model, layer, position, await awakeUnit(model, layer, position));
}

it("units that see alike share what was computed, others do not", async () => {
  for (const name of ["googlenet", "shufflenet-v2"]) {
    using model = await loadModel(networks[name].build());
    const layers = model.layers.filter(({ op, shape }) => op === "Concat" && shape[1] >= 14);
    const { name: layer, shape } = layers[Math.floor(layers.length / 2)];
    const fields = new ReceptiveFields(loaded(model), layer);
    const units = Array.from({ length: 12 }, (_, i) => Math.floor((i * (shape[3] - 1)) / 11));
    const shared = units.map((unit) => fields.at(unit, 5, 6));
    expect(shared).toEqual(units.map((unit) => receptiveField(model, layer, { position: [5, 6], unit })));
    expect(new Set(shared.map(({ width }) => width)).size, name).toBeGreaterThan(1);
  }
});

describe("the networks of the benchmark", () => {
  for (const name of ["googlenet", "shufflenet-v2", "resnet-18"]) {
    it(name, async () => {
      using model = await loadModel(networks[name].build());
      const deep = model.layers.filter(({ op, shape }) => ["Concat", "Add", "Relu"].includes(op) && shape[1] >= 14);
      for (const share of [0.2, 0.5, 0.8]) {
        const { name: layer, shape } = deep[Math.floor(share * deep.length)];
        await expectExactAt(model, layer, [Math.floor(shape[1] / 3), Math.floor(shape[2] / 2)]);
      }
    }, 60_000);
  }
});

describeShared("real networks", () => {
  for (const [file, ops, inputShape] of [
    ["resnet20-cifar10-bn.onnx", ["Add", "Relu"]],
    ["mobilenet-v2-1.0-224-imagenet.onnx", ["Add", "Conv"]],
    ["enet-camvid-maxunpool-bn.onnx", ["MaxUnpool", "ConvTranspose"], [1, 3, 96, 128]],
    ["ppocrv4-det-dbnet.onnx", ["Resize"], [1, 3, 128, 160]],
  ] as const) {
    it(file, async () => {
      using model = await loadModel(readShared(`models/${file}`), { inputShape });
      const found = model.layers.filter(({ op, shape }) => ops.some((known) => known === op) && shape[1] > 4);
      const { name, shape } = found[Math.floor(found.length / 2)];
      await expectExactAt(model, name, [Math.floor(shape[1] / 2), 1]);
    }, 60_000);
  }
});

it("every operator that runs says what it reaches", () => {
  expect([...operators].filter(([, { build, reach }]) => build && !reach).map(([op]) => op)).toEqual([]);
});

it("says what is wrong", async () => {
  const model = await loadModel();
  const at = (layer: string, position: [number, number], unit?: number) => () =>
    receptiveField(model, layer, { position, unit });
  expect(at("conv33", [0, 0])).toThrow(LayerError);
  expect(at("input", [0, 0])).toThrow(/is the network's input/);
  expect(at("conv3", [0, 0], 64)).toThrow(TargetError);
  expect(at("conv3", [0, Symbol("x") as never])).toThrow("Target position [0, Symbol(x)]: layer");
  expect(at("conv3", [24, 0])).toThrow(/rows 0 to 23/);
});
