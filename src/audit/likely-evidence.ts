import type { Attribution } from "../attribution/attribution";
import { explain, type MethodOptions } from "../explain/explain";
import type { MethodFacts } from "../methods/facts";
import { takes } from "../methods/own-options";
import { factsOf, type MethodName } from "../methods/table";
import { LikelyClass } from "../model/likely-class";
import type { LoadedModel } from "../model/loaded-model";
import type { Input, Prediction } from "../model/model";
import type { Target } from "../model/target";

/** The evidence for the likeliest classes. */
export interface LikelyEvidence {
  /** The likeliest. */
  readonly named: Prediction;
  /** One of each class, the likeliest first. */
  readonly attributions: readonly Attribution[];
}

type Ask = Omit<MethodOptions, "target"> & { readonly method: MethodName };

/**
 * Explains the classes that a network finds likeliest. Of methods of one pass that pass itself says which these are; other methods are
 * told after one of its own.
 *
 * @param count  how many classes
 * @throws {InputError} if the scores are not finite
 */
export async function likelyEvidence(
  model: LoadedModel,
  input: Input,
  ask: Ask,
  count: number,
): Promise<LikelyEvidence> {
  if (factsOf(ask.method)?.passes !== onePass) {
    const found = await model.predict(input, { top: count, ...(ask.signal && { signal: ask.signal }) });
    const targets = found.map(({ index }) => index);
    return { named: found[0], attributions: await explained(model, input, ask, targets) };
  }
  const classes = Array.from({ length: count }, (_, rank) => new LikelyClass(rank));
  const targets = classes.map(({ target }) => target);
  const attributions = await explained(model, input, ask, targets);
  const named = classes[0].prediction as Prediction;
  // What is not finite is refused, by the words that predict has for it.
  if (!Number.isFinite(named.probability)) await model.predict(input, { top: 1 });
  return { named, attributions };
}

const onePass: MethodFacts["passes"] = "1 forward, 1 backward";

async function explained(
  model: LoadedModel,
  input: Input,
  ask: Ask,
  targets: readonly Target[],
): Promise<readonly Attribution[]> {
  if (takes(ask.method, "targets")) return explain(model, input, { ...ask, targets });
  const found: Attribution[] = [];
  for (const target of targets) found.push(await explain(model, input, { ...ask, target }));
  return found;
}
