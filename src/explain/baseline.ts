import { nonEmptyList } from "../checks";
import { InputError, OptionError, ShapeError } from "../errors";
import { gaussianBlur } from "../image/blur";
import { saysNormalisation } from "../image/normalisation";
import { preprocess } from "../image/preprocess";
import type { LoadedModel } from "../model/model";
import { type Note, note } from "../notes";
import { imageShape } from "../ops/layout";
import { showShape, Tensor } from "../tensor";

/**
 * What stands for "nothing there": zero in the network's input space, a black or white picture, the input's own mean
 * colour, the input blurred, one number, or a tensor of the input's shape.
 */
export type Baseline = "zero" | "black" | "white" | "mean" | "blur" | number | Tensor;

const names = ["zero", "black", "white", "mean", "blur"] as const;

/**
 * The baseline in memory order, as large as the input.
 *
 * @param data  the input, memory order
 * @throws {OptionError} if the name is unknown; {ShapeError} if a tensor does not fit
 */
export function baselineData(model: LoadedModel, data: Float32Array, baseline: Baseline): Float32Array {
  const values = madeBaseline(model, data, baseline);
  if (!values.every(Number.isFinite)) throw new InputError("The baseline has values that are not finite.");
  return values;
}

function madeBaseline(model: LoadedModel, data: Float32Array, baseline: Baseline): Float32Array {
  if (typeof baseline === "number") return new Float32Array(data.length).fill(baseline);
  if (baseline instanceof Tensor) return shapedAsInput(model, "baseline", baseline);
  const { h, w, c } = imageShape(model.shape(model.fast.input));
  if (h * w === 1 && (baseline === "mean" || baseline === "blur")) {
    throw new OptionError(
      `The baseline "${baseline}" is made of an input's neighbouring places, and "${model.input.name}" has none: it would be the ` +
        "input itself. Use zero, a number or a Tensor.",
    );
  }
  switch (baseline) {
    case "zero":
      return new Float32Array(data.length);
    case "black":
      return plainPicture(model, 0);
    case "white":
      return plainPicture(model, 255);
    case "mean":
      return meanColour(data, c);
    case "blur":
      // A tenth of the shorter side (of a signal's length) leaves no object recognisable.
      return gaussianBlur(data, h, w, c, Math.max(1, (h === 1 ? w : Math.min(h, w)) / 10));
    default:
      throw new OptionError(
        `The baseline ${typeof baseline === "string" ? `"${baseline}"` : `(${typeof baseline})`} is none of ${names.join(", ")}, a number or a Tensor.`,
      );
  }
}

/**
 * What a method compares with that takes several baselines.
 *
 * @param asked  default: zero, the mean colour and the input blurred; of an input without places zero
 * @throws {OptionError} unless it is a list of at least one
 */
export function baselineList(model: LoadedModel, asked: readonly Baseline[] | undefined): readonly Baseline[] {
  const { h, w } = imageShape(model.shape(model.fast.input));
  const baselines = asked ?? (h * w === 1 ? ["zero"] : ["zero", "mean", "blur"]);
  nonEmptyList("baselines", baselines, "baseline (a name, a number or a Tensor)");
  return baselines;
}

/** The note about a baseline that no picture can be, where the range of pictures is known. */
export function baselineNotes(model: LoadedModel, baseline: Float32Array): Note[] {
  if (model.input.shape.length !== 4 || !saysNormalisation(model.parts.preprocess)) return [];
  const [black, white] = [plainPicture(model, 0), plainPicture(model, 255)];
  const slack = 1e-4;
  const outside = baseline.some((value, i) => {
    const [low, high] = black[i] < white[i] ? [black[i], white[i]] : [white[i], black[i]];
    return value < low - slack || value > high + slack;
  });
  return outside ? [note("baseline-outside-range", `${black[0].toFixed(2)} to ${white[0].toFixed(2)}`)] : [];
}

/**
 * A tensor of the input's shape, in memory order.
 *
 * @throws {ShapeError} naming what it is, if its shape is another
 */
export function shapedAsInput(model: LoadedModel, what: string, tensor: Tensor): Float32Array {
  const expected = model.input.shape;
  if (showShape(tensor.shape) !== showShape(expected)) {
    throw new ShapeError(`The ${what} is ${showShape(tensor.shape)}, the input is ${showShape(expected)}.`);
  }
  return model.fromTensor(model.fast.input, tensor);
}

function plainPicture(model: LoadedModel, level: number): Float32Array {
  const [, height, width, channels] = model.input.shape;
  if (model.input.shape.length !== 4) {
    throw new OptionError(
      "The baselines black and white are for images; this network takes a signal. Use zero, mean, blur or a Tensor.",
    );
  }
  const image = { data: new Uint8Array(width * height * 3).fill(level), width, height };
  return preprocess(image, { width, height, channels }, model.parts.preprocess).data;
}

function meanColour(data: Float32Array, channels: number): Float32Array {
  const sums = new Float64Array(channels);
  data.forEach((value, i) => {
    sums[i % channels] += value;
  });
  return data.map((_, i) => sums[i % channels] / (data.length / channels));
}
