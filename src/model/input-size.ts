import { imageShape } from "../operation/layout";
import type { LoadedModel } from "./model";
import { pictureInput } from "./network-inputs";

/**
 * Width and height of an input of the network; a signal is one pixel high.
 *
 * @param name  default: the first input that takes pictures
 */
export function inputSize({ parts }: LoadedModel, name?: string): { width: number; height: number } {
  const { h, w } = imageShape(pictureInput(parts.inputs, name).shape);
  return { width: w, height: h };
}
