import { expect, it } from "vitest";
import { liteFile, type TensorSpec } from "../tflite/lite-file";
import { wave } from "../tflite/small-file";
import { bytesModule } from "./bytes-module";

/** An integer of each number between −1 and 1. */
const wholes = (count: number, seed: number, largest: number): number[] =>
  wave(count, seed).map((value) => Math.round(value * largest));

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A value of the network, on one grid. */
const on = (name: string, shape: readonly number[], scale: number, zero: number): TensorSpec => ({
  ...{ name, shape, type: "int8", scale: [scale], zero: [zero] },
});

/** Weights with one scale for each place of an axis. */
function weights(name: string, shape: readonly number[], axis: number, seed: number): TensorSpec {
  const scale = Array.from({ length: shape[axis] }, (_, i) => (i + 3) / 1024);
  const data = Int8Array.from(wholes(sizeOf(shape), seed, 127));
  return { ...{ name, shape, type: "int8", data, scale, axis }, zero: scale.map(() => 0) };
}

function biases(name: string, { scale = [] }: TensorSpec, by: number, seed: number): TensorSpec {
  const data = Int32Array.from(wholes(scale.length, seed, 900));
  return {
    ...{ name, shape: [scale.length], type: "int32", data },
    scale: scale.map((s) => s * by),
    zero: scale.map(() => 0),
  };
}

const same = ["byte", 0] as const;
const relu6 = ["byte", 3] as const;
const int = (value: number) => ["int", value] as const;

/** What files on devices have: a convolution, one of single channels, a residual sum, a mean, a dense layer; 36×36 pixels. */
function build(): Uint8Array {
  const [image, stem, deep, sum, mean] = [1 / 60, 0.02, 0.03, 0.05, 0.015];
  const [first, single, mixing] = [
    weights("first", [8, 3, 3, 3], 0, 1),
    weights("single", [1, 3, 3, 8], 3, 2),
    weights("mixing", [8, 1, 1, 8], 0, 3),
  ];
  const matrix = weights("matrix", [5, 8], 0, 4);
  return liteFile({
    tensors: [
      on("image", [1, 36, 36, 3], image, 5),
      ...[first, biases("first/bias", first, image, 5), on("stem", [1, 18, 18, 8], stem, -128)],
      ...[single, biases("single/bias", single, stem, 6), on("deep", [1, 18, 18, 8], deep, -117)],
      ...[mixing, biases("mixing/bias", mixing, deep, 7), on("mixed", [1, 18, 18, 8], deep, 11)],
      on("sum", [1, 18, 18, 8], sum, -20),
      { name: "axes", shape: [2], type: "int32", data: Int32Array.of(1, 2) },
      on("mean", [1, 8], mean, -9),
      ...[matrix, biases("matrix/bias", matrix, mean, 8), on("logits", [1, 5], 0.02, 7)],
      on("scores", [1, 5], 1 / 256, -128),
    ],
    operators: [
      {
        ...{ op: "CONV_2D", inputs: ["image", "first", "first/bias"], outputs: ["stem"] },
        options: { 0: same, 1: int(2), 2: int(2), 3: relu6, 4: int(1), 5: int(1) },
      },
      {
        ...{ op: "DEPTHWISE_CONV_2D", inputs: ["stem", "single", "single/bias"], outputs: ["deep"] },
        options: { 0: same, 1: int(1), 2: int(1), 3: int(1), 4: same, 5: int(1), 6: int(1) },
      },
      {
        ...{ op: "CONV_2D", inputs: ["deep", "mixing", "mixing/bias"], outputs: ["mixed"] },
        options: { 0: same, 1: int(1), 2: int(1), 3: same, 4: int(1), 5: int(1) },
      },
      { op: "ADD", inputs: ["mixed", "stem"], outputs: ["sum"], options: { 0: same } },
      { op: "MEAN", inputs: ["sum", "axes"], outputs: ["mean"], options: { 0: ["bool", false] } },
      { op: "FULLY_CONNECTED", inputs: ["mean", "matrix", "matrix/bias"], outputs: ["logits"], options: { 0: same } },
      { op: "SOFTMAX", inputs: ["logits"], outputs: ["scores"], options: { 0: ["float", 1] } },
    ],
    ...{ inputs: ["image"], outputs: ["scores"] },
  });
}

it("the suite carries the bytes of the tiny network of integers", async () => {
  const what = "The bytes of a small TensorFlow Lite network of int8";
  await expect(bytesModule("tinyInt8", what, "tiny-int8.test.ts", build())).toMatchFileSnapshot("suite/tiny-int8.mjs");
});
