/** The methods that are one forward pass and a backward pass from each target. */

import { throwIfAborted } from "../../checks";
import { entryOf } from "../../guard";
import type { MethodFacts } from "../../methods/facts";
import { settledOptions } from "../../methods/settled-options";
import { type LoadedModel, loaded } from "../../model/loaded-model";
import type { Input, Model } from "../../model/model";
import { resolveTarget } from "../../model/resolve-target";
import type { Target } from "../../model/target";
import type { Note } from "../../notes";
import type { Rules } from "../../operation/operation";
import type { Attribution, ExplainOptions, LayerOptions } from "../attribution";
import { finishAttribution } from "../finish";
import { type Explains, type SeveralTargets, together } from "../several-targets";
import { attributedValue, effectOf, gatesBetween, gradientPasses, isShut, targetNotes } from "./gradient";

/** How a gradient method turns the pass into values. */
export interface GradientMethod {
  readonly facts: MethodFacts;
  readonly rules?: Rules;
  /** Combines the gradient at a value with the value itself; default: the gradient. */
  readonly combine?: (gradient: Float32Array, value: Float32Array) => Float32Array;
  /** Notes about the finished map. */
  readonly notes?: (values: Float32Array, model: LoadedModel) => readonly Note[];
}

/** A method that is one forward pass and a backward pass from each target. */
export const byGradient = (method: GradientMethod): Explains<GradientOptions> =>
  together(method.facts.name, (model, input, options, targets) =>
    attributeByGradient(model, input, options, targets, method),
  );

type GradientOptions = ExplainOptions & LayerOptions;

async function attributeByGradient(
  givenModel: Model,
  input: Input,
  given: GradientOptions,
  asked: readonly (Target | undefined)[],
  { facts, rules, combine, notes }: GradientMethod,
): Promise<Attribution[]> {
  const { targets: _, ...options } = settledOptions(facts, given as GradientOptions & Partial<SeveralTargets>);
  throwIfAborted(options.signal);
  const model = loaded(givenModel);
  const targets = asked.map((target) => resolveTarget(model, target));
  const [at] = targets.map((target) => attributedValue(model, options, target));
  const data = model.prepare(input);
  // Where the forward mask is ignored, a map is no sign that anything flows.
  const gates = targets.map(({ value }) => (rules?.rectifier === "deconvnet" ? gatesBetween(model, at, value) : []));
  const keep = [...new Set([...(combine || options.layer !== undefined ? [at] : []), ...gates.flat()])];
  const { signal } = options;
  const passes = await gradientPasses(model, { data, targets, at: [at], keep, rules, signal });
  return Promise.all(
    passes.map((pass, i) => {
      const gradient = entryOf(pass.gradients, at);
      const values = combine ? combine(gradient, entryOf(pass.values, at)) : gradient;
      const own = { ...options, target: asked[i] };
      return finishAttribution(model, input, {
        method: facts.name,
        target: pass.report,
        values: model.tensor(at, values),
        ...(!combine && {
          effect: isShut(gates[i], pass.values) ? 0 : effectOf(gradient, pass.values.get(at) ?? data),
        }),
        ...(options.layer !== undefined && { layer: options.layer }),
        notes: [...targetNotes(model, own, pass.score, targets[i].value), ...(notes?.(values, model) ?? [])],
        options: own,
      });
    }),
  );
}
