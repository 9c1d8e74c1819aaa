import type { ExplainOptions } from "../attribution/attribution";
import { type Baseline, baselineData } from "../attribution/baseline";
import { checkOptions, oneOf } from "../checks";
import { ShapeError } from "../errors";
import { inputSize } from "../model/input-size";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { showShape } from "../tensor";
import { fittingHeatmap, type JudgedMap } from "./judged-map";
import { judgedTarget } from "./judged-target";
import { type Measure, type TargetResponse, targetResponse } from "./target-response";

export interface ExplanationMapOptions extends ExplainOptions {
  /** What the picture becomes where the map marks nothing; default 'zero', in the network's input space. */
  readonly baseline?: Baseline;
  /** What the confidence is; default the target's probability, and its score where the target is no class. */
  readonly measure?: Measure;
}

/** What remains of an input where only what the map marks is shown, and what the network says of both. */
export interface ExplanationMap {
  /** One weight per pixel, 0 to 1: the map's positive part, divided by its largest value. */
  readonly weights: Float32Array;
  /** baseline + weights · (input − baseline), memory order. */
  readonly data: Float32Array;
  readonly response: TargetResponse;
  readonly target: ReturnType<typeof judgedTarget>;
  /** Of the whole input. */
  readonly confidence: number;
  /** Of the explanation map. */
  readonly explained: number;
}

/** @throws {OptionError} for an option that is none; {ShapeError} if the input has no places */
export function explainedModel(given: Model, what: string, options: ExplanationMapOptions): LoadedModel {
  checkOptions(what, options, ["target", "baseline", "measure", "signal", "onProgress", "seed"]);
  const model = loadedAlone(given, what);
  const { width, height } = inputSize(model);
  if (options.measure !== undefined) oneOf("measure", options.measure, ["probability", "score"]);
  if (width * height > 1) return model;
  throw new ShapeError(
    `The input is ${showShape(model.input.shape)}: it has no places to leave out. infidelity judges attributions of vectors.`,
  );
}

/**
 * The explanation map E = L ∘ I of a map L and an input I (Chattopadhay et al. 2018, section 4.1), for any baseline.
 *
 * @throws {ShapeError} if the map is not of the input's size; {TargetError} for a wrong target
 */
export async function explanationMap(
  model: LoadedModel,
  input: Input,
  map: JudgedMap,
  { target: asked, baseline = "zero", measure, signal }: ExplanationMapOptions,
): Promise<ExplanationMap> {
  const x = model.prepare(input);
  const { data } = fittingHeatmap(map, inputSize(model));
  const target = judgedTarget(map, asked);
  const response = await targetResponse(model, x, { target, measure, signal });
  const nothing = baselineData(model, x, baseline);
  const largest = data.reduce((most, value) => Math.max(most, value), 0) || 1;
  const weights = data.map((value) => Math.max(value, 0) / largest);
  const channels = x.length / weights.length;
  const shown = x.map((value, i) => nothing[i] + weights[Math.floor(i / channels)] * (value - nothing[i]));
  const [confidence] = await response.of(x, 1);
  const [explained] = await response.of(shown, 1);
  return { weights, data: shown, response, target, confidence, explained };
}
