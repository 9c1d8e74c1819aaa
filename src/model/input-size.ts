import { OptionError } from "../errors";
import { imageShape } from "../operation/layout";
import type { LoadedModel } from "./model";
import { pictureInput } from "./network-inputs";

/**
 * Width and height of an input of the network; a signal is one pixel high, a volume as high as its slices one below the other.
 *
 * @param name  default: the first input that takes pictures
 */
export function inputSize({ parts }: LoadedModel, name?: string): { width: number; height: number; depth?: number } {
  const { shape } = pictureInput(parts.inputs, name);
  const { h, w } = imageShape(shape);
  return { width: w, height: h, ...(shape.length === 5 && { depth: shape[2] }) };
}

/** @throws {OptionError} if an input is a volume, and the method enlarges maps as pictures */
export function refuseVolumes({ parts }: LoadedModel, method: string): void {
  if (!parts.inputs.some(({ shape }) => shape.length === 5)) return;
  throw new OptionError(
    `${method} enlarges maps as pictures, and the network takes volumes. gradCam, layerCam, saliency, integratedGradients and occlusion work on them.`,
  );
}
