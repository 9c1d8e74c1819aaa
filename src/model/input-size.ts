import type { Shape } from "../graph/shape-rule";
import { imageShape } from "../operation/layout";
import type { ModelValues } from "./model-values";
import { pictureInput } from "./network-inputs";

/**
 * Width and height of an input of the network; a signal is one pixel high, a volume as high as its slices one below the other.
 *
 * @param name  default: the first input that takes pictures
 */
export function inputSize({ parts }: ModelValues, name?: string): { width: number; height: number; depth?: number } {
  const { shape } = pictureInput(parts.inputs, name);
  const { h, w } = imageShape(shape);
  return { width: w, height: h, ...(shape.length === 5 && { depth: shape[2] }) };
}

/** The places of a value N×C×…: of a picture one slice, of a signal one row. */
export function placesOfShape(shape: Shape): {
  readonly depth: number;
  readonly height: number;
  readonly width: number;
} {
  const { h, w } = imageShape(shape);
  const depth = shape.length === 5 ? shape[2] : 1;
  return { depth, height: h / depth, width: w };
}
