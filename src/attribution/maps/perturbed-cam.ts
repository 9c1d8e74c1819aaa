/** The class activation maps that weigh each map by a pass of its own: they differ in what the pass changes. */
import type { MethodFacts } from "../../methods/facts";
import { settledOptions } from "../../methods/settled-options";
import type { Input, Model } from "../../model/model";
import { scoreOf } from "../../model/score";
import type { Note } from "../../notes";
import { batchOf } from "../../pace/batch";
import { forwardPass } from "../gradients/gradient";
import type { Passes } from "../passes";
import { largestChange } from "../scored-input";
import { type CamLayer, type CamOptions, type CamRun, finishCam, startCam } from "./cam-run";
import { weighedMap } from "./weighed-cam";

export interface PerturbedCamOptions extends CamOptions {
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
  /** The weights of the maps, from the score of each channel's pass and the plain score. */
  readonly weights: (scores: Float32Array, score: number) => ArrayLike<number>;
  readonly notes?: (score: number) => readonly Note[];
}

/** Begins a method that makes a pass per map. */
export async function beginPerturbedCam(
  given: Model,
  input: Input,
  unsettled: PerturbedCamOptions,
  { facts, alike, passes, weights, notes }: PerturbedCam,
): Promise<Passes<number>> {
  const options = settledOptions(facts, unsettled);
  const run = startCam(given, input, options);
  const { model, data, target, values } = run;
  const plain = await forwardPass(model, data, target, values, options.signal);
  const layers = run.layers.map((layer) => {
    const whole = plain.values.get(layer.value) as Float32Array;
    const activation = layer.read(whole);
    const found = new Float32Array(layer.channels);
    return { layer: { ...layer, activation, whole }, found, ...passesNeeded(activation, layer.channels, alike) };
  });
  const jobs = layers.flatMap(({ layer, found, needed }) => needed.map((channel) => ({ layer, found, channel })));
  const size = model.sampleSize(target.value);
  return {
    count: jobs.length,
    batchSize: batchOf(model, options.batchSize),
    resultBytes: Float64Array.BYTES_PER_ELEMENT,
    async make(first, end) {
      const group = jobs.slice(first, end);
      const scores: number[] = [];
      for (const { layer } of layers) {
        const channels = group.filter((job) => job.layer === layer).map(({ channel }) => channel);
        if (channels.length === 0) continue;
        const value = await passes(run, layer, channels);
        scores.push(...channels.map((_, sample) => scoreOf(plain.score, value, sample * size)));
      }
      return scores;
    },
    take(scores, first) {
      for (let i = 0; i < scores.length; i++) {
        const { found, channel } = jobs[first + i];
        found[channel] = scores[i];
      }
    },
    async attribution() {
      let effect = 0;
      const maps = layers.map(({ layer, found, sources }) => {
        const scores = found.map((_, channel) => found[sources[channel]]);
        effect = Math.max(effect, largestChange(plain.report.score, scores));
        return weighedMap(layer.activation, weights(scores, plain.report.score));
      });
      return finishCam(run, facts.name, plain, maps, notes?.(plain.report.score), effect);
    },
  };
}

/** The channels that need a pass, and for every channel the one whose pass is also its own. */
function passesNeeded(
  activation: Float32Array,
  channels: number,
  alike: PerturbedCam["alike"],
): { readonly needed: number[]; readonly sources: Int32Array } {
  const least = new Float32Array(channels).fill(Number.POSITIVE_INFINITY);
  const most = new Float32Array(channels).fill(Number.NEGATIVE_INFINITY);
  activation.forEach((value, i) => {
    const channel = i % channels;
    least[channel] = Math.min(least[channel], value);
    most[channel] = Math.max(most[channel], value);
  });
  const same = Array.from(least, (low, channel) => alike(low, most[channel]));
  const first = same.indexOf(true);
  const sources = Int32Array.from(same, (isAlike, channel) => (isAlike ? first : channel));
  return { needed: [...new Set(sources)], sources };
}
