/** The pass that LRP and excitation backprop share. */

import { throwIfAborted } from "../../checks";
import type { Network } from "../../engine/network";
import type { Backward } from "../../engine/session";
import { LayerError } from "../../errors";
import { entryOf } from "../../guard";
import { type LoadedModel, loaded } from "../../model/loaded-model";
import type { Input, Model } from "../../model/model";
import { resolveTarget } from "../../model/resolve-target";
import { reportOf, type Score, startRelevance, type TargetReport } from "../../model/score";
import type { Note } from "../../notes";
import type { ValueName } from "../../operation/operation";
import type { Attribution, ExplainOptions, LayerOptions } from "../attribution";
import { finishAttribution } from "../finish";
import { checkTarget, targetNotes } from "../gradients/gradient";
import { type Conditions, conditioned, keptBy } from "./conditions";
import { type Lens, throughLens } from "./lens";

export interface Propagation {
  readonly method: string;
  /** The options as they were used. */
  readonly options: ExplainOptions & LayerOptions & Readonly<Record<string, unknown>>;
  /** The steps of the network that runs. */
  readonly lens: (model: LoadedModel, network: Network) => Lens;
  /** Relevance at each element of the target. */
  readonly start: (weight: number, value: number) => number;
  /** Units that hand relevance on, by layer; of other layers all do. */
  readonly conditions?: Conditions | undefined;
  readonly notes?: (values: Float32Array, score: number) => readonly Note[];
}

/** One forward pass, and relevance back from the target to the input or a layer. */
export async function propagate(
  given: Model,
  input: Input,
  { method, options, lens, start, conditions, notes }: Propagation,
): Promise<Attribution> {
  throwIfAborted(options.signal);
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const at = options.layer === undefined ? model.fast.input : model.layerBefore(options.layer, target.value);
  const network = model.folded;
  const kept = keptBy(model, conditions, { target: target.value, at, layer: options.layer });
  checkFolded(network, [target.value, at, ...kept.keys()], method);
  const data = model.prepare(input);
  const seen = throughLens(network, method, model.dependencies(target.value), conditioned(lens(model, network), kept));
  const bound: { score?: Score; report?: TargetReport } = {};
  const backward: Backward = {
    seed: target.value,
    wanted: [at],
    write: (relevance, value) => {
      const score = target.choose(value);
      bound.score = score;
      bound.report = reportOf(score, value);
      startRelevance(score, relevance, value, start);
    },
  };
  const { gradients } = await model.session.watch(seen, { batch: 1, data, backward }, options.signal);
  checkTarget(model, bound.report as TargetReport, data, target);
  const values = entryOf(gradients, at);
  return finishAttribution(model, input, {
    method,
    target: bound.report as TargetReport,
    values: model.tensor(at, values),
    ...(options.layer !== undefined && { layer: options.layer }),
    effect: "flow",
    notes: [
      ...targetNotes(model, options, bound.score as Score, target.value),
      ...(notes?.(values, (bound.report as TargetReport).score) ?? []),
    ],
    options: { ...options },
  });
}

/** @throws {LayerError} if one of the values is not computed where batch normalisation is in the weights */
function checkFolded({ input, producer }: Network, values: readonly ValueName[], method: string): void {
  const inside = values.find((value) => value !== input && !producer.has(value));
  if (inside === undefined) return;
  throw new LayerError(
    `${method} folds batch normalisation into the layer before it, and "${inside}" lies between the two. ` +
      "Name the layer after it.",
  );
}
