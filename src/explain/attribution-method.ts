import { OptionError } from "../errors";
import type { Input, Model } from "../model/model";
import type { Attribution, ExplainOptions } from "./attribution";

/**
 * An attribution method as a function: `gradCam`, or with options of its own
 * `(model, input, options) => gradCam(model, input, { ...options, layer: "relu5" })`.
 */
export type AttributionMethod = (model: Model, input: Input, options: ExplainOptions) => Promise<Attribution>;

/** @throws {OptionError} unless it is a function */
export function checkMethod(method: unknown): void {
  if (typeof method === "function") return;
  const name = typeof method === "string" ? JSON.stringify(method) : "…";
  throw new OptionError(
    `The method must be a function, for example gradCam, or (m, x, o) => explain(m, x, { ...o, method: ${name} }), ` +
      `got ${typeof method === "string" ? name : typeof method}.`,
  );
}
