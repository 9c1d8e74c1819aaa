import { imageShape } from "../ops/layout";
import type { LoadedModel } from "./model";

/** Width and height of the network's input; a signal is one pixel high. */
export function inputSize(model: LoadedModel): { width: number; height: number } {
  const { h, w } = imageShape(model.shape(model.fast.input));
  return { width: w, height: h };
}
