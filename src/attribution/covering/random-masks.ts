/** Random masks, as RISE (https://arxiv.org/abs/1806.07421, section 3.2) draws them: cells enlarged and shifted. */

import { Random } from "../../random/random";
import type { InputPasses } from "../input-by-input";
import { foundAtPlaces, type ScoredInput } from "../scored-input";
import { type Cuboid, cuboidOf, type Frame } from "./patches";

export interface MaskOptions {
  readonly masks: number;
  readonly grid: number;
  readonly probability: number;
  readonly seed: number;
}

/**
 * A pass per mask, and their mean, each weighed by the score of the input behind it.
 *
 * @param level  "mean": each is weighed by how far its score is from the mean of all, so that what no mask changes comes to zero
 */
export function maskPasses(
  method: string,
  scored: ScoredInput,
  options: MaskOptions,
  level: "zero" | "mean",
): InputPasses {
  const { masks, grid, probability, seed } = options;
  const { x, frame, batchSize } = scored;
  const { channels } = frame;
  const places = x.length / channels;
  const random = new Random(seed);
  // One stream of numbers, drawn as far as it is needed.
  const draws: Draw[] = [];
  const drawn = (pass: number): Draw => {
    while (draws.length <= pass) draws.push(drawMask(frame, grid, probability, random));
    return draws[pass];
  };
  const sums = new Float64Array(places);
  const covers = level === "mean" ? new Float64Array(places) : undefined;
  const all = new Float64Array(masks);
  let taken = 0;
  /** The masks of the passes made last, from `first` on. */
  let made: { readonly first: number; readonly masks: readonly Float32Array[] } | undefined;
  return {
    count: masks,
    batchSize,
    resultBytes: Float64Array.BYTES_PER_ELEMENT,
    make(passes) {
      const copies = new Float32Array(passes.length * x.length);
      made = { first: passes[0], masks: passes.map((pass) => maskOf(frame, grid, drawn(pass))) };
      made.masks.forEach((mask, sample) => {
        for (let i = 0; i < x.length; i++) copies[sample * x.length + i] = x[i] * mask[Math.floor(i / channels)];
      });
      return scored.score(copies, passes.length);
    },
    take(scores, passes) {
      const [first] = passes;
      all.set(scores, first);
      for (let sample = 0; sample < scores.length; sample++) {
        const mask = made?.first === first ? made.masks[sample] : maskOf(frame, grid, drawn(first + sample));
        for (let place = 0; place < places; place++) sums[place] += scores[sample] * mask[place];
        for (let place = 0; covers && place < places; place++) covers[place] += mask[place];
      }
      taken += scores.length;
    },
    found() {
      const scores = all.subarray(0, taken);
      const mean = covers ? meanOf(scores) : 0;
      const values = sums.map((sum, place) => {
        // Σ s M − s̄ Σ M = Σ (s − s̄) M, and nothing, not its rounding, where all scores are the same.
        const above = covers ? (mean === undefined ? 0 : sum - mean * covers[place]) : sum;
        return above / taken / probability;
      });
      return foundAtPlaces(scored, method, values, { ...options }, scores);
    },
  };
}

/** Undefined where all of them are the same. */
const meanOf = (scores: Float64Array): number | undefined =>
  scores.every((score) => score === scores[0])
    ? undefined
    : scores.reduce((total, score) => total + score, 0) / scores.length;

/** What is random about a mask. */
interface Draw {
  /** 1 where a cell lets the input through, slice by slice, row by row. */
  readonly cells: Float32Array;
  /** Where the enlarged cells are cropped, in pixels. */
  readonly front: number;
  readonly top: number;
  readonly left: number;
}

/** Cells along each axis: one along an axis of one place. */
const cellsOf = (frame: Frame, grid: number): Cuboid => {
  const [depth, height] = cuboidOf(frame);
  return [depth === 1 ? 1 : grid, height === 1 ? 1 : grid, grid];
};
const cellSize = (extent: number, cells: number): number => Math.ceil(extent / cells);

function drawMask(frame: Frame, grid: number, probability: number, random: Random): Draw {
  const [slices, rows, columns] = cellsOf(frame, grid);
  const [depth, height, width] = cuboidOf(frame);
  const cells = Float32Array.from({ length: slices * rows * columns }, () => Number(random.uniform() < probability));
  const shift = (extent: number, count: number): number => Math.floor(random.uniform() * cellSize(extent, count));
  const [top, left] = [shift(height, rows), shift(width, columns)];
  return { cells, top, left, front: depth > 1 ? shift(depth, slices) : 0 };
}

/** A value from 0 to 1 per place: linear between cells along each axis. */
function maskOf(frame: Frame, grid: number, { cells, front, top, left }: Draw): Float32Array {
  const [slices, rows, columns] = cellsOf(frame, grid);
  const [depth, height, width] = cuboidOf(frame);
  const [deep, vertical, horizontal] = [
    weights(depth, slices, front),
    weights(height, rows, top),
    weights(width, columns, left),
  ];
  const mask = new Float32Array(depth * height * width);
  const inPlane = (slice: number, [above, below, down]: Between, [before, after, across]: Between): number => {
    const row = (at: number): number => {
      const from = (slice * rows + at) * columns;
      return cells[from + before] * (1 - across) + cells[from + after] * across;
    };
    return row(above) * (1 - down) + row(below) * down;
  };
  let place = 0;
  for (const [near, far, inward] of deep) {
    for (const y of vertical) {
      for (const x of horizontal) {
        const first = inPlane(near, y, x);
        mask[place++] = inward === 0 ? first : first * (1 - inward) + inPlane(far, y, x) * inward;
      }
    }
  }
  return mask;
}

/** Two cells, and how far a place is on the way from the first to the second. */
type Between = readonly [first: number, second: number, way: number];

/** Of each place along an axis the two cells it lies between, and how far it is on the way to the second. */
function weights(extent: number, cells: number, shift: number): Between[] {
  const cell = cellSize(extent, cells);
  const last = cells - 1;
  return Array.from({ length: extent }, (_, i) => {
    const at = Math.abs(((i + shift + 0.5) * cells) / ((cells + 1) * cell) - 0.5);
    const mirrored = Math.max(0, at > last ? 2 * last - at : at);
    const from = Math.min(Math.floor(mirrored), last);
    return [from, Math.min(from + 1, last), mirrored - from] as const;
  });
}
