import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "vitest";
import { readArray } from "../../src/cli/array-file";
import {
  contactSheet,
  decodeImage,
  encodeJpeg,
  encodeNpy,
  encodePng,
  explain,
  integratedGradients,
  loadModel,
  type ModelSource,
  mergeTopActivations,
  Tensor,
  topActivations,
} from "../../src/index";
import { smallLiteFile } from "../tflite/small-file";
import { expectSound, mutated, tryAll } from "./mutants";
import { attending, boxes, classifier } from "./small-networks";
import { decodeOptions, explainOptions, loadOptions } from "./wild-options";

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

const small = { width: 12, height: 12, data: Uint8Array.from({ length: 432 }, (_, i) => (i * 37) % 256) };

/** Loads a file, looks at a picture by it and explains that, all with options of chance. */
async function tryModel(file: ModelSource, below: (n: number) => number): Promise<void> {
  using model = await loadModel(file, loadOptions(below));
  await model.predict(small);
  await explain(model, small, explainOptions(below) as never);
}

const read = (path: string): Uint8Array => new Uint8Array(readFileSync(resolve(path)));

describe("thousands of damaged", () => {
  it("ONNX files end in typed errors or results", async () => {
    const chosen = [classifier, boxes, attending];
    expectSound(
      "ONNX, small networks",
      await tryAll(3000, 21, async (below) => tryModel(mutated(chosen[below(chosen.length)], below), below)),
    );
    expectSound(
      "ONNX, the pet-shop network",
      await tryAll(600, 1, async (below) => {
        // Most of the file is weights: the beginning and the end are the graph.
        const cut = mutated(onnx.slice(0, 4000), below);
        return tryModel(Uint8Array.from([...cut, ...onnx.subarray(4000)]), below);
      }),
    );
  }, 600_000);

  it.each([
    ["graph-models", graph],
    ["layers-models", layers],
  ])(
    "TensorFlow.js %s do",
    async (family, json) => {
      expectSound(
        `TensorFlow.js ${family}`,
        await tryAll(3000, 3, async (below) => {
          const name = pick(["w.bin", "w.bin", "w.bin", "./w.bin", "../w.bin", "W.BIN", "__proto__", ""], below);
          const bin = below(5) === 0 ? mutated(weights, below) : weights;
          return tryModel({ "model.json": mutated(json, below), [name]: bin }, below);
        }),
      );
    },
    600_000,
  );

  it("manifests of TensorFlow.js do", async () => {
    const whole = JSON.parse(new TextDecoder().decode(graph)) as { weightsManifest: unknown };
    const { weightsManifest: manifest, ...rest } = whole;
    const entry = { name: "w", shape: [3, 3, 1, 2] };
    const manifests = [
      ...[manifest, [{ paths: ["w.bin", "w.bin"], weights: [{ ...entry, dtype: "float32" }] }]],
      [
        {
          paths: ["w.bin"],
          weights: [{ ...entry, dtype: "uint8", quantization: { scale: 0.5, min: -3, dtype: "uint8" } }],
        },
      ],
      [{ paths: ["w.bin"], weights: [{ ...entry, dtype: "float32", quantization: { dtype: "float16" } }] }],
      [
        { paths: ["w.bin"], weights: [{ ...entry, dtype: "string" }] },
        { paths: [], weights: [] },
      ],
    ];
    expectSound(
      "TensorFlow.js manifests",
      await tryAll(3000, 23, async (below) => {
        const text = new TextDecoder().decode(mutated(encode(pick(manifests, below)), below));
        const json = new TextEncoder().encode(`${JSON.stringify(rest).slice(0, -1)},"weightsManifest":${text}}`);
        return tryModel({ "model.json": json, "w.bin": weights.slice(0, 72 - below(40)) }, below);
      }),
    );
  }, 600_000);

  it.each(["float", "int8"] as const)(
    "TensorFlow Lite files of %s do",
    async (kind) => {
      const file = smallLiteFile(kind);
      expectSound(
        `TensorFlow Lite, ${kind}`,
        await tryAll(5000, 13, async (below) => {
          // Every tenth is cut off somewhere, and nothing else.
          const damaged = below(10) === 0 ? file.slice(0, below(file.length)) : mutated(file, below);
          return tryModel(damaged, below);
        }),
      );
    },
    600_000,
  );

  it("class names and configurations do", async () => {
    const names = encode({ id2label: { 0: "a", 1: "b", 2: "c" }, label2id: { a: 0 } });
    const config = encode({
      id2label: { 0: "a", 1: "b" },
      preprocessor: {
        size: { height: 12, width: 12 },
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.2, 0.2, 0.2],
        do_rescale: true,
      },
    });
    const lines = new TextEncoder().encode("cat\ndog\r\nn02 bird, fowl\n");
    const list = encode(["a", "b", "c"]);
    expectSound(
      "Class names and configurations",
      await tryAll(3000, 25, async (below) => {
        const text = new TextDecoder().decode(mutated(pick([names, lines, list], below), below));
        const options = below(2) === 0 ? { labels: text } : { config: parsed(mutated(config, below)) as never };
        using model = await loadModel(classifier, { ...loadOptions(below), ...options });
        await model.predict(small);
      }),
    );
  }, 600_000);

  it.each(["PNG", "JPEG"])(
    "%s files do",
    async (format) => {
      const files =
        format === "PNG"
          ? [
              await encodePng(picture),
              ...["grey", "lossless-alpha"].map((name) => read(`test/image/files/${name}.expected.png`)),
            ]
          : [
              await encodeJpeg(picture),
              ...["progressive", "cmyk-adobe"].map((name) => read(`test/image/files/${name}.jpg`)),
            ];
      expectSound(
        format,
        await tryAll(3000, 5, async (below) => decodeImage(mutated(pick(files, below), below), decodeOptions(below))),
      );
    },
    600_000,
  );

  it("WebP files do", async () => {
    const files = ["alpha", "animated", "lossless-alpha", "lossy"].map((name) => read(`test/image/files/${name}.webp`));
    expectSound(
      "WebP",
      await tryAll(3000, 9, async (below) => decodeImage(mutated(pick(files, below), below), decodeOptions(below))),
    );
  }, 600_000);

  it(".npy files do", async () => {
    const npy = encodeNpy(new Tensor(new Float32Array(24), [1, 2, 12]));
    expectSound(".npy", await tryAll(3000, 11, async (below) => readArray("a.npy", mutated(npy, below))));
  }, 300_000);

  it("results of searches do", async () => {
    using model = await loadModel(classifier);
    const images = [0, 1, 2].map((id) => ({ id: String(id), image: small }));
    const search = encode(await topActivations(model, images, { layer: "r2", unit: [0, 1], top: 2 }));
    expectSound(
      "Results of searches",
      await tryAll(3000, 7, async (below) => {
        const found = parsed(mutated(search, below)) as never;
        const merged = mergeTopActivations(found);
        return below(3) === 0 ? contactSheet(model, merged, () => small, { tile: 16, unit: 0 }) : merged;
      }),
    );
  }, 600_000);

  it("recipes do", async () => {
    using model = await loadModel(classifier);
    const { recipe } = await integratedGradients(model, small, { target: 1, nSteps: 2 });
    const written = encode({ ...recipe.options, method: recipe.method, seed: recipe.seed });
    expectSound(
      "Recipes",
      await tryAll(3000, 27, async (below) => {
        const options = parsed(mutated(written, below));
        const extra = below(3) === 0 ? explainOptions(below) : {};
        return explain(model, small, (typeof options === "object" ? { ...options, ...extra } : options) as never);
      }),
    );
  }, 600_000);
});

/** No JSON is its reader's to refuse. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

const pick = <T>(list: readonly T[], below: (n: number) => number): T => list[below(list.length)];
