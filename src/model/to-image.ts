import { checkOptions, kindOf } from "../checks";
import { InputError, ShapeError } from "../errors";
import { guarded } from "../guard";
import type { PictureData } from "../image/image";
import { normalisation } from "../image/normalisation";
import { showShape, type Tensor } from "../tensor";
import { type LoadedModel, loaded } from "./loaded-model";
import { firstNotFinite, isTensor, type Model } from "./model";
import { type NetworkInput, pictureInput, shownInput } from "./network-inputs";

/**
 * The picture that a tensor of the network's input space stands for: the reverse of what `preprocess` does to pixels.
 * Values that no picture can have become black or full colour.
 *
 * @param tensor  `[1, height, width, channels]` with the network's 1 or 3 channels, of any height and width
 * @param options.input  the input of a network with several; default: the first that takes pictures
 * @returns RGBA, opaque; its data fit `new ImageData(data, width, height)`
 * @throws {ShapeError} if the tensor is no picture of this network; {InputError} if it has values that are not finite
 * @example
 * const { image } = await maximizeActivation(model, { target: "cat" });
 * await writeFile("cat.png", await encodePng(toImage(model, image)));
 */
export function toImage(model: Model, tensor: Tensor, options: { readonly input?: string } = {}): PictureData {
  return guarded("toImage", () => {
    checkOptions("toImage", options, ["input"]);
    const inner = loaded(model);
    const input = pictureInput(inner.parts.inputs, options.input);
    const channels = imageChannels(inner, tensor, input);
    const [, height, width] = tensor.shape;
    const { colourOf, toPixel } = normalisation(input.preprocess, channels);
    // This kind of array rounds and clamps.
    const data = new Uint8ClampedArray(height * width * 4);
    for (let pixel = 0; pixel < height * width; pixel++) {
      for (let colour = 0; colour < 3; colour++) {
        // A reversed order is its own reverse.
        const channel = channels === 1 ? 0 : colourOf(colour);
        data[pixel * 4 + colour] = toPixel(tensor.data[pixel * channels + channel], channel);
      }
      data[pixel * 4 + 3] = 255;
    }
    return { data, width, height };
  });
}

/** @throws {ShapeError} if the tensor is no picture of the network's input space; {InputError} if it is not finite */
export function imageChannels(
  { name, parts }: LoadedModel,
  tensor: Tensor,
  input: NetworkInput = pictureInput(parts.inputs, undefined),
): number {
  const [, channels] = input.shape;
  if (input.shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new ShapeError(
      `The input "${input.name}" of "${name}" is ${showShape(shownInput(input).shape)}: only inputs of 1 or 3 channels, [1, H, W, C], are pictures.`,
    );
  }
  const shape = isTensor(tensor) ? tensor.shape : undefined;
  if (shape?.length !== 4 || shape[0] !== 1 || shape[3] !== channels) {
    const got = shape ? showShape(shape) : kindOf(tensor);
    throw new ShapeError(`A picture takes a tensor [1, H, W, ${channels}] of "${name}", got ${got}.`);
  }
  const wrong = firstNotFinite(tensor.data);
  if (wrong >= 0) {
    throw new InputError(
      `The tensor has the value ${tensor.data[wrong]} at element ${wrong}; a picture takes finite values.`,
    );
  }
  return channels;
}
