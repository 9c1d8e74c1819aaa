import type { attentionMaps, classProbabilityMap, concepts, detect, explain, projectActivation } from "../api";
import type { methodFunctions } from "../explain/methods";
import { allMethods } from "../methods/table";
import type { Input, Model } from "../model/model";

/** The methods' functions, as the library declares them. */
type MethodFunctions = Readonly<typeof methodFunctions>;

/**
 * The functions of the library that explain an input with a model, as it declares them; not those that judge a map or a method
 * beside.
 */
export interface Explainers extends MethodFunctions {
  readonly attentionMaps: typeof attentionMaps;
  readonly classProbabilityMap: typeof classProbabilityMap;
  readonly concepts: typeof concepts;
  readonly detect: typeof detect;
  readonly explain: typeof explain;
  readonly projectActivation: typeof projectActivation;
}

/** Their names. */
export type ExplainerName = keyof Explainers;

type Library = typeof import("../api");

/** What the list above must be. */
type Explaining = {
  [Name in keyof Library]: Library[Name] extends (model: Model, input: Input, options: never) => Promise<object>
    ? 4 extends Parameters<Library[Name]>["length"]
      ? never
      : Name
    : never;
}[keyof Library];

type Method = (typeof allMethods)[number];
type Listed =
  | Method["call"]
  | "concepts"
  | "explain"
  | "projectActivation"
  | "attentionMaps"
  | "detect"
  | "classProbabilityMap";

/** The compiler refuses this where one is missing or is none. */
export const explainerNames: [
  Exclude<Explaining, Listed & ExplainerName> | Exclude<ExplainerName, Explaining>,
] extends [never]
  ? readonly ExplainerName[]
  : never = /* @__PURE__ */ [
  "explain",
  "projectActivation",
  "concepts",
  "detect",
  "classProbabilityMap",
  "attentionMaps",
  .../* @__PURE__ */ allMethods.map(({ call }) => call),
];

/** Those made of many passes that do not depend on each other: their passes are divided among the instances that are free. */
export type DividedName = Extract<Method, { readonly divided: true }>["call"];

const isDivided = (method: Method): method is Extract<Method, { readonly divided: true }> => "divided" in method;

/** The divided one that a call is for, also by way of `explain`. */
export const dividedName = (name: ExplainerName, method: unknown): DividedName | undefined =>
  allMethods.filter(isDivided).find((each) => (name === "explain" ? each.name === method : each.call === name))?.call;
