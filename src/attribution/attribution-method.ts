import { kindOf, show } from "../checks";
import { OptionError } from "../errors";
import { theirsAsync } from "../guard";
import { type Input, isTensor, type Model } from "../model/model";
import type { Attribution, ExplainOptions } from "./attribution";

/**
 * An attribution method as a function: `gradCam`, or with options of its own
 * `(model, input, options) => gradCam(model, input, { ...options, layer: "relu5" })`.
 */
export type AttributionMethod = (model: Model, input: Input, options: ExplainOptions) => Promise<Attribution>;

/**
 * The method, with its result checked.
 *
 * @throws {OptionError} unless it is a function; when it is called, unless it returns an attribution
 */
export function checkedMethod(method: AttributionMethod): AttributionMethod {
  if (typeof method !== "function") {
    const name = typeof method === "string" ? show(method) : "…";
    throw new OptionError(
      `The method must be a function, for example gradCam, or (m, x, o) => explain(m, x, { ...o, method: ${name} }), ` +
        `got ${typeof method === "string" ? name : typeof method}.`,
    );
  }
  return async (model, input, options) => {
    const found: Partial<Attribution> | undefined = await theirsAsync(
      () => method(model, input, options),
      options.signal,
    );
    if (found?.values && isTensor(found.values) && found.recipe) return found as Attribution;
    throw new OptionError(
      "The method must return an attribution, with values and recipe, as gradCam does; " +
        `got ${kindOf(found)} from ${show(method.name || "this one")}.`,
    );
  };
}
