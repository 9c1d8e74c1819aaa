import { describe, expect, it } from "vitest";
import {
  expectAdjoint,
  expectClose,
  get,
  kernels,
  noise,
  output,
  put,
  record,
  reset,
  room,
  tolerance,
} from "./harness.js";

interface Layer {
  readonly planes: number;
  readonly span: number;
  readonly inner: number;
  readonly columns: number;
}

/** w [inner][columns] as panels of eight columns; transposed, those of the adjoint. */
function packed(w: number[], { inner, columns }: Layer, transposed = false): number {
  const [channels, outChannels] = transposed ? [columns, inner] : [inner, columns];
  const panels = room(Math.ceil(outChannels / 8) * 8 * channels);
  const geometry = record("PackGeometry", {
    ...{ outChannels, channels, taps: 1, tapTable: put([0], "i32") },
    ...{ outStride: transposed ? columns : 1, channelStride: transposed ? 1 : columns },
  });
  kernels.packWeights(put(w), panels, geometry);
  return panels;
}

function run(
  x: number[],
  panels: number,
  layer: Layer,
  blockTiles: number,
  bounds = [-Infinity, Infinity],
  bias: number[] = [],
): number[] {
  const { planes, span, inner, columns } = layer;
  const scratch = room(blockTiles * (48 + 4 * inner));
  const [lo, hi] = bounds;
  const whole = Array.from({ length: Math.ceil(columns / 8) * 8 }, (_, i) => bias[i] ?? 0);
  const added = bias.length > 0 ? put(whole) : 0;
  return output(planes * span * columns, (y) =>
    kernels.multiplyPlanes(put(x), panels, added, y, scratch, planes * span, span, inner, columns, blockTiles, lo, hi),
  );
}

/** The naive sum in float64. */
function naive(x: number[], w: number[], { planes, span, inner, columns }: Layer): number[] {
  const y: number[] = [];
  for (let plane = 0; plane < planes; plane++) {
    for (let n = 0; n < columns; n++) {
      for (let p = 0; p < span; p++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += x[(plane * inner + k) * span + p] * w[k * columns + n];
        y.push(sum);
      }
    }
  }
  return y;
}

const layers: Layer[] = [
  { planes: 1, span: 197, inner: 12, columns: 24 },
  { planes: 7, span: 7, inner: 16, columns: 10 },
  { planes: 5, span: 3, inner: 9, columns: 8 },
  { planes: 3, span: 2, inner: 1, columns: 3 },
  { planes: 2, span: 9, inner: 33, columns: 17 },
  { planes: 6, span: 4, inner: 5, columns: 16 },
];

describe.each(layers)("multiplyPlanes of %o", (layer) => {
  const { planes, span, inner, columns } = layer;
  const x = noise(1, planes * span * inner);
  const w = noise(2, inner * columns);

  it.each([1, 2, 64])("sums as float64 does, in blocks of %d tiles", (tiles) => {
    reset();
    expectClose(run(x, packed(w, layer), layer, tiles), naive(x, w, layer), tolerance.sum);
  });

  it("clamps", () => {
    reset();
    const bounded = naive(x, w, layer).map((value) => Math.min(Math.max(value, -0.25), 0.5));
    expectClose(run(x, packed(w, layer), layer, 2, [-0.25, 0.5]), bounded, 2 * tolerance.sum);
  });

  it("adds the bias last", () => {
    reset();
    const bias = noise(4, columns);
    const sums = run(x, packed(w, layer), layer, 2);
    const added = run(x, packed(w, layer), layer, 2, undefined, bias);
    expect(added.every((value, i) => value === Math.fround(sums[i] + bias[Math.floor(i / span) % columns]))).toBe(true);
  });

  it("has the adjoint of the transposed matrix", () => {
    reset();
    const dy = noise(3, planes * span * columns);
    const back = { ...layer, inner: columns, columns: inner };
    const ax = run(x, packed(w, layer), layer, 3);
    expectAdjoint(ax, dy, x, run(dy, packed(w, layer, true), back, 3));
  });

  it("has the bits of the convolution with one tap", () => {
    reset();
    const rows = planes * span;
    const turned = Array.from({ length: rows * inner }, (_, i) => {
      const [row, k] = [Math.floor(i / inner), i % inner];
      return x[(Math.floor(row / span) * inner + k) * span + (row % span)];
    });
    const tapTable = put([0, 0], "i32");
    const geometry = record("ConvGeometry", {
      ...{ samples: 1, inH: 1, inW: rows, channels: inner, outH: 1, outW: rows, strideH: 1, strideW: 1 },
      ...{ ySample: 0, yRow: 0, yPixel: columns, taps: 1, tapTable, run: 1, outChannels: columns, groups: 1 },
      ...{ blockTiles: 2, lo: -Infinity, hi: Infinity },
    });
    const y = room(rows * columns);
    kernels.conv(put(turned), packed(w, layer), 0, y, room(2 * (16 + 4 * inner) + 4 * inner + 8), geometry);
    const expected = get(y, rows * columns);
    const actual = run(x, packed(w, layer), layer, 2);
    for (let row = 0; row < rows; row++) {
      for (let n = 0; n < columns; n++) {
        const at = (Math.floor(row / span) * columns + n) * span + (row % span);
        expect(actual[at]).toBe(expected[row * columns + n]);
      }
    }
  });
});
