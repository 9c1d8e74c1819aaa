import { imageShape } from "../operation/layout";
import type { ValueName } from "../operation/operation";
import type { LoadedModel } from "./loaded-model";
import type { NetworkInput } from "./network-inputs";

/** True of pictures and signals; the numbers of a vector have no place beside each other. */
export function hasPlaces({ shape }: Pick<NetworkInput, "shape">): boolean {
  if (shape.length < 3) return false;
  const { h, w } = imageShape(shape);
  return h * w > 1;
}

/** The inputs that a value is computed from: those with places, where there are any. */
export function inputsSeen(model: LoadedModel, value: ValueName): readonly NetworkInput[] {
  const { inputs } = model.parts;
  if (inputs.length === 1) return inputs;
  const below = model.dependencies(value);
  const seen = inputs.filter(({ name }) => below.has(name));
  const placed = seen.filter(hasPlaces);
  return placed.length > 0 ? placed : seen;
}
