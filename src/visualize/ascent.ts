import type { LoadedModel } from "../model/loaded-model";
import { createPace } from "../pace/pace";
import { Random } from "../random/random";
import type { Tensor } from "../tensor";
import { BatchObjective } from "./batch-objective";
import { resolveObjective, type VisualizedTarget } from "./objective";
import { makeOptimizer } from "./optimizer";
import { type AscentSettings, type MaximizeOptions, settleOptions } from "./options";
import { fourier, pixels } from "./parameterization";
import { penalties } from "./penalties";
import { checkPicture, makeViewer, pictureSize } from "./picture";
import { startingPoint } from "./starting-point";

/** Inputs after some steps of ascent. */
export interface AscentStep {
  /** Steps taken so far. */
  readonly step: number;
  /** The input, in the network's own input space; of several images the first. */
  readonly image: Tensor;
  /** All images, each in the network's own input space. */
  readonly images: readonly Tensor[];
  /** The objective, of several images the sum; with transforms it is measured on what the network saw in this step. */
  readonly objective: number;
}

/** What is there when an ascent ends. */
export interface Summit {
  readonly images: readonly Tensor[];
  /** What each image reached, seen as it is. */
  readonly targets: readonly VisualizedTarget[];
  /** The options with nothing left open. */
  readonly settings: AscentSettings;
}

/**
 * Climbs, handing out every step. In each one
 *
 *   parameters ─ parameterization ─▶ images ─ transforms ─▶ what the network sees ─▶ objective
 *
 * is walked down again by the exact adjoint of every arrow; the penalties join at the images.
 */
export async function* ascend(model: LoadedModel, options: MaximizeOptions): AsyncGenerator<AscentStep, Summit> {
  const size = pictureSize(model);
  const settings = settleOptions(options, Math.min(size.height, size.width));
  checkPicture(model, settings);
  const { steps, optimizer, stepSize, redirectedSteps } = settings;
  const { input } = model.fast;
  const objective = new BatchObjective(model, resolveObjective(model, options.target), settings, options.signal);
  const pace = createPace(options, steps);
  const random = new Random(options.seed ?? 0);
  const drawView = makeViewer(model, size, settings, random);
  const split = <T extends Float32Array | Float64Array>(all: T): T[] => {
    const count = model.sampleSize(input);
    return Array.from({ length: all.length / count }, (_, i) => all.subarray(i * count, (i + 1) * count) as T);
  };
  const parameterization = settings.parameterization === "fourier" ? fourier(model, size) : pixels;
  try {
    const parameters = startingPoint(model, parameterization, settings, random);
    const uphill = makeOptimizer(optimizer, stepSize, parameters.length);
    for (let step = 0; ; step++) {
      const points = split(parameters).map((sample) => parameterization.at(sample));
      const samples = points.map((point) => point.input);
      const uphillGradients = new Float64Array(parameters.length);
      const gradients = split(uphillGradients);
      const penalty = samples.reduce((sum, sample, i) => sum + penalties(sample, size, settings, gradients[i]), 0);
      const images = samples.map((sample) => model.tensor(input, sample.slice()));
      const state = { step, image: images[0], images };
      if (step === steps) {
        const { reports, objective: reached } = await objective.score(join(samples));
        yield { ...state, objective: reached - penalty };
        return { images, targets: reports, settings };
      }
      const views = samples.map(drawView);
      const seen = samples.map((sample, i) => views[i]?.apply(sample) ?? sample);
      const rise = await objective.climb(join(seen), step < redirectedSteps ? "redirected" : "gradient");
      yield { ...state, objective: rise.objective - penalty };
      const split32 = split(rise.gradient);
      gradients.forEach((gradient, i) => {
        const arrived = views[i]?.adjoint(split32[i]) ?? split32[i];
        for (let k = 0; k < gradient.length; k++) gradient[k] += arrived[k];
        gradient.set(points[i].adjoint(gradient));
      });
      uphill.step(parameters, uphillGradients);
      await pace.step(step + 1);
    }
  } finally {
    parameterization.dispose();
  }
}

function join(samples: readonly Float32Array[]): Float32Array {
  const [first] = samples;
  if (samples.length === 1) return first;
  const all = new Float32Array(samples.length * first.length);
  samples.forEach((sample, i) => {
    all.set(sample, i * first.length);
  });
  return all;
}
