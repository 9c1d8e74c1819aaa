import { OptionError, ShapeError } from "../errors";
import { type LoadedModel, loaded, type Model } from "../model/model";
import { resolveTarget, type ScoredTarget, type Target, type TargetReport } from "../model/target";
import { showShape, Tensor } from "../tensor";
import type { Recipe } from "./attribution";
import { gradientPass, report } from "./gradient";
import { createPace } from "./pace";
import { Random } from "./random";
import { makeRecipe } from "./recipe";

export interface MaximizeOptions {
  /** The class, unit or region whose activation is to grow. */
  readonly target: Target;
  /** Where the ascent starts: a tensor of the input's shape (an image gives DeepDream), 'zero' (default), or seeded 'noise' of standard deviation 0.1. */
  readonly start?: Tensor | "zero" | "noise";
  /** Steps of ascent; default 128. */
  readonly steps?: number;
  /** Length η of a step along the gradient; default 1. */
  readonly stepSize?: number;
  /** Weight λ of the penalty on large inputs; default 0.01. */
  readonly l2?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** An input after some steps of ascent. */
export interface AscentStep {
  /** Steps taken so far. */
  readonly step: number;
  /** The input, in the network's own input space. */
  readonly image: Tensor;
  /** a(x) − λ‖x‖² of that input. */
  readonly objective: number;
}

/** What the network's unit would like best. */
export interface Visualization {
  /** The last input, in the network's own input space. */
  readonly image: Tensor;
  /** The objective before each step and after the last. */
  readonly objective: readonly number[];
  /** The target and its activation at the last input. */
  readonly target: TargetReport;
  readonly recipe: Recipe;
}

/**
 * Gradient ascent on the input: what drives a class score or a neuron up?
 *
 *   x ← x + η · ∂(a(x) − λ‖x‖²)/∂x
 *
 * Simonyan, Vedaldi & Zisserman 2013, https://arxiv.org/abs/1312.6034, section 2, on the score before the softmax. Await
 * the result for the last picture, or iterate over it for every step; doing both climbs twice.
 *
 * @throws {TargetError} if `target` names no class or unit of the model
 * @throws {OptionError} if steps, stepSize or l2 is out of range; {ShapeError} if `start` has not the input's shape
 * @example
 * const { image, objective } = await maximizeActivation(model, { target: "cat" });
 * for await (const { image, step } of maximizeActivation(model, { target: "cat" })) draw(image, step);
 */
export function maximizeActivation(
  model: Model,
  options: MaximizeOptions,
): PromiseLike<Visualization> & AsyncIterable<AscentStep> {
  return {
    // biome-ignore lint/suspicious/noThenProperty: the result can be awaited as well as iterated over
    then: (resolve, reject) => lastStep(model, options).then(resolve, reject),
    [Symbol.asyncIterator]: () => ascend(model, options),
  };
}

async function lastStep(model: Model, options: MaximizeOptions): Promise<Visualization> {
  const steps = ascend(model, options);
  const objective: number[] = [];
  for (let next = await steps.next(); ; next = await steps.next()) {
    if (next.done) return { ...next.value, objective };
    objective.push(next.value.objective);
  }
}

async function* ascend(
  given: Model,
  options: MaximizeOptions,
): AsyncGenerator<AscentStep, Omit<Visualization, "objective">> {
  const { steps = 128, stepSize = 1, l2 = 0.01, start = "zero" } = options;
  if (!Number.isInteger(steps) || steps < 0)
    throw new OptionError(`steps must be a whole number of at least 0, got ${steps}.`);
  if (!(stepSize > 0)) throw new OptionError(`stepSize must be above 0, got ${stepSize}.`);
  if (!(l2 >= 0)) throw new OptionError(`l2 must be at least 0, got ${l2}.`);
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const input = model.fast.input;
  const pace = createPace(options, steps);
  const x = startingPoint(model, start, options.seed ?? 0);
  for (let step = 0; ; step++) {
    const pass = step < steps ? gradientPass(model, { data: x, target, at: [input] }) : undefined;
    const reached = pass?.report ?? look(model, x, target);
    const penalty = l2 * x.reduce((total, value) => total + value * value, 0);
    yield { step, image: model.tensor(input, x.slice()), objective: reached.score - penalty };
    const gradient = pass?.gradients.get(input);
    if (!gradient) {
      return {
        image: model.tensor(input, x),
        target: reached,
        recipe: await makeRecipe(model, "maximize-activation", { ...options }),
      };
    }
    for (let i = 0; i < x.length; i++) x[i] += stepSize * (gradient[i] - 2 * l2 * x[i]);
    await pace.step(step + 1);
  }
}

/** The activation at x alone. */
function look(model: LoadedModel, x: Float32Array, target: ScoredTarget): TargetReport {
  const value = model.pass({ data: x, keep: [target.value] }).values.get(target.value) as Float32Array;
  return report(target.choose(value), value);
}

/** Standard deviation of the noise an ascent can start from. */
const noiseDeviation = 0.1;

function startingPoint(model: LoadedModel, start: Tensor | "zero" | "noise", seedOfNoise: number): Float32Array {
  const input = model.fast.input;
  const size = model.sampleSize(input);
  if (start === "zero") return new Float32Array(size);
  if (start === "noise") {
    const random = new Random(seedOfNoise);
    return Float32Array.from({ length: size }, () => noiseDeviation * random.normal());
  }
  if (!(start instanceof Tensor) || showShape(start.shape) !== showShape(model.input.shape)) {
    const got = start instanceof Tensor ? showShape(start.shape) : JSON.stringify(start);
    throw new ShapeError(
      `start must be 'zero', 'noise' or a Tensor of the input's shape ${showShape(model.input.shape)}, got ${got}.`,
    );
  }
  return model.fromTensor(input, start).slice();
}
