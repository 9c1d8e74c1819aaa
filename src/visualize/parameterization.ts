import { normalisation } from "../image/normalisation";
import type { LoadedModel } from "../model/loaded-model";
import { Colours, type PictureSize } from "./colours";
import { FourierPlanes, frequency } from "./fourier-basis";

/** The numbers that an ascent changes, and the network's input they stand for. */
export interface Parameterization {
  /** What these parameters stand for: one sample. */
  at(parameters: Float32Array): Point;
  /** Parameters whose input this is, or as near as pictures come. */
  fromInput(input: Float32Array): Float32Array;
  /** Standard deviation of the noise an ascent can start from. */
  readonly noise: number;
  dispose(): void;
}

interface Point {
  /** The network's input, memory order. */
  readonly input: Float32Array;
  /** The gradient at the parameters from the gradient at this input. */
  adjoint(gradient: Float64Array): ArrayLike<number>;
}

/** The input itself. */
export const pixels: Parameterization = {
  at: (parameters) => ({ input: parameters.slice(), adjoint: (gradient) => gradient }),
  fromInput: (input) => input.slice(),
  noise: 0.1,
  dispose: () => {},
};

/** √2/4: what one coefficient of Lucid's `fft_image` weighs beside an orthonormal wave. */
const lucidWeight = Math.SQRT2 / 4;

/**
 * Waves instead of pixels, in colours of their own: picture = σ(M·Fᵀ(s ⊙ parameters)) in the range of pictures.
 *
 * s falls with the frequency as 1/max(f, 1/max(h, w)), so a step of one length changes every wave about as much as it weighs
 * in a natural picture. Olah, Mordvintsev & Schubert 2017, https://distill.pub/2017/feature-visualization, "Preconditioning
 * and Parameterization"; numbers of Lucid's `fft_image` and `to_valid_rgb`.
 */
export function fourier(model: LoadedModel, size: PictureSize): Parameterization {
  const { height, width, channels } = size;
  const planes = new FourierPlanes(model.parts.kernels, model.parts.memory, channels, height, width);
  const colours = new Colours(size, normalisation(model.parts.preprocess, channels));
  const lowest = 1 / Math.max(height, width);
  const scale = Float32Array.from({ length: height * width }, (_, i) => {
    const [fy, fx] = [frequency(Math.floor(i / width), height), frequency(i % width, width)];
    return lucidWeight / Math.max(Math.sqrt(fx * fx + fy * fy), lowest);
  });
  const scaled = (spectrum: Float32Array): Float32Array => spectrum.map((value, i) => value * scale[i % scale.length]);
  return {
    at(parameters) {
      const { values, adjoint } = colours.at(planes.synthesise(scaled(parameters)));
      return { input: values, adjoint: (gradient) => scaled(planes.analyse(adjoint(gradient))) };
    },
    fromInput: (input) => planes.analyse(colours.toPlanes(input)).map((value, i) => value / scale[i % scale.length]),
    noise: 0.01,
    dispose: () => planes.dispose(),
  };
}
