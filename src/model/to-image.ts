import { InputError, ShapeError } from "../errors";
import type { ImageLike } from "../image/image";
import { normalisation } from "../image/normalisation";
import { showShape, type Tensor } from "../tensor";
import { firstNotFinite, loaded, type Model } from "./model";

/**
 * The picture that a tensor of the network's input space stands for: the reverse of what `preprocess` does to pixels.
 * Values that no picture can have become black or full colour.
 *
 * @param tensor  `[1, height, width, channels]` with the network's 1 or 3 channels, of any height and width
 * @returns RGBA, opaque; its data fit `new ImageData(data, width, height)`
 * @throws {ShapeError} if the tensor is no picture of this network; {InputError} if it has values that are not finite
 * @example
 * const { image } = await maximizeActivation(model, { target: "cat" });
 * await writeFile("cat.png", await encodePng(toImage(model, image)));
 */
export function toImage(model: Model, tensor: Tensor): ImageLike & { readonly data: Uint8ClampedArray<ArrayBuffer> } {
  const { input, parts } = loaded(model);
  const channels = input.shape[3];
  if (input.shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new ShapeError(
      `The input "${input.name}" of "${model.name}" is ${showShape(input.shape)}: only inputs of 1 or 3 channels, [1, H, W, C], are pictures.`,
    );
  }
  const [batch, height, width, last] = tensor.shape;
  if (tensor.shape.length !== 4 || batch !== 1 || last !== channels) {
    throw new ShapeError(
      `toImage takes a tensor [1, H, W, ${channels}] of "${model.name}", got ${showShape(tensor.shape)}.`,
    );
  }
  const wrong = firstNotFinite(tensor.data);
  if (wrong >= 0) {
    throw new InputError(
      `The tensor has the value ${tensor.data[wrong]} at element ${wrong}; a picture takes finite values.`,
    );
  }
  const { colourOf, toPixel } = normalisation(parts.preprocess, channels);
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
}
