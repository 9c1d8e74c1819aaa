import type { Normalisation } from "../image/normalisation";

type Matrix = readonly (readonly number[])[];

/**
 * A square root of the correlations of red, green and blue in ImageNet, as Lucid has it (optvis/param/color.py); its
 * columns are lightness, red against blue, and green against both.
 */
const correlation: Matrix = [
  [0.26, 0.09, 0.02],
  [0.27, 0.0, -0.05],
  [0.27, -0.09, 0.03],
];

/** Lucid divides by the length of the longest column. */
const longest = Math.sqrt(Math.max(...[0, 1, 2].map((k) => correlation.reduce((sum, row) => sum + row[k] ** 2, 0))));

/** Full black and full colour lie infinitely far out; what is nearer than half an 8-bit step is moved there. */
const margin = 0.5 / 255;

export interface PictureSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Planes of any real numbers as values that a picture can have in the network's input:
 *
 *   value = normalised(σ(M·t))     M: Lucid's colours for three channels, else the identity
 *
 * Planes are f32[channels][width][height], columns first; values are f32[height][width][channels].
 */
export class Colours {
  readonly #mixing: Matrix;
  readonly #size: PictureSize;
  readonly #normalisation: Normalisation;

  constructor(size: PictureSize, normalisation: Normalisation) {
    this.#size = size;
    this.#normalisation = normalisation;
    const identity = Array.from({ length: size.channels }, (_, i) =>
      Array.from({ length: size.channels }, (_, k) => Number(i === k)),
    );
    this.#mixing = size.channels === 3 ? correlation.map((row) => row.map((entry) => entry / longest)) : identity;
  }

  at(planes: Float32Array): { values: Float32Array; adjoint(gradient: ArrayLike<number>): Float32Array } {
    const { toValue } = this.#normalisation;
    const step = planes.length / this.#size.channels;
    const values = new Float32Array(planes.length);
    const shares = new Float32Array(planes.length);
    this.#each((plane, at, channel, row) => {
      let mixed = 0;
      for (let k = 0; k < row.length; k++) mixed += row[k] * planes[plane + k * step];
      shares[at] = 1 / (1 + Math.exp(-mixed));
      values[at] = toValue(255 * shares[at], channel);
    });
    return {
      values,
      adjoint: (gradient) => {
        const back = new Float32Array(planes.length);
        this.#each((plane, at, channel, row) => {
          const slope = (toValue(255, channel) - toValue(0, channel)) * shares[at] * (1 - shares[at]);
          for (let k = 0; k < row.length; k++) back[plane + k * step] += row[k] * slope * gradient[at];
        });
        return back;
      },
    };
  }

  /** The planes whose values these are; black and full colour become almost that. */
  toPlanes(values: Float32Array): Float32Array {
    const { toPixel } = this.#normalisation;
    const planes = new Float32Array(values.length);
    const step = planes.length / this.#size.channels;
    const unmixing = inverse(this.#mixing);
    this.#each((plane, at, channel, _, colour) => {
      const share = Math.min(Math.max(toPixel(values[at], channel) / 255, margin), 1 - margin);
      const mixed = Math.log(share / (1 - share));
      unmixing.forEach((row, k) => {
        planes[plane + k * step] += row[colour] * mixed;
      });
    });
    return planes;
  }

  /** Visits every value: its pixel in the first plane, its own place, its channel, its colour and that colour's mixture. */
  #each(visit: (plane: number, at: number, channel: number, row: readonly number[], colour: number) => void): void {
    const { height, width, channels } = this.#size;
    for (let channel = 0; channel < channels; channel++) {
      const colour = this.#normalisation.colourOf(channel);
      for (let x = 0; x < width; x++) {
        for (let y = 0; y < height; y++) {
          visit(x * height + y, (y * width + x) * channels + channel, channel, this.#mixing[colour], colour);
        }
      }
    }
  }
}

/** Gauss and Jordan's, for matrices whose diagonal never becomes 0 on the way, as those above. */
function inverse(matrix: Matrix): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, k) => Number(i === k))]);
  for (let pivot = 0; pivot < n; pivot++) {
    const lead = rows[pivot][pivot];
    rows[pivot] = rows[pivot].map((entry) => entry / lead);
    const clean = rows[pivot];
    rows.forEach((row, i) => {
      const factor = row[pivot];
      if (i !== pivot) rows[i] = row.map((entry, k) => entry - factor * clean[k]);
    });
  }
  return rows.map((row) => row.slice(n));
}
