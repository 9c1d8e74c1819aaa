import { classScores } from "./class-axis";
import type { Prediction } from "./model";
import type { ModelParts } from "./model-parts";
import { probabilities, rankedClasses } from "./output";

/**
 * All classes, the likeliest first.
 *
 * @param value  the explained value of one sample, memory order
 */
export function rankedPredictions(
  { outputKind, classAxis }: Pick<ModelParts, "outputKind" | "classAxis">,
  labelOf: (index: number) => string | undefined,
  value: Float32Array,
): Prediction[] {
  const scores = classScores(classAxis, value);
  const probability = probabilities(scores, outputKind, classAxis.mirrored);
  return rankedClasses(scores, outputKind, classAxis.mirrored).map((index) => {
    const label = labelOf(index);
    return { index, ...(label !== undefined && { label }), score: scores[index], probability: probability[index] };
  });
}
