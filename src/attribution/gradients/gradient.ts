/** The pass that every gradient method shares: forward, a seed of one at the target, backward with a choice of rules. */

import { leadsAround } from "../../engine/plan";
import type { Backward } from "../../engine/session";
import { entryOf } from "../../guard";
import type { LoadedModel } from "../../model/loaded-model";
import { checkScore } from "../../model/not-finite";
import { placeOf } from "../../model/resolve-target";
import type { ScoredTarget } from "../../model/score";
import { elementsOf, reportOf, type Score, seed, type TargetReport } from "../../model/score";
import type { Target } from "../../model/target";
import { type Note, note } from "../../notes";
import type { Rules, ValueName } from "../../operation/operation";
import type { ExplainOptions, LayerOptions } from "../attribution";

/** A finished pass over one sample, up to a target. */
export interface ForwardPass {
  readonly score: Score;
  readonly report: TargetReport;
  /** The values asked for, memory order. */
  readonly values: ReadonlyMap<ValueName, Float32Array>;
}

/** The same with the way back. */
export interface GradientPass extends ForwardPass {
  /** ∂score/∂at, memory order, per value asked for. */
  readonly gradients: ReadonlyMap<ValueName, Float32Array>;
}

export interface GradientRequest {
  readonly data: Float32Array;
  /** The value that `data` fills; default: the network's input. */
  readonly start?: ValueName;
  readonly target: ScoredTarget;
  /** Where the gradient is wanted. */
  readonly at: readonly ValueName[];
  readonly keep?: readonly ValueName[];
  readonly rules?: Rules;
  /** Gives the pass up. */
  readonly signal: AbortSignal | undefined;
}

export const gradientPass = async (
  model: LoadedModel,
  { target, ...request }: GradientRequest,
): Promise<GradientPass> => (await gradientPasses(model, { ...request, targets: [target] }))[0];

/** The passes of several targets, in their order: one forward pass, and a way back from each. */
export async function gradientPasses(
  model: LoadedModel,
  { targets, ...request }: Omit<GradientRequest, "target"> & { readonly targets: readonly ScoredTarget[] },
): Promise<GradientPass[]> {
  const { start = model.fast.input, at, keep = [] } = request;
  // What one target needs another network for does not change the bits of the others.
  const networks = targets.map(({ value }) => model.networkFor([start, ...keep, ...at, value]));
  const found: GradientPass[] = [];
  for (const network of new Set(networks)) {
    const together = targets.flatMap((target, i) => (networks[i] === network ? [{ target, i }] : []));
    const passes = await passesOf(
      model,
      request,
      together.map(({ target }) => target),
    );
    together.forEach(({ i }, k) => {
      found[i] = passes[k];
    });
  }
  return found;
}

async function passesOf(
  model: LoadedModel,
  { data, start, at, keep = [], rules, signal }: Omit<GradientRequest, "target">,
  targets: readonly ScoredTarget[],
): Promise<GradientPass[]> {
  const bound: { score: Score; report: TargetReport }[] = [];
  const [backward, ...also] = targets.map(
    (target, i): Backward => ({
      seed: target.value,
      wanted: at,
      rules,
      write: (gradient, value) => {
        const score = target.choose(value);
        bound[i] = { score, report: reportOf(score, value) };
        seed(score, gradient, value);
      },
    }),
  );
  const pass = { data, start, keep, backward, also };
  const { values, gradients, also: others } = await model.watchedPass(pass, signal);
  return targets.map((target, i) => {
    if (start === undefined) checkTarget(model, bound[i].report, data, target);
    return { ...bound[i], gradients: i === 0 ? gradients : others[i - 1], values };
  });
}

/** A pass up to the target, which hands back some values on the way. */
export async function forwardPass(
  model: LoadedModel,
  data: Float32Array,
  target: ScoredTarget,
  keep: readonly ValueName[],
  signal: AbortSignal | undefined,
): Promise<ForwardPass> {
  const { values } = await model.watchedPass({ data, keep: [...new Set([target.value, ...keep])] }, signal);
  const value = entryOf(values, target.value);
  const score = target.choose(value);
  const found = reportOf(score, value);
  checkTarget(model, found, data, target);
  return { score, report: found, values };
}

/** @throws {InputError} if the target's score is not finite, naming the layer where that begins */
export const checkTarget = (
  model: LoadedModel,
  { index, score }: TargetReport,
  data: Float32Array,
  { value }: ScoredTarget,
): void => checkScore(model, `The score of target ${index}`, score, data, value);

