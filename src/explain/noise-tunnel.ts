import type { Attribution, ExplainOptions } from "../attribution/attribution";
import { type AttributionMethod, checkedMethod } from "../attribution/attribution-method";
import { finishAttribution } from "../attribution/finish";
import { forwardPass, targetNotes } from "../attribution/gradients/gradient";
import { Moments, type NoiseTunnelKind } from "../attribution/gradients/moments";
import { type NoiseOptions, noisyInputs, sampleCount } from "../attribution/gradients/noisy-inputs";
import { asSample } from "../attribution/readings-apart";
import { checkOptions, oneOf } from "../checks";
import { OptionError } from "../errors";
import { loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { resolveTarget } from "../model/resolve-target";
import { joinNotes } from "../notes";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";
import { Tensor } from "../tensor";

/** `target`, `seed`, `signal` and `onProgress` given here are those of every call that names none. */
export interface NoiseTunnelOptions extends NoiseOptions, ExplainOptions {
  /** What the noisy attributions come to: their mean (default), the mean of their squares, or their variance. */
  readonly kind?: NoiseTunnelKind;
}

/**
 * Wraps an attribution method so that it explains noisy copies of the input, x + σ·ε_k with ε_k ~ N(0, 1), and what they come to
 * is its result:
 *
 *   smoothgrad:          mean of Φ_k               the part that survives small changes
 *   smoothgrad-squared:  mean of Φ_k²              magnitudes, sharper, without signs
 *   vargrad:             mean of Φ_k² − (mean)²    where the explanation is unsteady
 *
 * Smilkov et al. 2017, https://arxiv.org/abs/1706.03825 (smoothgrad); Hooker et al. 2018, https://arxiv.org/abs/1806.10758
 * (squared); Adebayo et al. 2018, https://arxiv.org/abs/1810.03307 (vargrad). Matches Captum's `NoiseTunnel` with its `stdevs` in
 * the units of the network's input. All samples explain one target, that of the input itself, whose score is reported; notes are
 * those that hold for every sample, and of smoothgrad `convergenceDelta` is the mean of the samples'. The recipe is the method's
 * with `noiseTunnel` among its options. `noiseTunnel(saliency)` has the bits of `smoothGrad`, which is faster.
 *
 * @param method  a function of this library, or one with options of its own: `(m, x, o) => gradCam(m, x, { ...o, layer: "relu5" })`
 * @returns a function with the parameters of the method; `seed` draws the noise, and for a method that is random itself its seeds
 * @throws {OptionError} if the method is none, or `kind` none of the three; when it is called, if `samples` or `stdev` is out of range
 * @example
 * const steady = noiseTunnel(integratedGradients, { kind: "vargrad", samples: 10, stdev: 0.1 });
 * const { values } = await steady(model, image, { target: "cat", nSteps: 8 });
 */
export function noiseTunnel<Method extends AttributionMethod>(
  method: Method,
  settings: NoiseTunnelOptions = {},
): (model: Model, input: Input, options?: Parameters<Method>[2]) => Promise<Attribution> {
  checkOptions("noiseTunnel", settings, [
    "kind",
    "samples",
    "stdev",
    "noise",
    "target",
    "seed",
    "signal",
    "onProgress",
  ]);
  const attribute = checkedMethod(method);
  const { kind = "smoothgrad" } = settings;
  oneOf("kind", kind, ["smoothgrad", "smoothgrad-squared", "vargrad"]);
  const { target: usual, seed: usualSeed, signal, onProgress } = settings;
  return async (given: Model, input: Input, asked: ExplainOptions = {}) => {
    if (Object.hasOwn(Object(asked), "targets")) {
      throw new OptionError("noiseTunnel explains one target at a time: call it for each of targets.");
    }
    const options = { target: usual, seed: usualSeed, signal, onProgress, ...asked };
    const samples = sampleCount(settings.samples, 50, { noise: settings.noise });
    const pace = createPace(options, samples);
    const model = loaded(given);
    const target = resolveTarget(model, options.target);
    const data = model.prepare(input);
    const seed = options.seed ?? 0;
    const noisy = noisyInputs(model, data, settings, new Random(seed));
    // Numbers of its own, so that a method that is random too does not draw what the noise was made of.
    const seeds = new Random(~seed);
    const { score, report } = await forwardPass(model, data, target, [], options.signal);
    const chosen = score.chosen();

    const explained = (): Promise<Attribution> => {
      const own = { target: chosen, seed: 2 ** 32 * seeds.uniform(), onProgress: undefined };
      return attribute(model, asSample(model.given(noisy.next())), { ...options, ...own });
    };
    const first = await explained();
    const { byInput } = first;
    const several = model.parts.inputs.length > 1;
    // Maps of one layer that several inputs share are one map.
    const maps = [...new Set(several ? Object.values(byInput) : [first.values])];
    const valuesOf = (found: Attribution): readonly Tensor[] =>
      several
        ? maps.map((map) => found.byInput[Object.keys(byInput).find((name) => byInput[name] === map) as string])
        : [found.values];
    const moments = maps.map(({ data: { length } }) => new Moments(length));
    let { notes } = first;
    let delta = 0;
    for (let found = first, done = 1; ; found = await explained(), done++) {
      valuesOf(found).forEach((values, i) => {
        moments[i].add(values.data);
      });
      notes = notes.filter(({ code }) => found.notes.some((other) => other.code === code));
      delta += (found.convergenceDelta ?? Number.NaN) / samples;
      await pace.step(done);
      if (done === samples) break;
    }
    const {
      convergenceDelta: _,
      inputSize: size,
      placement: _samples,
      inputSizes: _sizes,
      placements: __,
      recipe,
      ...rest
    } = first;
    const found = maps.map((map, i) => new Tensor(moments[i].of(kind), map.shape));
    const { noise } = settings;
    return finishAttribution(model, input, {
      ...rest,
      target: report,
      values: found[0],
      inputSize: size,
      ...(several && {
        byInput: Object.fromEntries(Object.entries(byInput).map(([name, map]) => [name, found[maps.indexOf(map)]])),
      }),
      // Squares and variances are in units of their own; what is true of every sample is among the notes already.
      effect: Number.POSITIVE_INFINITY,
      ...(kind === "smoothgrad" && Number.isFinite(delta) && { convergenceDelta: delta }),
      notes: joinNotes(targetNotes(model, options, score, target.value), notes),
      options: {
        ...recipe.options,
        target: options.target,
        noiseTunnel: { kind, samples, stdev: noisy.stdev, ...(noise && { noise }) },
        seed,
      },
    });
  };
}
