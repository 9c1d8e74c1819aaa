import { liteFile, type TensorSpec } from "./lite-file";

/** Numbers between −1 and 1 that follow no pattern, the same in every run. */
export const wave = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 12.9898 + seed * 78.233));

const floats = (name: string, shape: readonly number[], seed: number): TensorSpec => ({
  ...{ name, shape },
  data: Float32Array.from(
    wave(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  ),
});

/** Integers from −127 to 127, one scale for each place of the first axis. */
const integers = (name: string, shape: readonly number[], seed: number): TensorSpec => ({
  ...{ name, shape, type: "int8" },
  data: Int8Array.from(
    wave(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    (value) => Math.round(value * 127),
  ),
  scale: Array.from({ length: shape[0] }, (_, i) => (i + 2) / 512),
  zero: new Array<number>(shape[0]).fill(0),
});

const biases = (name: string, scales: readonly number[], seed: number): TensorSpec => ({
  ...{ name, shape: [scales.length], type: "int32" },
  data: Int32Array.from(wave(scales.length, seed), (value) => Math.round(value * 500)),
  ...{ scale: scales, zero: scales.map(() => 0) },
});

const operators = [
  {
    ...{ op: "CONV_2D", inputs: ["image", "filter", "bias"], outputs: ["features"] },
    options: { 0: ["byte", 0], 1: ["int", 1], 2: ["int", 1], 3: ["byte", 1], 4: ["int", 1], 5: ["int", 1] },
  },
  {
    ...{ op: "MAX_POOL_2D", inputs: ["features"], outputs: ["pooled"] },
    options: { 0: ["byte", 1], 1: ["int", 2], 2: ["int", 2], 3: ["int", 2], 4: ["int", 2] },
  },
  { op: "RESHAPE", inputs: ["pooled", "flat"], outputs: ["row"] },
  { op: "FULLY_CONNECTED", inputs: ["row", "matrix", "shift"], outputs: ["logits"], options: { 0: ["byte", 0] } },
  { op: "SOFTMAX", inputs: ["logits"], outputs: ["scores"], options: { 0: ["float", 1] } },
] as const;

/** Convolution, pooling, a dense layer, softmax: 6×6 pixels, three classes; quantised per channel, or of floats. */
export function smallLiteFile(kind: "float" | "int8", metadata: Readonly<Record<string, Uint8Array>> = {}) {
  const isFloat = kind === "float";
  const weights = isFloat ? floats : integers;
  const filter = weights("filter", [4, 3, 3, 3], 1);
  const matrix = weights("matrix", [3, 36], 2);
  const grid = (name: string, shape: readonly number[], scale: number, zero: number): TensorSpec =>
    isFloat ? { name, shape } : { name, shape, type: "int8", scale: [scale], zero: [zero] };
  const features = 0.04;
  const times = (scales: readonly number[] | undefined, by: number): number[] => (scales ?? []).map((s) => s * by);
  return liteFile({
    tensors: [
      grid("image", [1, 6, 6, 3], 1 / 64, 0),
      filter,
      isFloat ? floats("bias", [4], 3) : biases("bias", times(filter.scale, 1 / 64), 3),
      grid("features", [1, 6, 6, 4], features, -128),
      grid("pooled", [1, 3, 3, 4], features, -128),
      { name: "flat", shape: [2], type: "int32", data: Int32Array.of(-1, 36) },
      grid("row", [1, 36], features, -128),
      matrix,
      isFloat ? floats("shift", [3], 4) : biases("shift", times(matrix.scale, features), 4),
      grid("logits", [1, 3], 0.25, 3),
      grid("scores", [1, 3], 1 / 256, -128),
    ],
    operators,
    ...{ inputs: ["image"], outputs: ["scores"], metadata },
  });
}
