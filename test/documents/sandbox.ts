import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import * as tfl from "@tensorflow/tfjs-layers";
import { encode } from "jpeg-js";
import { decodeImage } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";
import { onnxFile, rawFloats } from "../onnx/protobuf";
import { artifactsOf, jsonBytes, seedWeights } from "../tfjs/harness";
import { quantisedClassifier } from "./quantised-classifier";

/**
 * A folder in which the documents' programs and commands run: the repository's examples and models as they are, the
 * package under its name, and the files that a reader is supposed to have:
 *
 * | file | is |
 * |---|---|
 * | `model.onnx`, `labels.json` | the embedded classifier and its labels |
 * | `model-int8.onnx` | the same, quantised |
 * | `segmenter.onnx` | a network of five classes on 256×256 maps, seeded weights |
 * | `volumes.onnx` | a network of volumes of 12×8×8, seeded weights |
 * | `pair.onnx` | a network of two pictures `a` and `b` of 48×48, seeded weights |
 * | `pets/model.json`, … | a TensorFlow.js layers-model with the labels of Teachable Machine, seeded weights |
 * | `pets/model.onnx`, `….data` | a convolution with its weights beside it |
 * | `photo.png`, `photo.jpg`, `picture.png` | a bundled scene |
 * | `signal.csv` | a strip of heart beats, one sample a line |
 * | `scenes/*.png`, `photos/<label>/*.png` | the bundled scenes, the same by label |
 */
export async function makeSandbox(root: string): Promise<string> {
  const template = join(root, "template");
  mkdirSync(join(template, "pets"), { recursive: true });
  mkdirSync(join(root, "node_modules"));
  symlinkSync(resolve("."), join(root, "node_modules/seethrough"));
  for (const name of ["dist", "examples", "models"]) symlinkSync(resolve(name), join(template, name));
  copyFileSync("models/petshop.onnx", join(template, "model.onnx"));
  copyFileSync("models/labels.json", join(template, "labels.json"));
  for (const name of ["photo.png", "picture.png"])
    copyFileSync("examples/images/scene-cat-00.png", join(template, name));
  const photo = await decodeImage(readFileSync("examples/images/scene-cat-00.png"));
  writeFileSync(join(template, "photo.jpg"), encode({ ...photo, data: Buffer.from(photo.data) }, 95).data);
  const { strips } = JSON.parse(readFileSync("examples/signal/beats.json", "utf8"));
  writeFileSync(join(template, "signal.csv"), strips[1].values.join("\n"));
  const scenes: readonly { readonly file: string; readonly label: string }[] = JSON.parse(
    readFileSync("examples/images/scenes.json", "utf8"),
  );
  for (const { file, label } of scenes)
    for (const folder of ["scenes", `photos/${label}`]) cpSync(`examples/images/${file}`, join(template, folder, file));
  const calibration = scenes.slice(0, 4).map(({ file }) => file);
  writeFileSync(join(template, "model-int8.onnx"), await quantisedClassifier(calibration));
  writeFileSync(join(template, "segmenter.onnx"), writeOnnx(segmenter()));
  writeFileSync(join(template, "volumes.onnx"), writeOnnx(volumes()));
  writeFileSync(join(template, "pair.onnx"), writeOnnx(pair()));
  for (const [name, bytes] of Object.entries(await pets())) writeFileSync(join(template, "pets", name), bytes);
  return template;
}

function segmenter(): ReturnType<typeof graphOf> {
  const random = randomIntegers(5);
  return graphOf({
    inputs: { x: [1, 3, 256, 256] },
    constants: { w1: randomFloats(random, [4, 3, 3, 3]), w2: randomFloats(random, [5, 4, 1, 1]) },
    nodes: [
      ["Conv", ["x", "w1"], ["c1"], { pads: [1, 1, 1, 1] }],
      ["Relu", ["c1"], ["r1"]],
      ["Conv", ["r1", "w2"], ["y"]],
    ],
  });
}

export function volumes(): ReturnType<typeof graphOf> {
  const random = randomIntegers(6);
  return graphOf({
    inputs: { x: [1, 1, 12, 8, 8] },
    constants: { w1: randomFloats(random, [4, 1, 3, 3, 3]), w2: randomFloats(random, [4, 2]) },
    nodes: [
      ["Conv", ["x", "w1"], ["c1"]],
      ["Relu", ["c1"], ["r1"]],
      ["GlobalAveragePool", ["r1"], ["p1"]],
      ["Flatten", ["p1"], ["f1"]],
      ["MatMul", ["f1", "w2"], ["y"]],
    ],
  });
}

function pair(): ReturnType<typeof graphOf> {
  const tower = (name: string): Parameters<typeof graphOf>[0]["nodes"] => [
    ["Conv", [name, "w"], [`${name}1`], { pads: [1, 1, 1, 1], strides: [2, 2] }],
    ["Relu", [`${name}1`], [`${name}2`]],
    ["GlobalAveragePool", [`${name}2`], [`${name}3`]],
    ["Flatten", [`${name}3`], [`${name}4`]],
  ];
  return graphOf({
    inputs: { a: [1, 3, 48, 48], b: [1, 3, 48, 48] },
    constants: { w: randomFloats(randomIntegers(9), [6, 3, 3, 3]), v: randomFloats(randomIntegers(8), [6, 2]) },
    nodes: [...tower("a"), ...tower("b"), ["Mul", ["a4", "b4"], ["both"]], ["MatMul", ["both", "v"], ["y"]]],
  });
}

async function pets(): Promise<Record<string, Uint8Array>> {
  const { layers } = tfl;
  const model = tfl.sequential({
    layers: [
      layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [32, 32, 3], name: "conv", activation: "relu" }),
      layers.globalAveragePooling2d({ name: "pool" }),
      layers.dense({ units: 3, name: "scores" }),
    ],
  });
  seedWeights(model);
  const { topology, specs, data } = await artifactsOf(model);
  const manifest = [{ paths: ["weights.bin"], weights: specs }];
  return {
    "model.json": jsonBytes({ format: "layers-model", modelTopology: topology, weightsManifest: manifest }),
    "weights.bin": data,
    "metadata.json": jsonBytes({ labels: ["Tabby", "Parrot", "Koi"], imageSize: 32 }),
    "model.onnx": onnxFile({
      inputs: { x: [1, 3, 4, 4] },
      outputs: { y: [1, 1, 4, 4] },
      nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"] }],
      tensors: [{ name: "w", type: 1, dims: [1, 3, 1, 1], external: { location: "model.onnx.data" } }],
    }),
    "model.onnx.data": rawFloats(1, 2, 3),
  };
}
