/** The class activation maps that weigh each map by a pass of its own: they differ in what the pass changes. */
import { entryOf } from "../../guard";
import type { MethodFacts } from "../../methods/facts";
import { settledOptions } from "../../methods/settled-options";
import type { Input, Model } from "../../model/model";
import { asksForBox } from "../../model/resolve-target";
import { scoreOf } from "../../model/score";
import type { Note } from "../../notes";
import { batchOf } from "../../pace/batch";
import { forwardPass, gradientPass } from "../gradients/gradient";
import type { Passes } from "../passes";
import type { BudgetOptions } from "../refinement";
import { largestChange } from "../scored-input";
import { placesSeen, rowsAt, spread } from "./box-places";
import { type CamLayer, type CamOptions, type CamRun, finishCam, startCam } from "./cam-run";
import { weighedMap } from "./weighed-cam";

export interface PerturbedCamOptions extends CamOptions, BudgetOptions {
  /** Passes at a time; default up to 8, as many as suit the cache. The values do not depend on it. */
  readonly batchSize?: number;
}

/** One layer's maps, `[pixels][channels]`, and the value that they are part of, in memory order. */
export interface PerturbedLayer extends CamLayer {
  readonly activation: Float32Array;
  readonly whole: Float32Array;
}

export interface PerturbedCam {
  readonly facts: MethodFacts;
  /** True of maps that all make the same pass, which then runs once. */
  readonly alike: (least: number, most: number) => boolean;
  /** What the target's value becomes by each of some channels, sample by sample. */
  readonly passes: (run: CamRun, layer: PerturbedLayer, channels: readonly number[]) => Promise<Float32Array>;
  /** How a map counts whose pass is not made yet: as one that scores like the mean of the others, or not at all. */
  readonly unasked: "mean" | "nothing";
  /** The weights of the maps, from the score of each channel's pass and the plain score. */
  readonly weights: (scores: Float32Array, score: number) => ArrayLike<number>;
  readonly notes?: (score: number) => readonly Note[];
}

/** Begins a method that makes a pass per map. */
export async function beginPerturbedCam(
  given: Model,
  input: Input,
  unsettled: PerturbedCamOptions,
  { facts, alike, passes, unasked, weights, notes }: PerturbedCam,
): Promise<Passes<number>> {
  const options = settledOptions(facts, unsettled);
  const run = startCam(given, input, options);
  const { model, data, target, values } = run;
  const request = { data, target, at: values, keep: values, signal: options.signal };
  const back = asksForBox(options.target) ? await gradientPass(model, request) : undefined;
  const plain = back ?? (await forwardPass(model, data, target, values, options.signal));
  const layers = run.layers.map((layer) => {
    const whole = entryOf(plain.values, layer.value);
    const activation = layer.read(whole);
    const places = back && placesSeen(layer.read(entryOf(back.gradients, layer.value)), layer.channels);
    const found = new Map<number, number>();
    return {
      layer: { ...layer, activation, whole },
      places,
      found,
      ...passesNeeded(activation, layer.channels, alike),
    };
  });
  const jobs = layers.flatMap(({ layer, found, needed, energies }) =>
    needed.map((channel) => ({ layer, found, channel, energy: energies[channel] })),
  );
  const size = model.sampleSize(target.value);
  return {
    count: jobs.length,
    batchSize: batchOf(model, options.batchSize),
    resultBytes: Float64Array.BYTES_PER_ELEMENT,
    // Of the strongest maps comes most of the picture. Every layer has to have one.
    order: strongestFirst(jobs, ({ layer }) => layer),
    least: layers.length,
    // By energy, not by chance: a weak map that was not asked yet may have a large weight, of a softmax even all of it.
    tellsError: false,
    async make(asked) {
      const scores = new Float32Array(asked.length);
      for (const { layer } of layers) {
        const own = asked.flatMap((pass, i) => (jobs[pass].layer === layer ? [{ i, ...jobs[pass] }] : []));
        if (own.length === 0) continue;
        const value = await passes(
          run,
          layer,
          own.map(({ channel }) => channel),
        );
        own.forEach(({ i }, sample) => {
          scores[i] = scoreOf(plain.score, value, sample * size);
        });
      }
      return scores;
    },
    take(scores, asked) {
      asked.forEach((pass, i) => {
        const { found, channel } = jobs[pass];
        found.set(channel, scores[i]);
      });
    },
    async attribution() {
      let effect = 0;
      const maps = layers.map(({ layer, places, found, sources }) => {
        const known = Array.from(sources.keys()).filter((channel) => found.has(sources[channel]));
        const scores = Float32Array.from(known, (channel) => found.get(sources[channel]) ?? 0);
        effect = Math.max(effect, largestChange(plain.report.score, scores));
        const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
        const likely = unasked === "mean" ? mean : 0;
        const own = weights(
          Float32Array.from(sources, (source) => found.get(source) ?? likely),
          plain.report.score,
        );
        const all = Float64Array.from(own, (weight, channel) =>
          unasked === "mean" || found.has(sources[channel]) ? weight : 0,
        );
        if (!places) return weighedMap(layer.activation, all);
        const { activation, channels } = layer;
        return spread(weighedMap(rowsAt(activation, channels, places), all), places, activation.length / channels);
      });
      return finishCam(run, facts.name, plain, maps, notes?.(plain.report.score), effect);
    },
  };
}

/** The passes by falling energy of their maps as a share of their layer's, the first of each layer before all others. */
function strongestFirst<Job extends { readonly energy: number }, Layer>(
  jobs: readonly Job[],
  layerOf: (job: Job) => Layer,
): number[] {
  const totals = new Map<Layer, number>();
  for (const job of jobs) totals.set(layerOf(job), (totals.get(layerOf(job)) ?? 0) + job.energy);
  const share = (pass: number): number => jobs[pass].energy / (totals.get(layerOf(jobs[pass])) || 1);
  const sorted = [...jobs.keys()].sort((a, b) => share(b) - share(a) || a - b);
  const firsts = [...totals.keys()].map((layer) => sorted.find((pass) => layerOf(jobs[pass]) === layer) ?? 0);
  return [...firsts, ...sorted.filter((pass) => !firsts.includes(pass))];
}

/** The channels that need a pass, for every channel the one whose pass is also its own, and each map's sum of magnitudes. */
function passesNeeded(
  activation: Float32Array,
  channels: number,
  alike: PerturbedCam["alike"],
): { readonly needed: number[]; readonly sources: Int32Array; readonly energies: Float64Array } {
  const least = new Float32Array(channels).fill(Number.POSITIVE_INFINITY);
  const most = new Float32Array(channels).fill(Number.NEGATIVE_INFINITY);
  const energies = new Float64Array(channels);
  activation.forEach((value, i) => {
    const channel = i % channels;
    energies[channel] += Math.abs(value);
    least[channel] = Math.min(least[channel], value);
    most[channel] = Math.max(most[channel], value);
  });
  const same = Array.from(least, (low, channel) => alike(low, most[channel]));
  const first = same.indexOf(true);
  const sources = Int32Array.from(same, (isAlike, channel) => (isAlike ? first : channel));
  return { needed: [...new Set(sources)], sources, energies };
}
