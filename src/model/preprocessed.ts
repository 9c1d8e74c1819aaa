import { ShapeError } from "../errors";
import { checkImage, type ImageLike } from "../image/image";
import { preprocess } from "../image/preprocess";
import type { Preprocess } from "../image/preprocess-options";
import { showShape, type Tensor } from "../tensor";

/** A picture as the input of a network: it takes no network, so that a pool need not ask its workers. */
export function preprocessed(
  image: ImageLike,
  { name, shape }: { readonly name: string; readonly shape: readonly number[] },
  settings: Preprocess,
): Tensor {
  checkImage(image);
  const [, height, width, channels] = shape;
  if (shape.length !== 4) {
    throw new ShapeError(`The input "${name}" is ${showShape(shape)}, not an image: pass a Tensor of that shape.`);
  }
  return preprocess(image, { height, width, channels }, settings);
}
