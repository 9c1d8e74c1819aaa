import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gradCam, loadModel, type ModelSource, UnsupportedOperatorError } from "../../src/index";
import {
  artifactsOf,
  compareRun,
  expectAlike,
  type Files,
  filesOf,
  input,
  jsonBytes,
  modelFiles,
  seedWeights,
  tensorOf,
} from "./harness";

const { layers } = tfl;

const small = (): tfl.LayersModel => {
  const model = tfl.sequential({
    name: "small",
    layers: [
      layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 3], name: "conv", activation: "relu" }),
      layers.globalAveragePooling2d({ name: "pool" }),
      layers.dense({ units: 3, name: "scores" }),
    ],
  });
  seedWeights(model);
  return model;
};

/** What the tests change in model.json. */
interface ModelJson {
  readonly weightsManifest: readonly { readonly weights: readonly { name: string; dtype: string }[] }[];
}

const withJson = (files: Files, change: (json: ModelJson) => object): Files => ({
  ...files,
  "model.json": jsonBytes(change(JSON.parse(new TextDecoder().decode(files["model.json"])))),
});

describe("a model that Teachable Machine exports", () => {
  /** A truncated MobileNetV2 in miniature: blocks with depthwise convolutions, batch normalisation, ReLU6 and a shortcut. */
  function features(): tfl.LayersModel {
    const start = tfl.input({ shape: [32, 32, 3], name: "input_1" });
    const norm = (x: unknown, name: string): tfl.SymbolicTensor =>
      layers.batchNormalization({ name, epsilon: 1e-3 }).apply(x as tfl.SymbolicTensor) as tfl.SymbolicTensor;
    const relu6 = (x: tfl.SymbolicTensor, name: string): tfl.SymbolicTensor =>
      layers.reLU({ maxValue: 6, name }).apply(x) as tfl.SymbolicTensor;
    const conv = { useBias: false, padding: "same" as const };
    let x = layers
      .zeroPadding2d({
        padding: [
          [0, 1],
          [0, 1],
        ],
        name: "Conv1_pad",
      })
      .apply(start) as tfl.SymbolicTensor;
    x = layers
      .conv2d({ filters: 8, kernelSize: 3, strides: 2, padding: "valid", useBias: false, name: "Conv1" })
      .apply(x) as tfl.SymbolicTensor;
    x = relu6(norm(x, "bn_Conv1"), "Conv1_relu");
    const shortcut = x;
    x = relu6(
      norm(
        layers.conv2d({ ...conv, filters: 16, kernelSize: 1, name: "block_1_expand" }).apply(x),
        "block_1_expand_BN",
      ),
      "block_1_expand_relu",
    );
    x = relu6(
      norm(
        layers.depthwiseConv2d({ ...conv, kernelSize: 3, name: "block_1_depthwise" }).apply(x),
        "block_1_depthwise_BN",
      ),
      "block_1_depthwise_relu",
    );
    x = norm(
      layers.conv2d({ ...conv, filters: 8, kernelSize: 1, name: "block_1_project" }).apply(x),
      "block_1_project_BN",
    );
    x = layers.add({ name: "block_1_add" }).apply([shortcut, x]) as tfl.SymbolicTensor;
    x = relu6(
      norm(layers.conv2d({ ...conv, filters: 24, kernelSize: 1, strides: 2, name: "Conv_1" }).apply(x), "Conv_1_bn"),
      "out_relu",
    );
    return tfl.model({ inputs: start, outputs: x, name: "model1" });
  }

  const labels = ["Tabby", "Turtle", "Teapot"];
  let model: tfl.LayersModel;
  let files: Files;
  beforeAll(async () => {
    const head = tfl.sequential({
      name: "sequential_3",
      layers: [
        layers.dense({ units: 10, activation: "relu", inputShape: [24], name: "dense_Dense1" }),
        layers.dense({ units: 3, activation: "softmax", useBias: false, name: "dense_Dense2" }),
      ],
    });
    const body = tfl.sequential({
      name: "sequential_1",
      layers: [features(), layers.globalAveragePooling2d({ name: "global_average_pooling2d_GlobalAveragePooling2D1" })],
    });
    model = tfl.sequential({ name: "sequential_4", layers: [body, head] });
    seedWeights(model);
    const { topology, specs, data } = await artifactsOf(model);
    files = {
      "model.json": jsonBytes({
        modelTopology: topology,
        weightsManifest: [{ paths: ["weights.bin"], weights: specs }],
      }),
      "weights.bin": data,
      "metadata.json": jsonBytes({ packageName: "@teachablemachine/image", labels, imageSize: 32, modelName: "pets" }),
    };
  });

  it("computes the same, and explains", async () => {
    const loaded = await loadModel(files);
    expect(loaded.input).toEqual({ name: "input_1", shape: [1, 32, 32, 3] });
    const x = input([32, 32, 3]);
    expectAlike((await loaded.run(tensorOf(x))).output, model.predict(x) as tf.Tensor, "probabilities");
    const map = await gradCam(loaded, tensorOf(x), { target: "Turtle" });
    expect(map.layer).toBe("out_relu");
    expect(map.target.index).toBe(1);
  });

  it("has its class names, its name, and sees pixels as its own library shows them", async () => {
    const loaded = await loadModel(files);
    expect(loaded.labels).toEqual(labels);
    expect(loaded.name).toBe("pets");
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 37) % 256);
    const seen = tf.sub(tf.div(tf.tensor(Array.from(pixels), [1, 32, 32, 3]), 127), 1);
    const expected = (model.predict(seen) as tf.Tensor).dataSync();
    const predictions = await loaded.predict({ data: pixels, width: 32, height: 32 }, { top: 3 });
    for (const { index, label, probability } of predictions) {
      expect(label).toBe(labels[index]);
      expect(probability).toBeCloseTo(expected[index], 4);
    }
  });

  it("lists its layers by their own names", async () => {
    const { layers: all } = await loadModel(files);
    const names = all.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["Conv1", "block_1_add", "out_relu", "dense_Dense1", "dense_Dense2"]));
  });
});

