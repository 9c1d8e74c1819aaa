import { inputSize } from "../model/input-size";
import type { Input, LoadedModel } from "../model/model";
import { joinNotes, type Note } from "../notes";
import type { Attribution } from "./attribution";
import { makeRecipe } from "./recipe";

/** What a method found, and how it was asked. */
export interface Found extends Omit<Attribution, "inputSize" | "notes" | "recipe"> {
  /** Default: the network's. */
  readonly inputSize?: Attribution["inputSize"];
  /** What this method has to say; what is true of every explanation of the model or the map is added here. */
  readonly notes?: readonly Note[];
  /** The options as they were used, for the recipe. */
  readonly options: Readonly<Record<string, unknown>> & { readonly seed?: number };
}

/**
 * The one place where an attribution is made, so that no method can leave out what all of them have to say.
 *
 * @param model  absent for a black box
 * @param input  as the caller handed it over
 */
export async function finishAttribution(
  model: LoadedModel | undefined,
  _input: Input,
  { options, notes = [], inputSize: size, ...found }: Found,
): Promise<Attribution> {
  return {
    ...found,
    inputSize: size ?? inputSize(model as LoadedModel),
    notes: joinNotes(model?.notes ?? [], notes),
    recipe: await makeRecipe(model, found.method, options),
  };
}
