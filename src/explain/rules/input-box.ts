import { show } from "../../checks";
import type { Network } from "../../engine/network";
import { OptionError } from "../../errors";
import type { LoadedModel } from "../../model/model";
import { imageShape } from "../../ops/layout";
import { baselineData } from "../baseline";
import type { Box } from "./linear-step";
import type { RelevanceRules } from "./relevance";

/** The bounds of the network's input, taken forward to the value a layer reads: padding and scaling on the way count. */
export const inputBox =
  (model: LoadedModel, network: Network): Required<RelevanceRules>["box"] =>
  (value, { low, high }): Box => {
    const { input } = network;
    const { c } = imageShape(model.shape(input));
    const size = model.sampleSize(input);
    const picture = (name: "low" | "high", given: number | readonly number[] | undefined): Float32Array => {
      if (given === undefined) {
        if (model.input.shape.length === 4)
          return baselineData(model, new Float32Array(size), name === "low" ? "black" : "white");
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
      return Float32Array.from({ length: size }, (_, i) => bounds[i % c]);
    };
    const [a, b] = [picture("low", low), picture("high", high)].map((data) => {
      if (value === input) return data;
      return model.session.run(network, { batch: 1, data, keep: [value] }).values.get(value) as Float32Array;
    });
    return { low: a.map((bound, i) => Math.min(bound, b[i])), high: a.map((bound, i) => Math.max(bound, b[i])) };
  };
