import type { LoadedModel } from "./loaded-model";
import type { Prediction } from "./model";
import { rankedPredictions } from "./ranked-predictions";
import type { Target } from "./target";

/**
 * A target among ourselves: the class of a rank, whichever it turns out to be. The pass that explains it says also how likely it is,
 * so that none is needed to ask first. For methods that look at one input alone.
 */
export class LikelyClass {
  #prediction: Prediction | undefined;

  /** @param rank  0 the likeliest */
  constructor(private readonly rank: number) {}

  /** As the options of methods take it: that there is such a target is nobody else's concern. */
  get target(): Target {
    return this as unknown as Target;
  }

  /** What the first pass said. */
  get prediction(): Prediction | undefined {
    return this.#prediction;
  }

  /** The class in a value of the network. */
  indexIn(model: LoadedModel, value: Float32Array): number {
    const found = rankedPredictions(model.parts, (index) => model.labelOf(index), value)[this.rank];
    this.#prediction ??= found;
    return found.index;
  }
}
