/** Names that every object has by its prototype, wherever a stranger may write a name: none of them is found. */
import { describe, expect, it } from "vitest";
import {
  explain,
  heatmap,
  heatmapImage,
  InternalError,
  inspect,
  integratedGradients,
  type LoadOptions,
  loadModel,
  lrp,
  maximizeActivation,
  occlusion,
  preprocess,
  projectActivation,
  resize,
  SeethroughError,
  saliency,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf } from "../graph/build";

const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "__defineGetter__"] as const;
const image = { width: 4, height: 4, data: Uint8Array.from({ length: 48 }, (_, i) => i * 5) };
const input = { x: [1, 3, 4, 4] };
const graph = (op: string, attributes: object = {}, constants: object = {}, inputs: string[] = ["x"]) =>
  writeOnnx(
    graphOf({ inputs: input, constants: constants as never, nodes: [[op, inputs, ["y"], attributes as never]] }),
  );
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A typed error or a result: never a fault, never a value of a prototype. */
async function sound(work: () => unknown): Promise<unknown> {
  try {
    return await work();
  } catch (error) {
    expect(error, error instanceof Error ? error.stack : String(error)).toBeInstanceOf(SeethroughError);
    expect(error, String((error as Error).cause)).not.toBeInstanceOf(InternalError);
    expect(String(error)).not.toContain("[native code]");
    return undefined;
  }
}

/** It must be refused. */
async function refused(work: () => unknown): Promise<void> {
  const found = await sound(async () => ({ found: await work() }));
  expect(found, "it should have been refused").toBeUndefined();
}

