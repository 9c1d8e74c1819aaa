import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "vitest";
import { readArray } from "../../src/cli/array-file";
import {
  decodeImage,
  encodeJpeg,
  encodeNpy,
  encodePng,
  explain,
  integratedGradients,
  loadModel,
  mergeTopActivations,
  Tensor,
  topActivations,
} from "../../src/index";
import { smallLiteFile } from "../tflite/small-file";
import { expectSound, mutated, tryAll } from "./mutants";

const encode = (json: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(json));
const shapeOf = (...size: number[]) => ({ shape: { dim: size.map((each) => ({ size: String(each) })) } });
const graph = encode({
  format: "graph-model",
  modelTopology: {
    node: [
      { name: "x", op: "Placeholder", attr: { shape: shapeOf(1, 4, 4, 1) } },
      { name: "w", op: "Const" },
      {
        name: "c",
        op: "Conv2D",
        input: ["x", "w"],
        attr: { strides: { list: { i: ["1", "1", "1", "1"] } }, padding: { s: "U0FNRQ==" } },
      },
      { name: "r", op: "Relu", input: ["c"] },
      {
        name: "p",
        op: "MaxPool",
        input: ["r"],
        attr: { ksize: { list: { i: ["1", "2", "2", "1"] } }, strides: { list: { i: ["1", "2", "2", "1"] } } },
      },
    ],
  },
  weightsManifest: [{ paths: ["w.bin"], weights: [{ name: "w", shape: [3, 3, 1, 2], dtype: "float32" }] }],
});
const layers = encode({
  format: "layers-model",
  modelTopology: {
    class_name: "Sequential",
    config: {
      name: "m",
      layers: [
        {
          class_name: "Conv2D",
          config: {
            name: "c",
            filters: 2,
            kernel_size: [3, 3],
            strides: [1, 1],
            padding: "same",
            use_bias: false,
            activation: "relu",
            batch_input_shape: [null, 4, 4, 1],
          },
        },
        { class_name: "MaxPooling2D", config: { name: "p", pool_size: [2, 2], strides: [2, 2] } },
        { class_name: "Flatten", config: { name: "f" } },
      ],
    },
  },
  weightsManifest: [{ paths: ["w.bin"], weights: [{ name: "c/kernel", shape: [3, 3, 1, 2], dtype: "float32" }] }],
});
const weights = new Uint8Array(new Float32Array(18).fill(0.5).buffer);
const onnx = new Uint8Array(readFileSync(resolve("models/petshop.onnx")));
const picture = { width: 24, height: 16, data: Uint8Array.from({ length: 24 * 16 * 3 }, (_, i) => (i * 37) % 256) };

/** Little room, so that a case that asks for much is refused at once. */
const limits = { maxMemory: 64 * 2 ** 20 };

describe("thousands of damaged", () => {
  it("ONNX files end in typed errors or results", async () => {
    expectSound(
      "ONNX",
      await tryAll(400, 1, async (below) => {
        // Most of the file is weights: the beginning and the end are the graph.
        const cut = mutated(onnx.slice(0, 4000), below);
        const model = await loadModel(Uint8Array.from([...cut, ...onnx.subarray(4000)]), limits);
        model.dispose();
      }),
    );
  }, 300_000);

  it.each([
    ["graph-models", graph],
    ["layers-models", layers],
  ])(
    "TensorFlow.js %s do",
    async (family, json) => {
      expectSound(
        `TensorFlow.js ${family}`,
        await tryAll(800, 3, async (below) => {
          const model = await loadModel({ "model.json": mutated(json, below), "w.bin": weights }, limits);
          await model.predict({ width: 4, height: 4, data: new Uint8Array(48) });
          model.dispose();
        }),
      );
    },
    300_000,
  );

  it.each(["float", "int8"] as const)(
    "TensorFlow Lite files of %s do",
    async (kind) => {
      const file = smallLiteFile(kind);
      expectSound(
        `TensorFlow Lite, ${kind}`,
        await tryAll(5000, 13, async (below) => {
          const model = await loadModel(mutated(file, below), limits);
          await model.predict({ width: 6, height: 6, data: new Uint8Array(108) });
          model.dispose();
        }),
      );
    },
    300_000,
  );

  it.each(["PNG", "JPEG"])(
    "%s files do",
    async (format) => {
      const bytes = await (format === "PNG" ? encodePng(picture) : encodeJpeg(picture));
      expectSound(
        format,
        await tryAll(800, 5, async (below) => decodeImage(mutated(bytes, below), { maxPixels: 1e6 })),
      );
    },
    300_000,
  );

  it("WebP files do", async () => {
    const files = ["alpha", "animated", "lossless-alpha"].map(
      (name) => new Uint8Array(readFileSync(resolve(`test/image/files/${name}.webp`))),
    );
    expectSound(
      "WebP",
      await tryAll(600, 9, async (below) => decodeImage(mutated(files[below(3)], below), { maxPixels: 1e6 })),
    );
  }, 300_000);

  it(".npy files do", async () => {
    const npy = encodeNpy(new Tensor(new Float32Array(24), [1, 2, 12]));
    expectSound(".npy", await tryAll(1000, 11, async (below) => readArray("a.npy", mutated(npy, below))));
  }, 300_000);

  it("JSON parts, results of searches and recipes, do", async () => {
    const model = await loadModel(onnx, limits);
    const images = [0, 1, 2].map((id) => ({ id: String(id), image: picture }));
    const search = encode(await topActivations(model, images, { layer: "relu6", unit: [0, 1], top: 2 }));
    const { recipe } = await integratedGradients(model, picture, { target: 1, nSteps: 2 });
    const written = encode({ ...recipe.options, method: recipe.method, seed: recipe.seed });
    const parsed = (bytes: Uint8Array): unknown => {
      try {
        return JSON.parse(new TextDecoder().decode(bytes));
      } catch {
        return undefined; // No JSON is its reader's to refuse.
      }
    };
    expectSound(
      "JSON parts",
      await tryAll(1000, 7, async (below) => {
        if (below(10) > 0) return mergeTopActivations(parsed(mutated(search, below)) as never);
        const options = parsed(mutated(written, below)) as never;
        return explain(model, picture, options);
      }),
    );
    model.dispose();
  }, 300_000);
});
