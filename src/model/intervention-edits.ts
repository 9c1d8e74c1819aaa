import { isUint8Array } from "../bytes";
import { checkOptions, checkParts, show } from "../checks";
import type { Edit } from "../engine/session";
import { InputError, OptionError } from "../errors";
import type { Shape } from "../graph/shape-rule";
import { theirs } from "../guard";
import type { ValueName } from "../operation/operation";
import { showShape, sizeOf } from "../tensor";
import type { ClassAxis } from "./class-axis";
import type { Intervention } from "./intervention";
import type { ModelValues } from "./model-values";

/**
 * Interventions as what a pass does to its values.
 *
 * @throws {LayerError} if a layer is unknown; {OptionError} if it has no such unit or place
 */
export function editsOf(
  model: ModelValues,
  interventions: readonly Intervention[] | undefined,
): ReadonlyMap<ValueName, Edit> | undefined {
  if (interventions === undefined) return undefined;
  if (!Array.isArray(interventions)) {
    throw new OptionError(
      `intervene is a list of { layer, units, mask, value }, got ${show(interventions)}. One goes into brackets.`,
    );
  }
  const edits = new Map<ValueName, Edit>();
  for (const intervention of interventions) {
    checkParts("intervene", intervention, ["layer"], "a list of { layer, units, mask, value }");
    checkOptions("intervene", intervention, ["layer", "units", "mask", "value"]);
    const value = model.valueOf(intervention.layer);
    const edit = editOf(intervention, model.shape(value), model.unitAxis(value));
    const before = edits.get(value);
    edits.set(value, before ? chained(before, edit) : edit);
  }
  return edits.size > 0 ? edits : undefined;
}

function editOf({ layer, units, mask, value = 0 }: Intervention, shape: Shape, axis: ClassAxis): Edit {
  const { rows: h, columns: w, channels: c, offsets } = axis;
  const channels = unitList(units, c, `layer "${layer}" (${showShape(shape)})`);
  if (mask !== undefined && (!isUint8Array(mask) || mask.length !== h * w)) {
    const got = isUint8Array(mask) ? `${mask.length} bytes` : typeof mask;
    throw new OptionError(
      `intervene: the mask for layer "${layer}" takes one byte for each of its ${h}×${w} places, row-major, got ${got}.`,
    );
  }
  if (typeof value !== "function" && !Number.isFinite(value)) {
    throw new OptionError(
      `intervene: value for layer "${layer}" is a finite number or a function, got ${show(value)}.`,
    );
  }
  const places = Array.from({ length: h * w }, (_, place) => place).filter((place) => mask?.[place] !== 0);
  const changed: Exclude<Intervention["value"], number | undefined> =
    typeof value === "function" ? (...given) => theirs(() => value(...given)) : () => value;
  return (data) => {
    for (let sample = 0; sample < data.length; sample += sizeOf(shape)) {
      for (const place of places) {
        for (const unit of channels) {
          const at = sample + axis.places[place] + offsets[unit];
          data[at] = changed(data[at], { unit, y: Math.floor(place / w), x: place % w });
          if (!Number.isFinite(data[at])) {
            throw new InputError(`intervene: value of layer "${layer}" gave ${data[at]} for unit ${unit}.`);
          }
        }
      }
    }
  };
}

/**
 * One channel, several or all of a layer.
 *
 * @throws {OptionError} if the layer has no such channel
 */
export function unitList(units: number | readonly number[] | undefined, channels: number, layer: string): number[] {
  if (units === undefined) return Array.from({ length: channels }, (_, unit) => unit);
  const list = Array.isArray(units) ? [...units] : [units as number];
  for (const unit of list) {
    if (!Number.isInteger(unit) || unit < 0 || unit >= channels) {
      throw new OptionError(`units: ${layer} has units 0 to ${channels - 1}, got ${show(unit)}.`);
    }
  }
  return list;
}

const chained =
  (first: Edit, second: Edit): Edit =>
  (data) => {
    first(data);
    second(data);
  };