describe("files come as", () => {
  let model: tfl.LayersModel;
  let files: Files;
  let folder: string;
  let server: Server;
  let address: string;
  const asked: string[] = [];
  beforeAll(async () => {
    model = small();
    files = await filesOf(model, 100);
    folder = mkdtempSync(join(tmpdir(), "model-"));
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    server = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://host");
      asked.push(request.url ?? "");
      const bytes = files[url.pathname.slice("/models/".length)];
      response.statusCode = bytes ? 200 : 404;
      response.end(bytes ?? "nothing here");
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/model.json`;
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const sources: Readonly<Record<string, () => ModelSource | Promise<ModelSource>>> = {
    "several shards by name": () => files,
    "a path": () => join(folder, "model.json"),
    "a file URL": () => pathToFileURL(join(folder, "model.json")),
    "an address": () => address,
    "a Response": () => fetch(address),
    "files that a user picked": () => Object.entries(files).map(([name, bytes]) => new File([bytes], name)),
    "Blobs by name, with folders": () =>
      Object.fromEntries(
        Object.entries(files).map(([name, bytes]) => [
          `export/${name}`.replace(/^export\/group/, "group"),
          new Blob([bytes]),
        ]),
      ),
  };
  for (const [name, source] of Object.entries(sources)) {
    it(name, async () => {
      const loaded = await loadModel(await source());
      expect(Object.keys(files).length).toBeGreaterThan(4);
      await compareRun(model, loaded, input([8, 8, 3]));
      expect(loaded.name).toBe("small");
    });
  }

  it("an address whose query every file needs", async () => {
    await loadModel(`${address}?tfjs-format=file`);
    const shards = asked.filter((url) => /^\/models\/group1-shard.*\?tfjs-format=file$/.test(url));
    expect(shards).toHaveLength(Object.keys(files).length - 1);
  });

  it("the command line's model", async () => {
    const run = promisify(execFile);
    const model = ["--model", join(folder, "model.json"), "--json"];
    const { stdout } = await run("node", ["dist/cli.js", "explain", "examples/images/scene-cat-00.png", ...model]);
    expect(JSON.parse(stdout)).toMatchObject({ model: "small", explanations: [{ method: "grad-cam", layer: "conv" }] });
  });

  it("and one hash covers the topology and the weights", async () => {
    const hashOf = async (source: ModelSource): Promise<string> => {
      const loaded = await loadModel(source);
      return (await gradCam(loaded, tensorOf(input([8, 8, 3])), { target: 0 })).recipe.modelHash;
    };
    const original = await hashOf(files);
    expect(original).toMatch(/^sha256:/);
    expect(await hashOf(join(folder, "model.json"))).toBe(original);
    const [last] = Object.keys(files).slice(-1);
    const changed = files[last].slice();
    changed[0] ^= 1;
    expect(await hashOf({ ...files, [last]: changed })).not.toBe(original);
    expect(await hashOf(withJson(files, (json) => ({ ...json, generatedBy: "another" })))).not.toBe(original);
    const low = await loadModel(files, { memory: "low" });
    expect((await gradCam(low, tensorOf(input([8, 8, 3])), { target: 0 })).recipe.modelHash).toBe(original);
  });
});

describe("quantised weights", () => {
  type Spec = tf.io.WeightsManifestEntry;

  /** Stores every weight as the converter does: uint8 or uint16 with scale and minimum, or float16. */
  function quantise(specs: Spec[], data: Uint8Array<ArrayBuffer>, dtype: "uint8" | "uint16" | "float16") {
    let at = 0;
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const weights = specs.map((spec): Spec => {
      const size = spec.shape.reduce((product, extent) => product * extent, 1);
      const values = new Float32Array(data.slice(at, at + size * 4).buffer);
      at += size * 4;
      if (dtype === "float16") {
        pieces.push(new Uint8Array(Uint16Array.from(values, halfOf).buffer));
        return { ...spec, quantization: { dtype } };
      }
      const most = dtype === "uint8" ? 255 : 65535;
      const min = Math.min(...values);
      const scale = (Math.max(...values) - min) / most || 1;
      const stored = Array.from(values, (value) => Math.round((value - min) / scale));
      pieces.push(new Uint8Array((dtype === "uint8" ? Uint8Array.from(stored) : Uint16Array.from(stored)).buffer));
      return { ...spec, quantization: { dtype, scale, min } };
    });
    return { weights, data: new Uint8Array(Buffer.concat(pieces)) };
  }

  /** The float16 at or below a value in size; its own few bits are cut off. */
  function halfOf(value: number): number {
    const [bits] = new Uint32Array(Float32Array.of(value).buffer);
    const exponent = ((bits >>> 23) & 255) - 127 + 15;
    return exponent <= 0 ? 0 : ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 1023);
  }

  for (const dtype of ["uint8", "uint16", "float16"] as const) {
    it(`${dtype}, as TensorFlow.js reads them`, async () => {
      const { topology, specs, data } = await artifactsOf(small());
      const quantised = quantise(specs, data, dtype);
      const files = modelFiles(
        { format: "layers-model", modelTopology: topology },
        quantised.weights,
        quantised.data,
        64,
      );
      const oracle = await tfl.loadLayersModel({
        load: async () => ({
          modelTopology: topology,
          weightSpecs: quantised.weights,
          weightData: quantised.data.buffer,
        }),
      });
      await compareRun(oracle, await loadModel(files), input([8, 8, 3]));
    });
  }
});

describe("what cannot be loaded says why:", () => {
  const failing: Readonly<Record<string, readonly [() => Promise<unknown>, RegExp]>> = {
    "a file that is not there": [
      async () => {
        const { "group1-shard1of1.bin": _, ...rest } = await filesOf(small());
        return loadModel(rest);
      },
      /"model\.json" needs the file "group1-shard1of1\.bin", which is not among "model\.json"/,
    ],
    "a file that is too short": [
      async () => {
        const files = await filesOf(small());
        return loadModel({ ...files, "group1-shard1of1.bin": files["group1-shard1of1.bin"].slice(0, 100) });
      },
      /The weight files "group1-shard1of1\.bin" \(100\) must hold 508 bytes together, they hold 100\. One is cut off/,
    ],
    "a file that is too long": [
      async () => loadModel({ ...(await filesOf(small())), "group1-shard1of1.bin": new Uint8Array(600) }),
      /must hold 508 bytes together, they hold 600\. One is too long/,
    ],
    "model.json alone": [
      async () => loadModel((await filesOf(small()))["model.json"]),
      /a TensorFlow\.js model\.json without its weights\. Pass its path or URL.*"group1-shard1of1\.bin": …/,
    ],
    "a missing file beside a path": [
      async () => {
        const folder = mkdtempSync(join(tmpdir(), "model-"));
        writeFileSync(join(folder, "model.json"), (await filesOf(small()))["model.json"]);
        return loadModel(join(folder, "model.json"));
      },
      /group1-shard1of1\.bin" cannot be read: ENOENT/,
    ],
    "a weight that is not there": [
      async () =>
        loadModel(
          withJson(await filesOf(small()), (json) => {
            json.weightsManifest[0].weights[0].name = "other/kernel";
            return json;
          }),
        ),
      /Conv2D "conv": its weight "kernel" is not in the weightsManifest, which has "conv\/bias"/,
    ],
    "a weight of an unknown type": [
      async () =>
        loadModel(
          withJson(await filesOf(small()), (json) => {
            json.weightsManifest[0].weights[0].dtype = "complex64";
            return json;
          }),
        ),
      /Weight "conv\/kernel" is stored as complex64 for complex64; float32, int32 and bool are supported/,
    ],
    "half of model.json": [
      async () => {
        const files = await filesOf(small());
        return loadModel({ ...files, "model.json": files["model.json"].slice(0, 300) });
      },
      /begins like JSON but is none .* It is cut off or damaged/,
    ],
    "another JSON file": [
      () => loadModel(jsonBytes({ labels: ["a"], imageSize: 224 })),
      /JSON with the keys "labels", "imageSize"\. A TensorFlow\.js model\.json has a "modelTopology"/,
    ],
    "a model that is code": [
      () =>
        loadModel({
          "model.json": jsonBytes({ modelTopology: { class_name: "MyNet", config: {} }, weightsManifest: [] }),
        }),
      /a model of the class "MyNet"; Sequential and Functional models say what they compute/,
    ],
    "files among which none is the model": [
      () => loadModel({ "a.bin": new Uint8Array(4), "b.bin": new Uint8Array(4) }),
      /Which of the files is the model\? Expected model\.json or one \.onnx or \.tflite among "a\.bin", "b\.bin"/,
    ],
    "a list of what has no names": [
      () => loadModel([new Blob(["{}"])] as never),
      /A list of files must hold File objects/,
    ],
    "a folder": [
      () => loadModel("models"),
      /"models" is a folder\. Pass the \.onnx or model\.json file in it; .*SavedModel/,
    ],
    "a Keras HDF5 file": [
      () => loadModel(latin("\x89HDF\r\n\x1a\n")),
      /HDF5 file \(Keras \.h5\)\. Convert it: tensorflowjs_converter/,
    ],
    "a Keras 3 file": [
      () => loadModel(latin("PK\x03\x04…config.json…model.weights.h5")),
      /Keras 3 model \(\.keras\)\. Convert it/,
    ],
    "a packed export": [
      () => loadModel(latin("PK\x03\x04…weights.bin…model.json")),
      /ZIP archive with a TensorFlow\.js model in it\. Unpack it/,
    ],
    "a SavedModel": [
      () => loadModel(latin("\x08\x01\x12\xf3\x01")),
      /SavedModel \(saved_model\.pb\)\. Convert its folder/,
    ],
  };
  for (const [name, [load, message]] of Object.entries(failing)) {
    it(name, async () => {
      await expect(load()).rejects.toThrow(message);
      await expect(load()).rejects.toMatchObject({ name: "ModelError" });
    });
  }

  it("every layer that cannot run, at once", async () => {
    const start = tfl.input({ shape: [8, 4], name: "signal" });
    const conv = layers.conv1d({ filters: 4, kernelSize: 3, name: "conv" }).apply(start);
    const recurrent = layers
      .lstm({ units: 3, name: "memory", returnSequences: true, recurrentInitializer: "zeros" })
      .apply(conv);
    const activated = layers.thresholdedReLU({ theta: 1, name: "jump" }).apply(recurrent);
    const again = layers.gru({ units: 3, name: "again", recurrentInitializer: "zeros" }).apply(activated);
    const model = tfl.model({
      inputs: start,
      outputs: layers.dense({ units: 2, name: "scores" }).apply(again) as tfl.SymbolicTensor,
    });
    const files = await filesOf(model);
    const failure = await loadModel(files).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnsupportedOperatorError);
    expect((failure as UnsupportedOperatorError).operators.map(({ op, node }) => [op, node])).toEqual([
      ["LSTM", "memory"],
      ["ThresholdedReLU", "jump"],
      ["GRU", "again"],
    ]);
    expect((failure as Error).message).toMatch(
      /LSTM \(at "memory": recurrent and attention layers are not supported\)/,
    );
    expect((await loadModel(files, { output: "conv" })).output).toEqual({ name: "conv", shape: [1, 4, 6] });
  });

  it("an input size that the file leaves open", async () => {
    const model = tfl.sequential({
      layers: [
        layers.conv2d({ filters: 4, kernelSize: 3, batchInputShape: [null, null, null, 3], name: "conv" } as never),
        layers.globalAveragePooling2d({}),
      ],
    });
    const files = await filesOf(model);
    await expect(loadModel(files)).rejects.toThrow(
      /leaves axes 1 and 2 of \[\?, \?, \?, 3\] open\. Pass inputShape, for example \[1, 224, 224, 3\]/,
    );
    expect((await loadModel(files, { inputShape: [1, 10, 12, 3] })).input.shape).toEqual([1, 10, 12, 3]);
    await expect(loadModel(files, { inputShape: [1, 3, 10, 12] })).rejects.toThrow(
      /the file fixes the shape .*inputShape is \[1, 3, 10, 12\]/,
    );
  });
});

const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
