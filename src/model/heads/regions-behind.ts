import { unravel } from "../../graph/regions";
import type { AxisRegion } from "../../operators/region";
import type { ModelValues } from "../model-values";
import { walkDown } from "../receptive-field/walk";
import type { Element } from "./origin";

/** Of every value that an element is computed from, which of its own elements are read. */
export function regionsBehind(model: ModelValues, { value, index }: Element): ReadonlyMap<string, AxisRegion> {
  const shape = model.shape(value);
  const place = unravel(index, shape);
  const element = shape.map((extent, axis) => Uint8Array.from({ length: extent }, (_, i) => Number(i === place[axis])));
  return walkDown(model, value, element).regions;
}
