/** Where each pixel of a transformed picture comes from: a linear map of pictures, and its adjoint. */

/** The plane without what lies beyond a picture is no picture: what stands there instead. */
export type SamplingPadding = "grey" | "reflect";

/** A picture seen through a turned, scaled and shifted window of its own size. */
export interface View {
  /** Shift of what is seen, in pixels. */
  readonly shift: readonly [y: number, x: number];
  /** Turn of the picture, in degrees, clockwise. */
  readonly degrees: number;
  /** Above 1 the picture is enlarged. */
  readonly scale: number;
}

/** One bilinear sampling: y = S·x + r·fill, where r is what the weights of a pixel leave to 1. */
export interface Sampling {
  /** @returns the picture as it is seen */
  apply(picture: Float32Array): Float32Array;
  /** @returns Sᵀ·gradient: the gradient at the picture from the gradient at what is seen */
  adjoint(gradient: Float32Array): Float32Array;
}

interface Size {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * All transforms of a view are one affine map, so they cost one bilinear sampling and blur once.
 *
 * @param fill  what stands beyond the picture, per channel; missing: the picture is reflected at its border
 */
export function makeSampling({ height, width, channels }: Size, view: View, fill?: readonly number[]): Sampling {
  const { sources, weights } = taps(height, width, view, fill === undefined);
  return {
    apply(picture) {
      const seen = new Float32Array(picture.length);
      for (let pixel = 0; pixel < height * width; pixel++) {
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let tap = pixel * 4; tap < pixel * 4 + 4; tap++) {
            const source = sources[tap];
            sum += weights[tap] * (source < 0 ? (fill?.[c] ?? 0) : picture[source * channels + c]);
          }
          seen[pixel * channels + c] = sum;
        }
      }
      return seen;
    },
    adjoint(gradient) {
      const back = new Float32Array(gradient.length);
      for (let pixel = 0; pixel < height * width; pixel++) {
        for (let tap = pixel * 4; tap < pixel * 4 + 4; tap++) {
          const source = sources[tap];
          if (source < 0) continue;
          for (let c = 0; c < channels; c++)
            back[source * channels + c] += weights[tap] * gradient[pixel * channels + c];
        }
      }
      return back;
    },
  };
}

/** Four source pixels of every pixel, −1 beyond the picture, and their bilinear weights, which sum to 1. */
function taps(height: number, width: number, { shift, degrees, scale }: View, reflect: boolean) {
  const sources = new Int32Array(height * width * 4);
  const weights = new Float32Array(height * width * 4);
  const angle = (degrees / 180) * Math.PI;
  // Rounded to float32, where every runtime's sine and cosine agree.
  const [cos, sin] = [Math.fround(Math.cos(angle)) / scale, Math.fround(Math.sin(angle)) / scale];
  const [centreY, centreX] = [(height - 1) / 2, (width - 1) / 2];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceY = cos * (y - centreY) - sin * (x - centreX) + centreY + shift[0];
      const sourceX = sin * (y - centreY) + cos * (x - centreX) + centreX + shift[1];
      for (let corner = 0; corner < 4; corner++) {
        const tap = (y * width + x) * 4 + corner;
        const row = Math.floor(sourceY) + (corner >> 1);
        const column = Math.floor(sourceX) + (corner & 1);
        weights[tap] = (1 - Math.abs(sourceY - row)) * (1 - Math.abs(sourceX - column));
        const inRow = reflect ? mirrored(row, height) : row;
        const inColumn = reflect ? mirrored(column, width) : column;
        const inside = inRow >= 0 && inRow < height && inColumn >= 0 && inColumn < width;
        sources[tap] = inside ? inRow * width + inColumn : -1;
      }
    }
  }
  return { sources, weights };
}

/** Reflection that does not repeat the border pixel: …2 1 | 0 1 2 … n−1 | n−2…, as `REFLECT` of tf.pad. */
function mirrored(position: number, extent: number): number {
  if (extent === 1) return 0;
  const period = 2 * (extent - 1);
  const folded = ((position % period) + period) % period;
  return folded < extent ? folded : period - folded;
}
