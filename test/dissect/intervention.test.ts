import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { Graph } from "../../src/graph/ir";
import { InputError, type Intervention, LayerError, loadModel, type Model, OptionError, Tensor } from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { readOnnx } from "../../src/onnx/reader";
import { writeOnnx } from "../../src/onnx/writer";
import { sizeOf } from "../../src/tensor";
import { floats, graphOf, randomFloats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";
import { withFactors } from "./seven-segments";

const random = randomIntegers(21);

const network = (): Graph =>
  graphOf({
    inputs: { x: [1, 3, 6, 6] },
    constants: {
      w: randomFloats(random, [8, 3, 3, 3]),
      gamma: randomFloats(random, [8]),
      beta: randomFloats(random, [8]),
      mean: randomFloats(random, [8]),
      variance: floats([8], [1, 2, 0.5, 1, 0.2, 3, 1, 1]),
      w2: randomFloats(random, [8, 8, 3, 3]),
      dense: randomFloats(random, [288, 4]),
    },
    nodes: [
      ["Conv", ["x", "w"], ["conv"], { pads: [1, 1, 1, 1] }],
      ["BatchNormalization", ["conv", "gamma", "beta", "mean", "variance"], ["norm"]],
      ["Relu", ["norm"], ["relu"]],
      ["Conv", ["relu", "w2"], ["conv2"], { pads: [1, 1, 1, 1] }],
      ["Add", ["conv2", "relu"], ["sum"]],
      ["Relu", ["sum"], ["relu2"]],
      ["Flatten", ["relu2"], ["flat"]],
      ["MatMul", ["flat", "dense"], ["y"]],
    ],
  });

/** Mask for units × places of a value [1, c, h, w]: 0 where the intervention overwrites. */
const factors = (shape: readonly number[], units: readonly number[], mask: Uint8Array | undefined): number[] => {
  const places = sizeOf(shape.slice(2));
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    const [unit, place] = [Math.floor(i / places), i % places];
    return units.includes(unit) && mask?.[place] !== 0 ? 0 : 1;
  });
};

/** Our intervention against onnxruntime running a graph into which the intervention was built as nodes. */
async function expectAsBuiltIn(
  model: Model,
  graph: Graph,
  { layer, units, mask, value }: Intervention & { units: number[]; value: number },
  tolerance = 2e-5,
): Promise<void> {
  const [input] = graph.inputs;
  const given = randomFloats(random, [1, ...(input.shape.slice(1) as number[])]);
  const name = graph.nodes.find((node) => node.name === layer)?.outputs[0] ?? layer;
  const shape = loaded(model).shape(name);
  const factor = factors(shape, units, mask);
  const shift = factor.map((kept) => (kept ? 0 : value));
  const edited = withFactors(graph, name, shape, factor, shift);
  const expected = Object.values(await runReference(edited, { [input.name]: given }))[0];
  const plain = Object.values(await runReference(graph, { [input.name]: given }))[0];
  expect(expected.data, "the intervention changes something").not.toEqual(plain.data);
  const x =
    given.shape.length === 4 ? Tensor.fromNCHW(given.floats(), given.shape) : new Tensor(given.floats(), given.shape);
  const { output } = await model.run(x, { intervene: [{ layer, units, mask, value }] });
  const ours = output.shape.length === 4 ? output.toNCHW() : output.data;
  const largest = Math.max(...Array.from(expected.data, (element) => Math.abs(Number(element))));
  ours.forEach((element, i) => {
    expect(Math.abs(element - Number(expected.data[i])), `${layer} element ${i}`).toBeLessThan(tolerance * largest);
  });
}

it.each(["fast", "low"] as const)(
  "changes any value before anything reads it, fused or not (memory %s)",
  async (memory) => {
    const graph = network();
    const model = await loadModel(writeOnnx(graph), { memory });
    const tolerance = memory === "low" ? 5e-3 : 2e-5;
    const mask = Uint8Array.from({ length: 36 }, (_, place) => Number(place % 5 < 2));
    for (const layer of ["conv", "norm", "relu", "conv2", "sum", "relu2"]) {
      await expectAsBuiltIn(model, graph, { layer, units: [1, 4, 5], value: 0 }, tolerance);
      await expectAsBuiltIn(model, graph, { layer, units: [0, 2, 7], mask, value: 1.5 }, tolerance);
    }
    await expectAsBuiltIn(model, graph, { layer: "flat", units: [3, 100, 287], value: -2 }, tolerance);
    await expectAsBuiltIn(model, graph, { layer: "y", units: [2], value: 9 }, tolerance);
  },
);

