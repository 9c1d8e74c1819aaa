import { OptionError } from "../errors";
import { normalisation } from "../image/normalisation";
import type { LoadedModel } from "../model/loaded-model";
import { imageShape } from "../operation/layout";
import type { Random } from "../random/random";
import { showShape } from "../tensor";
import type { PictureSize } from "./colours";
import type { AscentSettings } from "./options";
import { makeSampling, type Sampling } from "./sampling";
import { changesNothing, drawView } from "./transforms";

/** The network's input as a picture; a signal is one pixel high. */
export function pictureSize(model: LoadedModel): PictureSize {
  const { h, w, c } = imageShape(model.shape(model.fast.input));
  return { height: h, width: w, channels: c };
}

/** @throws {OptionError} if the input is no picture and an option asks for what only pictures have */
export function checkPicture(model: LoadedModel, { parameterization, transforms }: AscentSettings): void {
  const wanted = [
    ...(parameterization === "fourier" ? ["parameterization 'fourier'"] : []),
    ...(changesNothing(transforms) ? [] : ["transforms"]),
  ];
  const channels = model.input.shape.length === 4 ? model.input.shape[3] : undefined;
  if (channels !== 1 && channels !== 3 && wanted.length > 0) {
    throw new OptionError(
      `${wanted.join(" and ")}: for images of 1 or 3 channels only, and the input "${model.input.name}" is ${showShape(model.input.shape)}. ` +
        "Use preset 'plain'.",
    );
  }
}

/** Draws how a picture is seen in one step; nothing where it is seen as it is. */
export function makeViewer(
  model: LoadedModel,
  size: PictureSize,
  { transforms }: AscentSettings,
  random: Random,
): () => Sampling | undefined {
  if (changesNothing(transforms)) return () => undefined;
  const { toValue } = normalisation(model.parts.preprocess, size.channels);
  const grey = Array.from({ length: size.channels }, (_, channel) => toValue(255 / 2, channel));
  const fill = transforms.padding === "grey" ? grey : undefined;
  return () => makeSampling(size, drawView(transforms, random), fill);
}
