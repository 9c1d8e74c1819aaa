import { nonEmptyList } from "../checks";
import { InputError, OptionError, ShapeError } from "../errors";
import { gaussianBlur } from "../image/blur";
import { saysNormalisation } from "../image/normalisation";
import { preprocess } from "../image/preprocess";
import { hasPlaces } from "../model/inputs-seen";
import type { LoadedModel } from "../model/loaded-model";
import type { NetworkInput } from "../model/network-inputs";
import { type Note, note } from "../notes";
import { imageShape, tensorShape } from "../operation/layout";
import { showShape, Tensor } from "../tensor";
import { isByName, ofInputNamed, type PerInput } from "./per-input";

/**
 * What stands for "nothing there": zero in the network's input space, a black or white picture, the input's own mean
 * colour, the input blurred, one number, or a tensor of the input's shape.
 */
export type SingleBaseline = "zero" | "black" | "white" | "mean" | "blur" | number | Tensor;

/** The same for all inputs of a network, or for each by its name; one that is not named is zero. */
export type Baseline = PerInput<SingleBaseline>;

const names = ["zero", "black", "white", "mean", "blur"] as const;

/**
 * The baseline in memory order, as large as the input.
 *
 * @param data  the input, memory order
 * @throws {OptionError} if the name is unknown; {ShapeError} if a tensor does not fit
 */
export function baselineData(model: LoadedModel, data: Float32Array, baseline: Baseline): Float32Array {
  const { inputs } = model.parts;
  if (inputs.length === 1) return inputBaseline(model, inputs[0], data, baseline);
  if (baseline instanceof Tensor) {
    throw new OptionError(
      `The baseline is one Tensor, and the network has ${inputs.length} inputs: give one for each by name, { ${inputs[0].name}: tensor, … }.`,
    );
  }
  const joined = new Float32Array(data.length);
  for (const input of inputs) {
    const { start, size } = input;
    joined.set(inputBaseline(model, input, data.subarray(start, start + size), baseline), start);
  }
  return joined;
}

/** The baseline of one of the network's inputs. */
export function inputBaseline(
  model: LoadedModel,
  input: NetworkInput,
  data: Float32Array,
  baseline: Baseline,
): Float32Array {
  const names = model.parts.inputs.map(({ name }) => name);
  const own = ofInputNamed("baseline", baseline, input.name, names) ?? "zero";
  const values = madeBaseline(model, input, data, own);
  if (!values.every(Number.isFinite)) throw new InputError("The baseline has values that are not finite.");
  return values;
}

function madeBaseline(
  model: LoadedModel,
  input: NetworkInput,
  data: Float32Array,
  baseline: SingleBaseline,
): Float32Array {
  if (typeof baseline === "number") return new Float32Array(data.length).fill(baseline);
  if (baseline instanceof Tensor) return shapedAs(model, input, "baseline", baseline);
  const { h, w, c } = imageShape(input.shape);
  const byName = model.parts.inputs.length > 1 ? ` Each input may have its own: { ${input.name}: "zero", … }.` : "";
  if (h * w === 1 && (baseline === "mean" || baseline === "blur")) {
    throw new OptionError(
      `The baseline "${baseline}" is made of an input's neighbouring places, and "${input.name}" has none: it would be the ` +
        `input itself. Use zero, a number or a Tensor.${byName}`,
    );
  }
  switch (baseline) {
    case "zero":
      return new Float32Array(data.length);
    case "black":
      return plainPicture(input, 0, byName);
    case "white":
      return plainPicture(input, 255, byName);
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
  const baselines = asked ?? usualBaselines(model);
  nonEmptyList("baselines", baselines, "baseline (a name, a number or a Tensor)");
  // What a list leaves out is none of them, and must not be passed over or taken for the usual one.
  const hole = Array.from(baselines).indexOf(undefined as never);
  if (hole >= 0) throw new OptionError(`baselines[${hole}] must be a name, a number or a Tensor, got undefined.`);
  return baselines;
}

function usualBaselines({ parts: { inputs } }: LoadedModel): readonly Baseline[] {
  const placed = inputs.filter(hasPlaces);
  if (placed.length === 0) return ["zero"];
  if (placed.length === inputs.length) return ["zero", "mean", "blur"];
  const ofPlaced = (baseline: SingleBaseline): Baseline =>
    Object.fromEntries(inputs.map((input) => [input.name, hasPlaces(input) ? baseline : "zero"]));
  return ["zero", ofPlaced("mean"), ofPlaced("blur")];
}

/** The note about a baseline that no picture can be, where the range of pictures is known. */
export function baselineNotes(model: LoadedModel, baseline: Float32Array): Note[] {
  for (const input of model.parts.inputs) {
    if (input.shape.length !== 4 || !saysNormalisation(input.preprocess)) continue;
    const [black, white] = [plainPicture(input, 0), plainPicture(input, 255)];
    const slack = 1e-4;
    const outside = baseline.subarray(input.start, input.start + input.size).some((value, i) => {
      const [low, high] = black[i] < white[i] ? [black[i], white[i]] : [white[i], black[i]];
      return value < low - slack || value > high + slack;
    });
    if (outside) return [note("baseline-outside-range", `${black[0].toFixed(2)} to ${white[0].toFixed(2)}`)];
  }
  return [];
}

/**
 * A tensor of the input's shape, of several inputs one for each by name, in memory order.
 *
 * @throws {ShapeError} naming what it is, if its shape is another; {OptionError} if one is missing or a name unknown
 */
export function shapedAsInput(model: LoadedModel, what: string, given: PerInput<Tensor>): Float32Array {
  const { inputs } = model.parts;
  const names = inputs.map(({ name }) => name);
  const joined = new Float32Array(model.sampleSize(model.fast.input));
  for (const input of inputs) {
    const own = inputs.length === 1 || isByName(given) ? ofInputNamed(what, given, input.name, names) : undefined;
    if (!own) {
      throw new OptionError(
        `The ${what} needs a Tensor for each of the ${inputs.length} inputs, { ${names.join(": …, ")}: … }; there is none for "${input.name}".`,
      );
    }
    const values = shapedAs(model, input, what, own);
    if (inputs.length === 1) return values;
    joined.set(values, input.start);
  }
  return joined;
}

function shapedAs(model: LoadedModel, { name, shape }: NetworkInput, what: string, tensor: Tensor): Float32Array {
  const expected = tensorShape(shape);
  if (showShape(tensor.shape) !== showShape(expected)) {
    const which = model.parts.inputs.length > 1 ? ` "${name}"` : "";
    throw new ShapeError(`The ${what} is ${showShape(tensor.shape)}, the input${which} is ${showShape(expected)}.`);
  }
  return model.fromTensor(name, tensor);
}

function plainPicture({ shape, preprocess: settings }: NetworkInput, level: number, advice = ""): Float32Array {
  if (shape.length !== 4) {
    throw new OptionError(
      `The baselines black and white are for images; this network takes a signal. Use zero, mean, blur or a Tensor.${advice}`,
    );
  }
  const [, channels, height, width] = shape;
  const image = { data: new Uint8Array(width * height * 3).fill(level), width, height };
  return preprocess(image, { width, height, channels }, settings).data;
}

function meanColour(data: Float32Array, channels: number): Float32Array {
  const sums = new Float64Array(channels);
  data.forEach((value, i) => {
    sums[i % channels] += value;
  });
  return data.map((_, i) => sums[i % channels] / (data.length / channels));
}
