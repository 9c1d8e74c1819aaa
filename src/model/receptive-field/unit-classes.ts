import type { Node } from "../../graph/ir";
import type { ValueName } from "../../operation/operation";
import { everything, isWhole } from "../../operators/region";
import { isReshaping } from "../../operators/table";
import type { LoadedModel } from "../loaded-model";
import { walkDown } from "./walk";

/**
 * A text that two units share only if they have the same receptive field at every place: the values each is computed from, down to
 * where all channels of a value are read. Most layers read all at once, so that their units are alike; the branches of a
 * concatenation are not.
 */
export function unitClass(model: LoadedModel, value: ValueName, unit: number): string {
  const shape = model.shape(value);
  const region = shape.map((extent, axis) => {
    if (axis !== 1) return everything(extent);
    const alone = new Uint8Array(extent);
    alone[unit] = 1;
    return alone;
  });
  const { regions, crossed } = walkDown(model, value, region, isWhole);
  // Where channels become places, each unit is a case of its own.
  if (crossed.some((node) => mixesPlaces(model, node))) return `unit ${unit}`;
  return JSON.stringify(
    [...regions].map(([name, masks]) => [
      name,
      ...masks.slice(2).map((mask) => (isWhole([mask]) ? "all" : mask.join(""))),
    ]),
  );
}

function mixesPlaces(model: LoadedModel, { op, inputs, outputs }: Node): boolean {
  const [from, to] = [inputs[0], outputs[0]].map((name) => model.shape(name).slice(-2).join());
  return isReshaping(op) && from !== to;
}
