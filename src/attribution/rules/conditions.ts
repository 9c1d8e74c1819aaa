/** Concept relevance propagation: relevance passes a layer through some of its units alone. */

import { kindOf, show } from "../../checks";
import { OptionError } from "../../errors";
import { entryOf } from "../../guard";
import { unitList } from "../../model/intervention-edits";
import type { LoadedModel } from "../../model/loaded-model";
import type { Run, ValueName } from "../../operation/operation";
import { showShape } from "../../tensor";
import type { BackwardStep, Lens } from "./lens";

/** Per layer the units whose relevance goes on down. */
export type Conditions = Readonly<Record<string, number | readonly number[]>>;

/** 1 for each element of a value that keeps its relevance. */
type Kept = ReadonlyMap<ValueName, Uint8Array>;

/** Between which values relevance goes down: from the target to the input, or to a layer by its name. */
interface Way {
  readonly target: ValueName;
  readonly at: ValueName;
  readonly layer: string | undefined;
}

/**
 * @throws {LayerError} if a layer is unknown; {OptionError} if conditions are no units of layers, or of layers that relevance does not
 *   pass on its way
 */
export function keptBy(model: LoadedModel, conditions: Conditions | undefined, { target, at, layer: end }: Way): Kept {
  if (conditions === undefined) return new Map();
  if (typeof conditions !== "object" || conditions === null || Array.isArray(conditions)) {
    throw new OptionError(`conditions are units by layer, { conv4: [3, 5] }, got ${kindOf(conditions)}.`);
  }
  const kept = new Map<ValueName, Uint8Array>();
  for (const [layer, units] of Object.entries(conditions)) {
    const value = model.layerBefore(layer, target);
    if (value === model.fast.input) {
      throw new OptionError(`conditions: "${layer}" is the network's input, behind which nothing is left to explain.`);
    }
    if (end !== undefined && (value === at || !model.dependencies(value).has(at))) {
      throw new OptionError(
        `conditions: nothing of what arrives at the layer ${show(end)} passes through ${show(layer)} before, so its units would change nothing. ` +
          `Name layers between ${show(end)} and the target, or another layer to arrive at.`,
      );
    }
    const { places, offsets, channels } = model.unitAxis(value);
    const list = unitList(units, channels, `layer "${layer}" (${showShape(model.shape(value))})`);
    const mask = kept.get(value) ?? new Uint8Array(model.sampleSize(value));
    for (const place of places) for (const unit of list) mask[place + offsets[unit]] = 1;
    kept.set(value, mask);
  }
  return kept;
}

/** The same steps; before those of a layer with conditions the relevance of its other units is gone. */
export const conditioned =
  (lens: Lens, kept: Kept): Lens =>
  (operation) => {
    const step = lens(operation);
    const outputs = operation.outputs.filter((name) => kept.has(name));
    if (outputs.length === 0 || typeof step === "string") return step;
    const own: BackwardStep = step ?? {
      saved: operation.saved,
      ownAdjoint: true,
      scratchBytes: (batch) => operation.scratchBytes(batch, "backward"),
      backward: (run) => operation.backward(run),
      backwardInPieces: operation.backwardInPieces,
    };
    const silence = (run: Run): void => {
      for (const name of outputs) {
        const mask = entryOf(kept, name);
        const relevance = run.memory.floats(run.gradient(name), mask.length * run.batch);
        for (let i = 0; i < relevance.length; i++) if (mask[i % mask.length] === 0) relevance[i] = 0;
      }
    };
    const { backwardInPieces } = own;
    return {
      ...own,
      backward: (run) => {
        silence(run);
        own.backward(run);
      },
      ...(backwardInPieces && {
        *backwardInPieces(run: Run) {
          silence(run);
          yield* backwardInPieces(run);
        },
      }),
    };
  };