it("changes the input, captures what it changed, chains, and leaves the next pass alone", async () => {
  const model = await loadModel(writeOnnx(network()));
  const x = Tensor.fromNCHW(randomFloats(random, [1, 3, 6, 6]).floats(), [1, 3, 6, 6]);
  const before = await model.run(x, { capture: ["relu"] });
  const zero = new Tensor(new Float32Array(108), [1, 6, 6, 3]);
  const blind = await model.run(x, { intervene: [{ layer: "x" }] });
  expect(blind.output).toEqual((await model.run(zero)).output);

  const louder: Intervention = {
    layer: "relu",
    units: 3,
    value: (activation, { y, x: column }) => activation + y + column / 8,
  };
  const halved: Intervention = { layer: "relu", units: 3, value: (activation) => activation / 2 };
  const { activations } = await model.run(x, { capture: ["relu"], intervene: [louder, halved] });
  const [was, is] = [before.activations.get("relu"), activations.get("relu")] as [Tensor, Tensor];
  is.data.forEach((value, i) => {
    const [unit, place] = [i % 8, Math.floor(i / 8)];
    const expected =
      unit === 3 ? Math.fround(Math.fround(was.data[i] + Math.floor(place / 6) + (place % 6) / 8) / 2) : was.data[i];
    expect(value).toBe(expected);
  });
  expect(await model.run(x, { capture: ["relu"] })).toEqual(before);
  expect(await model.run(x, { capture: ["relu"], intervene: [] })).toEqual(before);
});

it("a classifier answers without a unit", async () => {
  const model = await loadModel();
  const zero = new Tensor(new Float32Array(96 * 96 * 3).fill(0.1), [1, 96, 96, 3]);
  const silent = await model.predict(zero, { intervene: [{ layer: "relu6" }] });
  // Nothing is left but the biases.
  const bias = readOnnx(new Uint8Array(readFileSync("models/petshop.onnx"))).constants.get(
    loaded(model).parts.graph.nodes.at(-1)?.inputs[2] as string,
  );
  for (const { index, score } of silent) expect(score).toBeCloseTo(bias?.floats()[index] as number, 6);
});

it("says what is wrong", async () => {
  const model = await loadModel(writeOnnx(network()));
  const x = new Tensor(new Float32Array(108), [1, 6, 6, 3]);
  const run = (...intervene: Intervention[]) => model.run(x, { intervene });
  await expect(run({ layer: "rellu" })).rejects.toThrow(LayerError);
  await expect(run({ layer: "relu", units: 8 })).rejects.toThrow(
    'units: layer "relu" (1×8×6×6) has units 0 to 7, got 8.',
  );
  await expect(run({ layer: "relu", units: [1, 0.5] })).rejects.toThrow(OptionError);
  await expect(run({ layer: "relu", mask: new Uint8Array(8) })).rejects.toThrow(
    'the mask for layer "relu" takes one byte for each of its 6×6 places, row-major, got 8 bytes.',
  );
  await expect(run({ layer: "relu", value: Number.NaN })).rejects.toThrow("is a finite number or a function, got NaN");
  await expect(run({ layer: "relu", value: () => 1 / 0 })).rejects.toThrow(InputError);
  const single = { layer: "relu" } as unknown as Intervention[];
  await expect(model.run(x, { intervene: single })).rejects.toThrow('got {"layer":"relu"}. One goes into brackets.');
});

describeShared("interventions in networks of others", () => {
  it("DCGAN generator: units before and after batch norm and rectifier", async () => {
    const file = readShared("models/digit-dcgan-generator-bn.onnx");
    const [model, graph] = [await loadModel(file), readOnnx(file)];
    const middle = Uint8Array.from({ length: 169 }, (_, place) => Number(Math.floor(place / 13) === 6));
    for (const part of ["gen.2.0/ConvTranspose", "gen.2.1/BatchNormalization", "gen.2.2/Relu"]) {
      const layer = `/gen/gen.2/${part}`;
      await expectAsBuiltIn(model, graph, { layer, units: [0, 13, 63], value: 0 });
      await expectAsBuiltIn(model, graph, { layer, units: [20], mask: middle, value: 3 });
    }
  });

  it("ENet: a unit of the encoder, with pooling positions that go around it", async () => {
    const file = readShared("models/enet-camvid-maxunpool-bn.onnx");
    const open = readOnnx(file);
    const inputs = [{ name: open.inputs[0].name, shape: [1, 3, 64, 96] }];
    const model = await loadModel(file, { inputShape: [1, 3, 64, 96] });
    const { graph } = loaded(model).parts;
    const maps = graph.nodes.filter(({ op }) => op === "Add");
    for (const node of [maps[2], maps[12]]) {
      await expectAsBuiltIn(model, { ...open, inputs }, { layer: node.name, units: [1, 2, 3], value: 0 }, 1e-4);
    }
  });
});
