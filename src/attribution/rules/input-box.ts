import { show } from "../../checks";
import type { Network } from "../../engine/network";
import { OptionError } from "../../errors";
import { entryOf } from "../../guard";
import type { LoadedModel } from "../../model/loaded-model";
import type { NetworkInput } from "../../model/network-inputs";
import { imageShape } from "../../operation/layout";
import { inputBaseline } from "../baseline";
import type { ValueBounds } from "./linear-step";
import type { RelevanceRules } from "./relevance";

/** The bounds of the network's input, taken forward to the value a layer reads: padding and scaling on the way count. */
export const inputBox =
  (model: LoadedModel, network: Network): Required<RelevanceRules>["box"] =>
  (value, { low, high }): ValueBounds => {
    const { input } = network;
    const below = value === input ? undefined : model.dependencies(value);
    const picture = (name: "low" | "high", given: number | readonly number[] | undefined): Float32Array => {
      const data = new Float32Array(model.sampleSize(input));
      for (const each of model.parts.inputs) {
        // What the layer does not read bounds nothing in it.
        if (below && !below.has(each.name)) continue;
        data.set(boundOf(model, each, name, given), each.start);
      }
      return data;
    };
    const [a, b] = [picture("low", low), picture("high", high)].map((data) => {
      if (value === input) return data;
      return entryOf(model.session.run(network, { batch: 1, data, keep: [value] }).values, value);
    });
    return { low: a.map((bound, i) => Math.min(bound, b[i])), high: a.map((bound, i) => Math.max(bound, b[i])) };
  };

function boundOf(
  model: LoadedModel,
  input: NetworkInput,
  name: "low" | "high",
  given: number | readonly number[] | undefined,
): Float32Array {
  const { c } = imageShape(input.shape);
  if (given === undefined) {
    if (input.shape.length === 4)
      return inputBaseline(model, input, new Float32Array(input.size), name === "low" ? "black" : "white");
    throw new OptionError(
      `The rule zBox needs ${name}, the bound of the network's input: this network does not take a picture.`,
    );
  }
  const bounds = typeof given === "number" ? new Array<number>(c).fill(given) : given;
  if (!Array.isArray(bounds) || bounds.length !== c || !bounds.every(Number.isFinite)) {
    throw new OptionError(
      `The rule zBox takes as ${name} a number or one for each of the ${c} channels, got ${show(given)}.`,
    );
  }
  return Float32Array.from({ length: input.size }, (_, i) => bounds[i % c]);
}
