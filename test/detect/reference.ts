/** Heads decoded plainly, row by row, from what onnxruntime returns: what `detect` is compared with. */
import * as ort from "onnxruntime-node";
import type { Detection, Tensor } from "../../src/index";

/** Left, top, right, bottom in pixels of the network's input, the class and its score. */
export interface PlainBox {
  readonly box: readonly [number, number, number, number];
  readonly index: number;
  readonly score: number;
}

export interface PlainOutput {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Runs a file on what the network is given, its outputs by name. */
export async function outputsOf(file: Uint8Array, input: Tensor): Promise<Record<string, PlainOutput>> {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 4 });
  const [, height, width, channels] = input.shape;
  const feed = new ort.Tensor("float32", input.toNCHW(), [1, channels, height, width]);
  const results = await session.run({ [session.inputNames[0]]: feed });
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [name, { dims, data: data as Float32Array }]),
  );
}

const area = ([left, top, right, bottom]: PlainBox["box"]): number =>
  Math.max(0, right - left) * Math.max(0, bottom - top);

export function iou(a: PlainBox["box"], b: PlainBox["box"]): number {
  const both = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
  return both === 0 ? 0 : both / (area(a) + area(b) - both);
}

/** The best of each class that overlap, as everybody's first implementation has it. */
export function suppressed(boxes: readonly PlainBox[], threshold: number): PlainBox[] {
  let left = [...boxes].sort((a, b) => b.score - a.score);
  const kept: PlainBox[] = [];
  while (left.length > 0) {
    const [best] = left;
    kept.push(best);
    left = left.slice(1).filter(({ index, box }) => index !== best.index || iou(best.box, box) <= threshold);
  }
  return kept;
}

export const cornersOf = ({ box: { x, y, width, height } }: Detection): PlainBox["box"] => [
  x,
  y,
  x + width,
  y + height,
];

export const centred = (x: number, y: number, w: number, h: number): PlainBox["box"] => [
  x - w / 2,
  y - h / 2,
  x + w / 2,
  y + h / 2,
];

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export function bestOf(scores: ArrayLike<number>): { readonly index: number; readonly score: number } {
  const list = Array.from(scores);
  const score = Math.max(...list);
  return { index: list.indexOf(score), score };
}
