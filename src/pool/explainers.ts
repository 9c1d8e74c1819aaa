import { methodTable } from "../methods/table";
import type { Input, Model } from "../model/model";

type Library = typeof import("../api");

/** The functions of the library that explain an input with a model, by name; not those that judge a map or a method beside. */
export type ExplainerName = {
  [Name in keyof Library]: Library[Name] extends (model: Model, input: Input, options: never) => Promise<object>
    ? 4 extends Parameters<Library[Name]>["length"]
      ? never
      : Name
    : never;
}[keyof Library];

/** They all, as the library declares them. */
export type Explainers = { readonly [Name in ExplainerName]: Library[Name] };

type Method = (typeof methodTable)[number];
type Listed = Method["call"] | "explain" | "projectActivation";

/** The compiler refuses this where one is missing or is none. */
export const explainerNames: [Exclude<ExplainerName, Listed>] extends [never] ? readonly ExplainerName[] : never =
  /* @__PURE__ */ ["explain", "projectActivation", .../* @__PURE__ */ methodTable.map(({ call }) => call)];

/** Those made of many passes that do not depend on each other: their passes are divided among the instances that are free. */
export type DividedName = Extract<Method, { readonly divided: true }>["call"];

const isDivided = (method: Method): method is Extract<Method, { readonly divided: true }> => "divided" in method;

/** The divided one that a call is for, also by way of `explain`. */
export const dividedName = (name: ExplainerName, method: unknown): DividedName | undefined =>
  methodTable.filter(isDivided).find((each) => (name === "explain" ? each.name === method : each.call === name))?.call;
