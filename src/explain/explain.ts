import type { Attribution } from "../attribution/attribution";
import { withMethods } from "../attribution/attribution-methods";
import { type Listeners, type Refining, refining, relay } from "../attribution/refinement";
import type { SeveralTargets } from "../attribution/several-targets";
import { checkBag, show } from "../checks";
import { OptionError } from "../errors";
import { ownOptions, takes, unusedNotes } from "../methods/own-options";
import { allMethods, type MethodName, methodTable } from "../methods/table";
import type { Input, Model } from "../model/model";
import { suggest } from "../nearest";
import { joinNotes } from "../notes";
import { methodFunctions } from "./methods";
import { type NoiseTunnelOptions, noiseTunnel } from "./noise-tunnel";

type Call = (typeof allMethods)[number]["call"];
type Attribute = (model: Model, input: Input, options?: MethodOptions) => Promise<Attribution>;

/** The compiler refuses a method of the table that has no function. */
const byCall = methodFunctions satisfies Readonly<Record<Call, unknown>> as Readonly<Record<Call, Attribute>>;

type OptionsOf<Method> = Method extends (model: never, input: never, options: infer Options) => unknown
  ? NonNullable<Options>
  : never;
type AllOf<Each> = (Each extends unknown ? (each: Each) => void : never) extends (all: infer All) => void ? All : never;

/** The options of all methods; each method reads its own, and a note names those that it does not. */
export type MethodOptions = Partial<AllOf<OptionsOf<(typeof methodFunctions)[Call]>>>;

/** The names `explain` takes for any network; of one with attention also "attention-rollout" and "attention-relevance", of a detector's boxes "d-rise". */
export const methodNames: readonly MethodName[] = /* @__PURE__ */ methodTable.flatMap(({ name, needs }) =>
  needs.some((need) => need === "attention") ? [] : [name],
);

/** What `explain` takes: the options of the method, and which that is. */
export interface ExplainMethod {
  /** Default 'grad-cam'. */
  readonly method?: MethodName;
  /** Settings of `noiseTunnel` around the method: recipes have them there. */
  readonly noiseTunnel?: NoiseTunnelOptions;
}

/**
 * Explains a prediction by a method chosen by name. A result's recipe repeats it, on any instance:
 * `explain(model, input, { ...recipe.options, method: recipe.method, seed: recipe.seed })`.
 *
 * @param options.targets  several targets, for a list of attributions; of gradient methods and class activation maps
 * @param options.method  default 'grad-cam'; the other options are those of the method
 * @throws {OptionError} if the method is unknown, or an option is one of no method; whatever the method throws
 * @example
 * const attribution = await explain(model, image, { method: "integrated-gradients", target: "cat" });
 */
export function explain(
  model: Model,
  input: Input,
  given: Omit<MethodOptions, "target"> & ExplainMethod & SeveralTargets,
): Promise<Attribution[]>;
/**
 * One target, the option `target`. Can be iterated over while a method of many passes is at work; one of few passes has one answer.
 *
 * @throws as with several
 */
export function explain(model: Model, input: Input, given?: MethodOptions & ExplainMethod): Refining;
export function explain(
  model: Model,
  input: Input,
  given: MethodOptions & ExplainMethod & Partial<SeveralTargets> = {},
): Promise<Attribution[]> | Refining {
  // What is no object is refused below.
  return (Object(given) as Partial<SeveralTargets>).targets === undefined
    ? refining((listeners) => byName(model, input, given, listeners) as Promise<Attribution>)
    : (byName(model, input, given) as Promise<Attribution[]>);
}

async function byName(
  model: Model,
  input: Input,
  given: MethodOptions & ExplainMethod & Partial<SeveralTargets>,
  listeners?: Listeners,
): Promise<Attribution | Attribution[]> {
  checkBag("explain", given, ["target"]);
  const { method = "grad-cam", noiseTunnel: noisy, ...options } = given;
  const facts = allMethods.find(({ name }) => name === method);
  if (!facts) {
    const names = allMethods.map(({ name }) => name);
    throw new OptionError(`There is no method ${show(method)}.${suggest(method, names)} Methods: ${names.join(", ")}.`);
  }
  if (options.targets !== undefined && (noisy !== undefined || !takes(method, "targets"))) {
    throw new OptionError(
      `${noisy === undefined ? method : "noiseTunnel"} explains one target at a time: call explain for each of targets.`,
    );
  }
  const { own, unused } = ownOptions(method, options);
  const plain = byCall[facts.call];
  const attribute = noisy === undefined ? plain : noiseTunnel((...call) => plain(...call), noisy);
  const notes = unusedNotes(method, unused);
  const noted = (each: Attribution): Attribution =>
    notes.length === 0
      ? each
      : withMethods({ ...each, notes: joinNotes(each.notes, notes) }, Object.keys(each.byInput)[0]);
  const answers = attribute(model, input, own);
  if (listeners) relay(answers, listeners, noted);
  const found: Attribution | readonly Attribution[] = await answers;
  return Array.isArray(found) ? found.map(noted) : noted(found as Attribution);
}
