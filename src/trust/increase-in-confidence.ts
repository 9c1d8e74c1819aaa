import { guardedAsync } from "../guard";
import type { Input, Model } from "../model/model";
import { type Confidences, confidences } from "./average-drop";
import type { ExplanationMapOptions } from "./explanation-map";
import type { JudgedMap } from "./judged-map";

export interface IncreaseInConfidence extends Confidences {
  /** O > Y: the network is surer of what the map leaves than of the whole input. */
  readonly increased: boolean;
  /** 1 if it is, else 0. The paper's figure is 100 × the mean over images. */
  readonly increaseInConfidence: 0 | 1;
}

/**
 * Increase in confidence: is the network surer where only what the map marks is shown?
 *
 *   increase = 1 if Y < O, else 0    O of the explanation map E = L ∘ I
 *
 * Chattopadhay et al. 2018 (Grad-CAM++), https://arxiv.org/abs/1710.11063, section 4.1, of one image; the explanation map is that of `averageDrop`.
 *
 * @param map  an attribution of any method, or a heatmap at the size of the network's input
 * @throws {ShapeError} if the map is not of the input's size; {TargetError} for a wrong target; {OptionError} for a wrong option
 * @example
 * const { increased } = await increaseInConfidence(model, image, await gradCam(model, image, { target: "cat" }));
 */
export async function increaseInConfidence(
  given: Model,
  input: Input,
  map: JudgedMap,
  options: ExplanationMapOptions = {},
): Promise<IncreaseInConfidence> {
  return guardedAsync("increaseInConfidence", async () => {
    const found = await confidences("increaseInConfidence", given, { input, map, options });
    const increased = found.explained > found.confidence;
    return { ...found, increased, increaseInConfidence: increased ? 1 : 0 };
  });
}
