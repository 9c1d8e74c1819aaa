import { factsOf } from "../methods/table";
import { inputSize } from "../model/input-size";
import type { LoadedModel } from "../model/loaded-model";
import { showShape } from "../tensor";
import { heatmap } from "../view/heatmap";
import { checkMap, fittingHeatmap, isAttribution, type JudgedMap } from "./judged-map";

/** A map as one number per input value. */
export interface Shares {
  /** Memory order. */
  readonly values: Float32Array;
  /** True if they are shares of the score. */
  readonly multiplied: boolean;
  /** True if they had no unit: a map of another size than the input, or one number per pixel. */
  readonly unitless: boolean;
}

/** @throws {ShapeError} if the map is not of the input's size */
export function sharesOf(model: LoadedModel, map: JudgedMap): Shares {
  checkMap(map);
  // A magnitude is what an input value does when it changes by one unit; all others are shares of the score.
  const multiplied = !isAttribution(map) || factsOf(map.method)?.reading !== "magnitude";
  if (isAttribution(map) && !map.layer && !map.layers && showShape(map.values.shape) === showShape(model.input.shape)) {
    return { values: model.fromTensor(model.fast.input, map.values), multiplied, unitless: false };
  }
  const pixels = fittingHeatmap(isAttribution(map) ? heatmap(map, { sign: "signed" }) : map, inputSize(model)).data;
  const channels = model.sampleSize(model.fast.input) / pixels.length;
  const values = Float32Array.from(
    { length: pixels.length * channels },
    (_, i) => pixels[Math.floor(i / channels)] / channels,
  );
  return { values, multiplied, unitless: true };
}
