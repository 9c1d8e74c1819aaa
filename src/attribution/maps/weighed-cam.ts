/** The class activation maps that one gradient makes: they differ in how it weighs the maps. */
import { entryOf } from "../../guard";
import type { MethodFacts } from "../../methods/facts";
import { settledOptions } from "../../methods/settled-options";
import type { Input, Model } from "../../model/model";
import { asksForBox } from "../../model/resolve-target";
import type { Target } from "../../model/target";
import type { Note } from "../../notes";
import type { Attribution } from "../attribution";
import { type GradientPass, gradientPasses } from "../gradients/gradient";
import { type Explains, type SeveralTargets, together } from "../several-targets";
import { placesSeen, rowsAt, spread } from "./box-places";
import { type CamOptions, type CamRun, finishCam, startCam } from "./cam-run";

/** A layer's maps and the gradient at them, both `[pixels][channels]`. */
export interface WeighedMaps {
  readonly activation: Float32Array;
  readonly gradient: Float32Array;
  readonly channels: number;
}

export interface CamMethod {
  readonly facts: MethodFacts;
  /** The map of one layer, a number per pixel. */
  readonly map: (maps: WeighedMaps) => Float32Array;
  readonly notes?: (map: Float32Array, maps: WeighedMaps) => readonly Note[];
  /** "flow" where the formula does not keep the units of the score. */
  readonly effect?: "flow";
}

/** A method that weighs the maps by one backward pass from each target, of all layers at once. */
export const byWeighing = (method: CamMethod): Explains<CamOptions> =>
  together(method.facts.name, (model, input, options, targets) =>
    attributeByWeighing(model, input, options, targets, method),
  );

async function attributeByWeighing(
  given: Model,
  input: Input,
  options: CamOptions,
  targets: readonly (Target | undefined)[],
  { facts, map, notes, effect }: CamMethod,
): Promise<Attribution[]> {
  const { targets: _, ...settled } = settledOptions(facts, options as CamOptions & Partial<SeveralTargets>);
  const runs = targets.map((target) => startCam(given, input, { ...settled, target }));
  const grouped = new Map<string, CamRun[]>();
  for (const run of runs) {
    const name = JSON.stringify(run.values);
    grouped.set(name, [...(grouped.get(name) ?? []), run]);
  }
  // The default layer may lie elsewhere where the target does.
  const passes = new Map<CamRun, GradientPass>();
  for (const [{ model, data, values }, ...others] of [...grouped.values()].map(
    (group) => [group[0], ...group] as const,
  )) {
    const found = await gradientPasses(model, {
      data,
      targets: others.map(({ target }) => target),
      at: values,
      keep: values,
      signal: settled.signal,
    });
    others.forEach((run, i) => void passes.set(run, found[i]));
  }
  return Promise.all(
    runs.map((run) => {
      const pass = entryOf(passes, run);
      const layers = run.layers.map(({ value, channels, read }) => ({
        activation: read(entryOf(pass.values, value)),
        gradient: read(entryOf(pass.gradients, value)),
        channels,
      }));
      const parts: (WeighedMaps & Partial<SeenMaps>)[] = layers.map((layer) =>
        asksForBox(run.options.target) ? seenByBox(layer) : layer,
      );
      const own = parts.map(map);
      const found = own.flatMap((one, i) => notes?.(one, parts[i]) ?? []);
      const maps = own.map((one, i) => {
        const { places } = parts[i];
        return places ? spread(one, places, layers[i].activation.length / layers[i].channels) : one;
      });
      const different = new Map(found.map((each) => [each.message, each]));
      return finishCam(run, facts.name, pass, maps, [...different.values()], effect);
    }),
  );
}

/** Maps of some places alone, and which those are. */
interface SeenMaps extends WeighedMaps {
  readonly places: readonly number[];
}

/** Of a box the places that its score is computed from. Where there are none the maps are as they are. */
function seenByBox(maps: WeighedMaps): WeighedMaps & Partial<SeenMaps> {
  const { activation, gradient, channels } = maps;
  const places = placesSeen(gradient, channels);
  if (!places) return maps;
  return {
    activation: rowsAt(activation, channels, places),
    gradient: rowsAt(gradient, channels, places),
    channels,
    places,
  };
}

/** Σ_k weight_k · A_k per pixel: one weight for each map. */
export function weighedMap(activation: Float32Array, weights: ArrayLike<number>): Float32Array {
  const channels = weights.length;
  return Float32Array.from({ length: activation.length / channels }, (_, pixel) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += weights[c] * activation[pixel * channels + c];
    return sum;
  });
}

/** Σ_k f(∂s/∂A_k) · A_k per pixel: one weight for each place of each map; f is the identity unless given. */
export function elementwiseMap(
  { activation, gradient, channels }: WeighedMaps,
  f: (gradient: number) => number = (value) => value,
): Float32Array {
  return Float32Array.from({ length: activation.length / channels }, (_, pixel) => {
    let sum = 0;
    for (let i = pixel * channels; i < (pixel + 1) * channels; i++) sum += f(gradient[i]) * activation[i];
    return sum;
  });
}

/** Σ of f(element index) over the pixels of each channel. */
export function channelSums(length: number, channels: number, f: (index: number) => number): Float64Array {
  const sums = new Float64Array(channels);
  for (let i = 0; i < length; i++) sums[i % channels] += f(i);
  return sums;
}

/** Mean of each channel over all pixels of `[pixels][channels]`. */
export const channelMeans = (data: Float32Array, channels: number): Float64Array =>
  channelSums(data.length, channels, (i) => data[i]).map((sum) => (sum * channels) / data.length);