/** What a gradient at several points needs. */
export interface PointsRequest {
  /** The points, one sample each. */
  readonly points: readonly Float32Array[];
  /** The value they are points of; default: the network's input. */
  readonly start?: ValueName;
  /** Where the gradient is wanted. */
  readonly at: ValueName;
  readonly target: ScoredTarget;
  /** The same score at every point: the best class of one point may not be that of another. */
  readonly score: Score;
  readonly signal: AbortSignal | undefined;
}

/** ∂score/∂at at several points by one pass, in the order of the points. */
export async function gradientsAtPoints(
  model: LoadedModel,
  { points, start, at, target, score, signal }: PointsRequest,
): Promise<Float32Array[]> {
  const data = new Float32Array(points.length * points[0].length);
  points.forEach((point, sample) => {
    data.set(point, sample * point.length);
  });
  const backward: Backward = {
    seed: target.value,
    wanted: [at],
    write: (gradient, value) => {
      const size = gradient.length / points.length;
      for (let sample = 0; sample < points.length; sample++) seed(score, gradient, value, sample * size);
    },
  };
  const { gradients } = await model.watchedPass({ batch: points.length, data, start, backward }, signal);
  const all = entryOf(gradients, at);
  const size = all.length / points.length;
  return points.map((_, sample) => all.subarray(sample * size, (sample + 1) * size));
}

/** The value that a gradient method attributes to: the input, or the layer asked for. @throws {LayerError} if it is unknown */
export const attributedValue = (model: LoadedModel, { layer }: LayerOptions, target: ScoredTarget): ValueName =>
  layer === undefined ? model.fast.input : model.layerBefore(layer, target.value);

/** Notes that depend on the target alone. */
export function targetNotes(model: LoadedModel, options: ExplainOptions, score: Score, value: ValueName): Note[] {
  const { target } = options;
  const notes: Note[] = [];
  const producer = model.full.producer.get(value);
  const op = producer === undefined ? undefined : model.full.operations[producer].node.op;
  const { explained, outputKind } = model.parts;
  const isProbability = value === explained && outputKind === "probabilities";
  if (op === "Softmax" || op === "Sigmoid" || isProbability) notes.push(note("probability-target"));
  notes.push(...placeNotes(model, target, score, value));
  return notes;
}

/** Which place a target came to, where it named none. */
function placeNotes(model: LoadedModel, target: Target | undefined, score: Score, value: ValueName): readonly Note[] {
  if (typeof target !== "object") return elementsOf(score).length > 1 ? [note("map-target")] : [];
  if ("layer" in target && target.position === undefined) {
    const axis = model.unitAxis(value);
    const [y, x] = placeOf(axis, elementsOf(score)[0]);
    const place = model.shape(value).length === 3 ? `${y * axis.columns + x}` : `[${y}, ${x}]`;
    return axis.places.length > 1 ? [note("unit-position", place)] : [];
  }
  const among = "contrast" in target ? target.contrast : "sum" in target ? target.sum : [];
  const notes = among.flatMap((each, i) => placeNotes(model, each, score.of?.[i] as Score, value));
  return [...new Map(notes.map((each) => [each.code, each])).values()];
}

/** The outputs of the rectifiers that everything passes on its way from a value to a target. */
export function gatesBetween(model: LoadedModel, at: ValueName, target: ValueName): ValueName[] {
  const network = model.networkFor([at, target]);
  const below = model.dependencies(target);
  return network.operations.flatMap(({ rectifier, outputs: [output] }) => {
    const lies = rectifier && output !== at && below.has(output) && model.dependencies(output).has(at);
    return lies && !leadsAround(network, [target], output) ? [output] : [];
  });
}

/** True where one of them lets nothing through. */
export const isShut = (gates: readonly ValueName[], values: ReadonlyMap<ValueName, Float32Array>): boolean =>
  gates.some((gate) => values.get(gate)?.every((value) => value === 0));

/** What changes of a value by its own size could do to the score at most: in units of the score, as shares are. */
export function effectOf(gradient: Float32Array, value: Float32Array): number {
  let [size, sum] = [0, 0];
  for (let i = 0; i < value.length; i++) size = Math.max(size, Math.abs(value[i]));
  for (let i = 0; i < gradient.length; i++) sum += Math.abs(gradient[i]);
  return (size || 1) * sum;
}
