import {
  decodeImage,
  type ImageLike,
  type Model,
  type ModelInput,
  ShapeError,
  type SingleInput,
  Tensor,
  toImage,
} from "../index";
import { isArrayFile, type NumberArray, readArray } from "./array-file";
import { readInputFile } from "./files";

/** What a file gives a network to look at. */
export interface GivenInput {
  readonly input: SingleInput;
  /** To draw on: the picture itself, or the one that numbers stand for. */
  readonly picture?: ImageLike;
  /** `[1, C, L]`, to plot. */
  readonly signal?: Tensor;
  /** `[1, C, D, H, W]`, to lay its slices side by side. */
  readonly volume?: Tensor;
  /** Of a table with a header, one per channel. */
  readonly channelNames?: readonly string[];
  /** How the file was read, where it could be read in another way. */
  readonly notes: readonly string[];
}

/**
 * Reads a picture, or numbers: a signal, a vector or a picture's values as the network takes them.
 *
 * @throws {InputError} if the file cannot be read; {ShapeError} if its numbers do not fit the network
 */
export async function readNetworkInput(
  path: string,
  model: Model,
  taker: ModelInput = model.input,
): Promise<GivenInput> {
  const bytes = await readInputFile(path);
  if (!isArrayFile(path)) {
    const picture = await decodeImage(bytes);
    return { input: picture, picture, notes: [] };
  }
  const array = readArray(path, bytes);
  const pixels = pixelsOf(array, taker);
  if (pixels) {
    const [height, width] = array.shape.slice(-3);
    return {
      input: pixels,
      picture: pixels,
      notes: [`${path} holds bytes: read as a picture of ${width}×${height} pixels.`],
    };
  }
  const { tensor, reading } = arranged(path, array, model, taker);
  const { shape } = tensor;
  const notes = reading ? [`${path} was read as ${reading}.`] : [];
  if (shape.length === 3) return { input: tensor, signal: tensor, ...namesOf(array, shape), notes };
  if (shape.length === 5) return { input: tensor, volume: tensor, notes };
  const isPicture = shape.length === 4 && (shape[3] === 1 || shape[3] === 3);
  return { input: tensor, ...(isPicture && { picture: toImage(model, tensor, { input: taker.name }) }), notes };
}

/** Bytes in three or four channels are what picture libraries write for pixels; values for a network are floats. */
function pixelsOf({ data, shape, bytes }: NumberArray, taker: ModelInput): ImageLike | undefined {
  const [height, width, channels] = shape.slice(-3);
  const isPicture = shape.length === 3 || (shape.length === 4 && shape[0] === 1);
  if (!bytes || !isPicture || (channels !== 3 && channels !== 4) || taker.shape.length !== 4) return undefined;
  return { data: Uint8Array.from(data), width, height };
}

const namesOf = ({ columns }: NumberArray, [, channels]: readonly number[]): Pick<GivenInput, "channelNames"> =>
  columns?.length === channels ? { channelNames: columns } : {};

/** Axes of one element move no number. */
const significant = (shape: readonly number[]): string => shape.filter((extent) => extent !== 1).join("×");

/** The numbers in the order the network takes; `reading` says how their axes were understood, where two ways fit. */
function arranged(
  path: string,
  { data, shape }: NumberArray,
  model: Model,
  taker: ModelInput,
): { tensor: Tensor; reading?: string } {
  const expected = taker.shape;
  const [, a, b, c] = expected;
  const given = significant(shape);
  const asTaken = given === significant(expected) && data.length > 0;
  if (expected.length === 4) {
    const otherwise = given === significant([c, a, b]) && c > 1;
    if (asTaken) {
      return { tensor: new Tensor(data, expected), ...(otherwise && { reading: "height, width, channels" }) };
    }
    if (otherwise) {
      return {
        tensor: Tensor.fromNCHW(data, [1, c, a, b]),
        reading: "channels, height, width, as an ONNX file has them",
      };
    }
  } else {
    const isSignal = expected.length === 3;
    const otherwise = isSignal && given === significant([b, a]) && a > 1 && b > 1;
    const counts = `${a} channels of ${b} samples`;
    if (asTaken) {
      return { tensor: new Tensor(data, expected), ...(otherwise && { reading: `${counts}, a row for each channel` }) };
    }
    if (otherwise) {
      const values = data.map((_, i) => data[(i % b) * a + Math.floor(i / b)]);
      return { tensor: new Tensor(values, expected), reading: `${counts}, a row for each sample` };
    }
  }
  throw new ShapeError(
    `${path} holds ${shape.join("×")} numbers; the input "${taker.name}" of ${model.name} takes ` +
      `${expected.join("×")}${meaning(expected)}.`,
  );
}

function meaning(expected: readonly number[]): string {
  if (expected.length === 3)
    return ` (${expected[1]} channels of ${expected[2]} samples; leave out columns of times or numbers)`;
  return expected.length === 4 ? " (1, height, width, channels), or 1, channels, height, width" : "";
}
