import type { ExplainOptions, Recipe } from "../attribution/attribution";
import { type Baseline, baselineData } from "../attribution/baseline";
import { makeRecipe } from "../attribution/recipe";
import { checkOptions, oneOf, wholeNumber } from "../checks";
import { ShapeError } from "../errors";
import { guardedAsync } from "../guard";
import { inputSize } from "../model/input-size";
import { loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { batchOf } from "../pace/batch";
import { createPace } from "../pace/pace";
import { showShape } from "../tensor";
import type { Heatmap } from "../view/heatmap";
import { changedInputs, descending, type PixelChanges } from "./changed-inputs";
import { type ControlHeatmaps, controlsOf } from "./control-heatmaps";
import { fittingHeatmap, type JudgedMap, methodOf, notesOf, recorded } from "./judged-map";
import { judgedTarget } from "./judged-target";
import { type Measure, targetResponse } from "./target-response";

export interface DeletionInsertionOptions extends ExplainOptions {
  /** Pixels changed at each step; default the width of the input, as RISE's 224 at 224×224 (of a signal a 64th of its length). */
  readonly step?: number;
  /** What deleted pixels become; default 'zero', in the network's input space. */
  readonly deletionBaseline?: Baseline;
  /** What the insertion begins with; default 'blur'. */
  readonly insertionBaseline?: Baseline;
  /** What is measured; default the target's probability, and its score where the target is no class. */
  readonly measure?: Measure;
  /** Whether random, edge and centre maps are judged too; default true. */
  readonly controls?: boolean;
  /** Inputs per pass; default up to 8, as many as suit the cache. */
  readonly batchSize?: number;
}

/** What happens to the target while pixels are changed, the most important first. */
export interface ResponseCurve {
  /** The mean of the curve (trapezoids): for a probability 0 to 1. */
  readonly auc: number;
  /** Before the first step and after each. */
  readonly curve: readonly number[];
}

export interface DeletionInsertionCurves {
  /** Pixels are taken away: the lower the AUC, the more the network needed those that the map marks. */
  readonly deletion: ResponseCurve;
  /** Pixels are put back: the higher the AUC, the sooner those that the map marks are enough. */
  readonly insertion: ResponseCurve;
}

export interface DeletionInsertion extends DeletionInsertionCurves {
  /** What made the map. */
  readonly method: string;
  readonly target: TargetReport;
  readonly measure: Measure;
  /** Share of the pixels changed, for each value of a curve: 0 to 1. */
  readonly fractions: readonly number[];
  /** The same for maps that know nothing of the network; see `controlHeatmaps`. */
  readonly controls?: Readonly<Record<keyof ControlHeatmaps, DeletionInsertionCurves>>;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/**
 * Deletion and insertion: does the network need what the map marks, and is it enough?
 *
 * Pixels are ranked by the map. Deletion sets them to a baseline, the highest first; insertion puts them into a blurred
 * picture. The probability of the target is measured after each step; the AUC is the area under that curve.
 *
 *   AUC = (Σ pᵢ − p₀/2 − pₙ/2) / n
 *
 * Petsiuk, Das & Saenko 2018 (RISE), https://arxiv.org/abs/1806.07421, section 4.1, and `evaluation.py` of eclique/RISE. There the
 * insertion begins with an 11×11 Gaussian of σ 5, here with the baseline 'blur'; pass a Tensor for any other. Pixels of equal
 * rank come in an order drawn from `seed`, not from the top left.
 *
 * A number means little by itself: changed pictures are unlike any the network was trained on. Compare it with the controls.
 *
 * @param map  an attribution of any method (its heatmap ranks the pixels), or a heatmap at the size of the network's input
 * @throws {ShapeError} if the map is not of the input's size; {TargetError} for a wrong target; {OptionError} for a wrong option
 * @example
 * const attribution = await gradCam(model, image, { target: "cat" });
 * const { deletion, insertion, controls } = await deletionInsertion(model, image, attribution);
 * console.log(deletion.auc, controls?.edge.deletion.auc);
 */
export async function deletionInsertion(
  given: Model,
  input: Input,
  map: JudgedMap,
  options: DeletionInsertionOptions = {},
): Promise<DeletionInsertion> {
  return guardedAsync("deletionInsertion", async () => {
    checkOptions("deletionInsertion", options, [
      "target",
      "step",
      "deletionBaseline",
      "insertionBaseline",
      "measure",
      "controls",
      "batchSize",
      "signal",
      "onProgress",
      "seed",
    ]);
    const model = loadedAlone(given, "deletionInsertion");
    const { controls = true, seed = 0, deletionBaseline = "zero", insertionBaseline = "blur" } = options;
    const x = model.prepare(input);
    const { width, height } = inputSize(model);
    if (width * height === 1) {
      throw new ShapeError(
        `The input is ${showShape(model.input.shape)}: it has no places to delete. infidelity judges attributions of vectors.`,
      );
    }
    const heat = fittingHeatmap(map, { width, height });
    const step = wholeNumber("step", options.step ?? (height === 1 ? Math.ceil(width / 64) : width), 1);
    const batchSize = batchOf(model, options.batchSize);
    if (options.measure !== undefined) oneOf("measure", options.measure, ["probability", "score"]);
    const target = judgedTarget(map, options.target);
    const response = await targetResponse(model, x, { target, measure: options.measure, signal: options.signal });
    const deleted = baselineData(model, x, deletionBaseline);
    const blurred = baselineData(model, x, insertionBaseline);
    const maps = controls ? controlsOf(model, x, seed) : undefined;
    const steps = Math.ceil((width * height) / step);
    const pace = createPace(options, 2 * (steps + 1) * (maps ? 4 : 1));
    let done = 0;
    const curve = async (changes: Omit<PixelChanges, "step">): Promise<ResponseCurve> => {
      const values: number[] = [];
      for (const { batch, count } of changedInputs({ ...changes, step }, batchSize)) {
        values.push(...(await response.of(batch, count)));
        done += count;
        await pace.step(done);
      }
      return { auc: areaUnder(values), curve: values };
    };
    const judge = async ({ data }: Heatmap): Promise<DeletionInsertionCurves> => {
      const order = descending(data, seed);
      return {
        deletion: await curve({ from: x, to: deleted, order }),
        insertion: await curve({ from: blurred, to: x, order }),
      };
    };
    return {
      method: methodOf(map),
      target: response.target,
      measure: response.measure,
      fractions: Array.from({ length: steps + 1 }, (_, i) => Math.min(1, (i * step) / (width * height))),
      ...(await judge(heat)),
      ...(maps && {
        controls: { random: await judge(maps.random), edge: await judge(maps.edge), centre: await judge(maps.centre) },
      }),
      notes: [...response.notes, ...notesOf(map)],
      recipe: await makeRecipe(model, "deletion-insertion", {
        ...{ ...options, map: recorded(map), target, step, deletionBaseline, insertionBaseline, controls },
        ...{ measure: response.measure },
      }),
    };
  });
}

/** The trapezoid rule over equal steps, divided by their number. */
function areaUnder(values: readonly number[]): number {
  const sum = values.reduce((a, b) => a + b, 0);
  return (sum - (values[0] + values[values.length - 1]) / 2) / (values.length - 1);
}
