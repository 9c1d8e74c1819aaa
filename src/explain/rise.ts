import { wholeNumber } from "../checks";
import { OptionError } from "../errors";
import type { Input, Model } from "../model/model";
import type { Attribution } from "./attribution";
import type { BlackBox } from "./black-box";
import { createPace } from "./pace";
import type { Frame } from "./patches";
import { Random } from "./random";
import { attributeToPlaces, type PassesOptions, scoreInput } from "./scored-input";

export interface RiseOptions extends PassesOptions {
  /** Number of masks, a pass each; default 4000. */
  readonly masks?: number;
  /** Cells of a mask along each axis; default 7. */
  readonly grid?: number;
  /** Probability that a cell lets the input through; default 0.5. */
  readonly probability?: number;
}

/**
 * RISE: the mean of random masks, each weighed by the score of the input behind it. Needs only scores.
 *
 *   attribution(pixel) = 1/(N p) Σ_i s(x ⊙ M_i) · M_i(pixel)
 *
 * Petsiuk, Das & Saenko 2018, https://arxiv.org/abs/1806.07421, equation 6 and section 3.2: a mask is a grid of cells that are 1 with
 * probability p, enlarged bilinearly to one cell more than the input and cropped at random. Enlarged with half-pixel centres and
 * mirrored edges, as the authors' code does (https://github.com/eclique/RISE). Scores are those before the softmax; hidden pixels
 * are zero in the network's input space. The sum converges slowly: its error falls with 1/√masks.
 *
 * @param model  a loaded model, or any function that scores a batch (then the input is a Tensor)
 * @returns attribution, same shape as the input, in score units; all channels of a pixel have the same value
 * @throws {OptionError} if masks, grid, probability or batchSize is out of range
 * @throws {TargetError} if `target` names no class of the model
 * @example
 * const attribution = await rise(model, image, { target: "cat", masks: 500, seed: 1 });
 */
export async function rise(model: Model | BlackBox, input: Input, options: RiseOptions = {}): Promise<Attribution> {
  const { probability = 0.5, seed = 0 } = options;
  const masks = wholeNumber("masks", options.masks ?? 4000, 1);
  const grid = wholeNumber("grid", options.grid ?? 7, 1);
  if (!(probability > 0 && probability < 1)) {
    throw new OptionError(`probability must be above 0 and below 1, got ${probability}.`);
  }
  const scored = await scoreInput(model, input, options);
  const { x, frame, batchSize } = scored;
  const { channels } = frame;
  const places = x.length / channels;
  const random = new Random(seed);
  const pace = createPace(options, masks);
  const sums = new Float64Array(places);
  for (let first = 0; first < masks; first += batchSize) {
    const drawn = Array.from({ length: Math.min(batchSize, masks - first) }, () =>
      drawMask(frame, grid, probability, random),
    );
    const copies = new Float32Array(drawn.length * x.length);
    drawn.forEach((mask, sample) => {
      for (let i = 0; i < x.length; i++) copies[sample * x.length + i] = x[i] * mask[Math.floor(i / channels)];
    });
    const scores = await scored.score(copies, drawn.length);
    drawn.forEach((mask, sample) => {
      for (let place = 0; place < places; place++) sums[place] += scores[sample] * mask[place];
    });
    await pace.step(first + drawn.length);
  }
  const values = sums.map((sum) => sum / masks / probability);
  return attributeToPlaces(scored, "rise", values, { ...options, masks, grid, probability });
}

/** A value from 0 to 1 per place. */
function drawMask({ height, width }: Frame, grid: number, probability: number, random: Random): Float32Array {
  const rows = height === 1 ? 1 : grid;
  const cells = Float32Array.from({ length: rows * grid }, () => Number(random.uniform() < probability));
  const vertical = weights(height, rows, random);
  const horizontal = weights(width, grid, random);
  return Float32Array.from({ length: height * width }, (_, place) => {
    const [top, bottom, down] = vertical[Math.floor(place / width)];
    const [left, right, across] = horizontal[place % width];
    const row = (y: number): number => cells[y * grid + left] * (1 - across) + cells[y * grid + right] * across;
    return row(top) * (1 - down) + row(bottom) * down;
  });
}

/** Of each place along an axis the two cells it lies between, and how far it is on the way to the second. */
function weights(extent: number, cells: number, random: Random): (readonly [number, number, number])[] {
  const cell = Math.ceil(extent / cells);
  const shift = Math.floor(random.uniform() * cell);
  const last = cells - 1;
  return Array.from({ length: extent }, (_, i) => {
    const at = Math.abs(((i + shift + 0.5) * cells) / ((cells + 1) * cell) - 0.5);
    const mirrored = Math.max(0, at > last ? 2 * last - at : at);
    const from = Math.min(Math.floor(mirrored), last);
    return [from, Math.min(from + 1, last), mirrored - from] as const;
  });
}
