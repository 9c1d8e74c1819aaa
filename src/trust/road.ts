import type { ExplainOptions, Recipe } from "../attribution/attribution";
import { makeRecipe } from "../attribution/recipe";
import { atLeastZero, checkOptions, nonEmptyList, oneOf, show } from "../checks";
import { OptionError, ShapeError } from "../errors";
import { guardedAsync } from "../guard";
import { inputSize, placesOfShape } from "../model/input-size";
import { loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import type { TargetReport } from "../model/score";
import type { Note } from "../notes";
import { batchOf } from "../pace/batch";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";
import { showShape } from "../tensor";
import type { Heatmap } from "../view/heatmap";
import { descending } from "./changed-inputs";
import { type ControlHeatmaps, controlsOf } from "./control-heatmaps";
import { fittingHeatmap, type JudgedMap, methodOf, notesOf, recorded } from "./judged-map";
import { judgedTarget } from "./judged-target";
import { imputed } from "./linear-imputation";
import { mean } from "./mean-and-deviation";
import { type Measure, targetResponse } from "./target-response";

export interface RoadOptions extends ExplainOptions {
  /**
   * Percentiles of the map, above 0 and below 100: at 70 the 30 % of the pixels that rank highest are removed, and once more the 30 %
   * that rank lowest. Default 10, 20, … 90.
   */
  readonly percentiles?: readonly number[];
  /**
   * Standard deviation of the noise on removed pixels, in units of the network's input; default 0.01 × the standard deviation of
   * the input's values, which is 0.01 for a normalised picture.
   */
  readonly noise?: number;
  /** What is measured; default the target's probability, and its score where the target is no class. */
  readonly measure?: Measure;
  /** Whether random, edge and centre maps are judged too; default true. */
  readonly controls?: boolean;
  /** Inputs per pass; default up to 8, as many as suit the cache. */
  readonly batchSize?: number;
}

export interface RoadCurves {
  /** The target with the most relevant pixels removed, one value per percentile: the lower, the more the network needed them. */
  readonly mostRelevantFirst: readonly number[];
  /** The same with the least relevant pixels removed: the higher, the less it needed those. */
  readonly leastRelevantFirst: readonly number[];
  /** (mean of `leastRelevantFirst` − mean of `mostRelevantFirst`) / 2: for a probability −0.5 to 0.5, high is good, 0 is a map that says nothing. */
  readonly combined: number;
}

export interface Road extends RoadCurves {
  /** What made the map. */
  readonly method: string;
  readonly target: TargetReport;
  readonly measure: Measure;
  readonly percentiles: readonly number[];
  /** Share of the pixels removed at each percentile: 0 to 1. */
  readonly fractions: readonly number[];
  /** The same for maps that know nothing of the network; see `controlHeatmaps`. */
  readonly controls?: Readonly<Record<keyof ControlHeatmaps, RoadCurves>>;
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/**
 * ROAD (remove and debias): does the network need what the map marks, and can it do without the rest?
 *
 * Pixels are ranked by the map. At each percentile those from there on are removed, and once more as many from the other end. A
 * removed pixel becomes the weighted mean of those around it, plus noise: unlike a patch of one colour that leaves no outline, from which a
 * network could read the mask's shape.
 *
 *   combined = (mean LeRF − mean MoRF) / 2
 *
 * Rong, Leemann, Borisov, Kasneci & Kasneci 2022, https://arxiv.org/abs/2202.00449: MoRF, LeRF and noisy linear imputation; `ROADCombined` of
 * pytorch-grad-cam, whose percentiles mean the same. There all pixels that equal a percentile's value are removed, which of a map
 * with many zeros may be all of them; here as many as of a map without equal values, equal ones in an order drawn from `seed`. The noise is drawn
 * once for all of them.
 *
 * @param map  an attribution of any method (its heatmap ranks the pixels), or a heatmap at the size of the network's input
 * @throws {ShapeError} if the map is not of the input's size; {TargetError} for a wrong target; {OptionError} for a wrong option
 * @example
 * const attribution = await gradCam(model, image, { target: "cat" });
 * const { combined, controls } = await road(model, image, attribution);
 * console.log(combined, controls?.edge.combined);
 */
export async function road(given: Model, input: Input, map: JudgedMap, options: RoadOptions = {}): Promise<Road> {
  return guardedAsync("road", async () => {
    checkOptions("road", options, [
      "target",
      "percentiles",
      "noise",
      "measure",
      "controls",
      "batchSize",
      "signal",
      "onProgress",
      "seed",
    ]);
    const model = loadedAlone(given, "road");
    const { controls = true, seed = 0, percentiles = usual } = options;
    const x = model.prepare(input);
    const { width, height } = inputSize(model);
    const pixels = width * height;
    if (pixels === 1) {
      throw new ShapeError(
        `The input is ${showShape(model.input.shape)}: it has no places to remove. infidelity judges attributions of vectors.`,
      );
    }
    const heat = fittingHeatmap(map, { width, height });
    checkPercentiles(percentiles);
    const noise = atLeastZero("noise", options.noise ?? 0.01 * deviationOf(x));
    const batchSize = batchOf(model, options.batchSize);
    if (options.measure !== undefined) oneOf("measure", options.measure, ["probability", "score"]);
    const target = judgedTarget(map, options.target);
    const response = await targetResponse(model, x, { target, measure: options.measure, signal: options.signal });
    const maps = controls ? controlsOf(model, x, seed) : undefined;
    const counts = percentiles.map((percentile) => pixels - Math.ceil((percentile * (pixels - 1)) / 100));
    const pace = createPace(options, 2 * counts.length * (maps ? 4 : 1));
    const places = placesOfShape(model.shape(model.fast.input));
    const random = new Random(seed);
    const noises = x.map(() => noise * random.normal());
    let done = 0;
    const curve = async (order: Uint32Array): Promise<number[]> => {
      const values: number[] = [];
      for (let first = 0; first < counts.length; first += batchSize) {
        const some = counts.slice(first, first + batchSize);
        const batch = new Float32Array(some.length * x.length);
        for (const [sample, count] of some.entries()) {
          const removed = new Uint8Array(pixels);
          for (const pixel of order.subarray(0, count)) removed[pixel] = 1;
          const filled = await imputed(x, removed, places, pace.pause);
          batch.set(noisy(filled, noises, removed), sample * x.length);
        }
        values.push(...(await response.of(batch, some.length)));
        done += some.length;
        await pace.step(done);
      }
      return values;
    };
    const judge = async ({ data }: Heatmap): Promise<RoadCurves> => {
      const order = descending(data, seed);
      const mostRelevantFirst = await curve(order);
      const leastRelevantFirst = await curve(order.slice().reverse());
      const combined = (mean(leastRelevantFirst) - mean(mostRelevantFirst)) / 2;
      return { mostRelevantFirst, leastRelevantFirst, combined };
    };
    return {
      method: methodOf(map),
      target: response.target,
      measure: response.measure,
      percentiles: [...percentiles],
      fractions: counts.map((count) => count / pixels),
      ...(await judge(heat)),
      ...(maps && {
        controls: { random: await judge(maps.random), edge: await judge(maps.edge), centre: await judge(maps.centre) },
      }),
      notes: [...response.notes, ...notesOf(map)],
      recipe: await makeRecipe(model, "road", {
        ...{ ...options, map: recorded(map), target, percentiles, noise, controls },
        ...{ measure: response.measure },
      }),
    };
  });
}

const usual = [10, 20, 30, 40, 50, 60, 70, 80, 90] as const;

function checkPercentiles(percentiles: readonly number[]): void {
  nonEmptyList("percentiles", percentiles, "number above 0 and below 100");
  for (const percentile of percentiles) {
    if (typeof percentile === "number" && percentile > 0 && percentile < 100) continue;
    throw new OptionError(`percentiles must be above 0 and below 100, got ${show(percentile)} among them.`);
  }
}

/** The same with noise on what was removed. */
function noisy(filled: Float32Array, noises: Float32Array, removed: Uint8Array): Float32Array {
  const channels = filled.length / removed.length;
  return filled.map((value, i) => (removed[Math.floor(i / channels)] ? value + noises[i] : value));
}

/** Standard deviation of the values. */
function deviationOf(values: Float32Array): number {
  let [sum, squares] = [0, 0];
  for (const value of values) sum += value;
  const middle = sum / values.length;
  for (const value of values) squares += (value - middle) ** 2;
  return Math.sqrt(squares / values.length);
}