describe.each(names)("%s", (name) => {
  it("as an operator and an attribute of a file", async () => {
    await refused(() => loadModel(graph(name)));
    await refused(() => loadModel(graph(`com.example::${name}`)));
    const model = await loadModel(graph("Relu", { [name]: name, other: 1 }));
    expect((await model.predict(image)).length).toBeGreaterThan(0);
  });

  it.each([
    ["Pad", { mode: name, pads: [0, 0, 1, 1, 0, 0, 1, 1] }, {}],
    ["Conv", { auto_pad: name }, { w: floats([2, 3, 3, 3], new Array(54).fill(1)) }],
    ["MaxPool", { auto_pad: name, kernel_shape: [2, 2] }, {}],
    ["Resize", { mode: name }, { roi: floats([0], []), s: floats([4], [1, 1, 2, 2]) }],
    ["Resize", { coordinate_transformation_mode: name }, { roi: floats([0], []), s: floats([4], [1, 1, 2, 2]) }],
    ["Resize", { nearest_mode: name }, { roi: floats([0], []), s: floats([4], [1, 1, 2, 2]) }],
    ["Gelu", { approximate: name }, {}],
    ["DepthToSpace", { mode: name, blocksize: 1 }, {}],
    ["Einsum", { equation: name }, {}],
  ])("as the text of an attribute of %s %j", async (op, attributes, constants) => {
    const inputs = ["x", ...Object.keys(constants)];
    await sound(async () => {
      const model = await loadModel(graph(op, attributes, constants, inputs));
      const { output } = await model.run(image);
      expect(output.data.every(Number.isFinite)).toBe(true);
      expect(inspect(model).layers.length).toBeGreaterThan(0);
      await saliency(model, image, { target: { position: [0, 0], channel: 0 } });
    });
  });

  it("as a node, a value, an input and a layer", async () => {
    const file = writeOnnx(
      graphOf({
        inputs: { [name]: [1, 3, 4, 4] },
        constants: { [`${name}w`]: floats([2, 3], [1, 2, 3, 4, 5, 6]) },
        nodes: [
          ["Relu", [name], ["a"]],
          ["GlobalAveragePool", ["a"], ["b"]],
          ["Flatten", ["b"], [`${name}f`]],
          ["Gemm", [`${name}f`, `${name}w`], ["y"], { transB: 1 }],
        ],
      }),
    );
    const model = await loadModel(file);
    const usual = await loadModel(
      writeOnnx(
        graphOf({
          inputs: { x: [1, 3, 4, 4] },
          constants: { w: floats([2, 3], [1, 2, 3, 4, 5, 6]) },
          nodes: [
            ["Relu", ["x"], ["a"]],
            ["GlobalAveragePool", ["a"], ["b"]],
            ["Flatten", ["b"], ["f"]],
            ["Gemm", ["f", "w"], ["y"], { transB: 1 }],
          ],
        }),
      ),
    );
    const found = await saliency(model, image, { target: 1 });
    expect(found.values).toEqual((await saliency(usual, image, { target: 1 })).values);
    expect(heatmap(found).data).toEqual(heatmap(await saliency(usual, image, { target: 1 })).data);
    expect(found.inputSize).toEqual({ width: 4, height: 4 });
    await refused(() => saliency(usual, image, { layer: name }));
    await refused(() => projectActivation(usual, image, { layer: name }));
    await refused(() => usual.run(image, { capture: [name] }));
    await refused(() => usual.predict({ [name]: image } as never));
    await refused(() => maximizeActivation(usual, { target: { layer: name, unit: 0 } }));
    await refused(() => heatmap(found, { input: `${name}?` }));
  });

  it("as an option's name or value", async () => {
    const model = await loadModel(graph("Relu"));
    const given = Object.fromEntries([[name, 1]]);
    await refused(() => saliency(model, image, given));
    await refused(() => loadModel(graph("Relu"), given as LoadOptions));
    await refused(() => explain(model, image, { method: name as never }));
    await refused(() => explain(model, image, { target: given as never }));
    const target = { position: [0, 0], channel: 0 } as const;
    await refused(() => explain(model, image, { target: { position: name as never, channel: 0 } }));
    await refused(() => integratedGradients(model, image, { target, rule: name as never }));
    await refused(() => integratedGradients(model, image, { target, baseline: name as never }));
    await refused(() => occlusion(model, image, { target, value: name as never }));
    await refused(() => lrp(model, image, { target, composite: name as never }));
    await refused(() => lrp(model, image, { target, rule: name as never } as never));
    await refused(() => projectActivation(model, image, { layer: "y", rule: name as never }));
    const map = heatmap(await saliency(model, image, { target }));
    await refused(() => heatmapImage(map, { colormap: name as never }));
    await refused(() => resize(image, { width: 2, height: 2, fit: name } as never));
    await refused(() => preprocess(image, { width: 2, height: 2, channels: 3 }, { fit: name as never }));
    await refused(() => preprocess(image, { width: 2, height: 2, channels: 3 }, { channels: name as never }));
    for (const option of ["memory", "output", "classAxis", "maxMemory", "inputShape", "labels"]) {
      await refused(() => loadModel(graph("Relu"), { [option]: option === "labels" ? given : name } as never));
    }
    for (const option of ["fit", "range", "mean", "std", "channels"]) {
      await refused(() => loadModel(graph("Relu"), { preprocess: { [option]: name } } as never));
    }
    await refused(() => loadModel(graph("Relu"), { limits: given as never }));
    await refused(() => loadModel(graph("Relu"), { inputs: { [`${name}!`]: { value: 1 } } as never }));
  });

  it("as a key of class names and configurations", async () => {
    const text = (value: string): string => `{ "${name}": ${value} }`;
    const file = graph("Relu");
    await refused(() => loadModel(file, { labels: text('"cat"') }));
    await refused(() => loadModel(file, { labels: JSON.parse(text('"cat"')) }));
    await refused(() => loadModel(file, { config: JSON.parse(text("{}")) }));
    await refused(() => loadModel(file, { config: JSON.parse(`{ "id2label": ${text('"cat"')} }`) }));
    await sound(() => loadModel(file, { config: { image_size: 4, [name]: 1 } as never }));
    await sound(() =>
      loadModel({
        "model.onnx": file,
        "config.json": encode(JSON.parse(text("{}"))),
        "preprocessor_config.json": encode({ size: JSON.parse(text("4")), image_mean: name, resample: name }),
      }),
    );
  });

  it("as the name of a file, also of one that is not there", async () => {
    await sound(() => loadModel(Object.fromEntries([[name, graph("Relu")]])));
    const json = { format: "graph-model", modelTopology: { node: [] } };
    const manifest = (path: string) => [{ paths: [path], weights: [{ name, shape: [1], dtype: "float32" }] }];
    await refused(() => loadModel({ "model.json": encode({ ...json, weightsManifest: manifest(name) }) }));
  });

  it("as a class, an operator, an activation and a field of TensorFlow.js", async () => {
    const layer = (className: string, config: object) => ({
      format: "layers-model",
      modelTopology: {
        class_name: "Sequential",
        config: { name: "m", layers: [{ class_name: className, config: { name, ...config } }] },
      },
      weightsManifest: [],
    });
    const shape = { batch_input_shape: [null, 4, 4, 3] };
    await refused(() => loadModel({ "model.json": encode(layer(name, shape)) }));
    await refused(() => loadModel({ "model.json": encode(layer("Activation", { ...shape, activation: name })) }));
    await refused(() => loadModel({ "model.json": encode(layer("MaxPooling2D", { ...shape, padding: name })) }));
    await sound(() => loadModel({ "model.json": encode(layer("Flatten", { ...shape, data_format: name })) }));
    await sound(() => loadModel({ "model.json": encode({ ...layer("Flatten", shape), format: name }) }));
    const of = (op: string, attr: object) => ({
      format: "graph-model",
      modelTopology: {
        node: [
          { name: "x", op: "Placeholder", attr: { shape: { shape: { dim: [1, 4, 4, 3].map((size) => ({ size })) } } } },
          { name: "y", op, input: ["x"], attr },
        ],
      },
      weightsManifest: [],
    });
    await refused(() => loadModel({ "model.json": encode(of(name, {})) }));
    await sound(() => loadModel({ "model.json": encode(of("Relu", JSON.parse(`{ "${name}": 1 }`))) }));
    await sound(() => loadModel({ "model.json": encode(of("MaxPool", { padding: { s: btoa(name) } })) }));
  });
});

it("leaves every prototype as it was", () => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as { readonly cat?: unknown }).cat).toBeUndefined();
  expect(new Tensor(new Float32Array(1), [1]).shape).toEqual([1]);
});
