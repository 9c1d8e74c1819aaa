import { TargetError } from "../errors";
import type { LoadedModel } from "../model/loaded-model";
import { resolveTarget } from "../model/resolve-target";
import { reportOf, seed } from "../model/score";
import type { Target } from "../model/target";
import type { ValueName } from "../operation/operation";

/** A whole layer: the mean of its squared activations is to grow, whichever they are. */
export interface LayerTarget {
  readonly layer: string;
}

/** What an ascent climbed: a class or unit by its index, or a layer by its name, and the score it reached. */
export interface VisualizedTarget {
  readonly index?: number;
  readonly label?: string;
  readonly layer?: string;
  readonly score: number;
}

/** A score of one sample, computed from one value of the network. */
export interface Objective {
  readonly value: ValueName;
  /**
   * @param activation  the value of one sample, memory order
   * @param gradient    zeros of the same size: the score's derivative is written there; none: only the score is wanted
   */
  evaluate(activation: Float32Array, gradient?: Float32Array): VisualizedTarget;
}

/**
 * @throws {TargetError} if the target names no class, unit or position of the model; {LayerError} if it names an unknown layer
 */
export function resolveObjective(model: LoadedModel, target: Target | LayerTarget): Objective {
  if (target === undefined) {
    throw new TargetError("maximizeActivation needs a target: a class, { layer, unit, position? } or { layer }.");
  }
  if (isWholeLayer(target)) {
    const other = Object.keys(target).find((key) => key !== "layer");
    if (other) {
      throw new TargetError(
        `The target { layer: "${target.layer}", ${other} } lacks its unit: { layer, unit, position? } is a unit, { layer } alone the whole layer.`,
      );
    }
    return layerObjective(model, target.layer);
  }
  const { value, choose } = resolveTarget(model, target);
  return {
    value,
    evaluate: (activation, gradient) => {
      const score = choose(activation);
      if (gradient) seed(score, gradient, activation);
      return reportOf(score, activation);
    },
  };
}

const isWholeLayer = (target: Target | LayerTarget): target is LayerTarget =>
  typeof target === "object" && target !== null && "layer" in target && !("unit" in target);

/**
 * The mean of the squared activations: what DeepDream raises. Mordvintsev, Olah & Tyka 2015, and Lucid's objective
 * `deepdream`.
 */
function layerObjective(model: LoadedModel, layer: string): Objective {
  const value = model.valueOf(layer);
  return {
    value,
    evaluate: (activation, gradient) => {
      let sum = 0;
      for (let i = 0; i < activation.length; i++) {
        sum += activation[i] * activation[i];
        if (gradient) gradient[i] = (2 * activation[i]) / activation.length;
      }
      return { layer, score: sum / activation.length };
    },
  };
}
