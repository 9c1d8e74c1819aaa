import { above, atLeastZero, checkOptions, kindOf, oneOf, show } from "../../checks";
import { OptionError } from "../../errors";

/**
 * A rule of layer-wise relevance propagation; a name stands for the rule with its defaults.
 *
 * For convolutions and dense layers: `epsilon` (ε 1e-6), `gamma` (0.25), `zPlus`, `alphaBeta` (2, 1), `flat`, `wSquare`, and `zBox`
 * (`low` and `high`: one number or one per channel of the network's input; default: those of a black and a white picture). For
 * sums and pools `norm`; for what changes each number by itself `pass`.
 */
export type LrpRule =
  | LrpRuleName
  | { readonly rule: "epsilon"; readonly epsilon?: number }
  | { readonly rule: "gamma"; readonly gamma?: number }
  | { readonly rule: "alphaBeta"; readonly alpha?: number; readonly beta?: number }
  | { readonly rule: "zBox"; readonly low?: number | readonly number[]; readonly high?: number | readonly number[] }
  | { readonly rule: "zPlus" | "flat" | "wSquare" | "pass" | "norm" };

export type LrpRuleName = (typeof ruleNames)[number];

const ruleNames = ["epsilon", "gamma", "zPlus", "alphaBeta", "flat", "wSquare", "zBox", "pass", "norm"] as const;

/** What may stand beside the name of a rule. */
const ruleNumbers: Readonly<Partial<Record<LrpRuleName, readonly string[]>>> = {
  epsilon: ["epsilon"],
  gamma: ["gamma"],
  alphaBeta: ["alpha", "beta"],
  zBox: ["low", "high"],
};

/** Which layer gets which rule. Plain data: it can be written down in a recipe and sent to a worker. */
export interface Composite {
  /** Convolutions, transposed ones too. */
  readonly convolution: LrpRule;
  /** Dense layers (Gemm, MatMul). */
  readonly dense: LrpRule;
  /** The first convolution or dense layer; default: as all of its kind. */
  readonly first?: LrpRule;
  /** The first convolution, where there is no `first`. */
  readonly firstConvolution?: LrpRule;
  /** Single layers by name, whatever they are. */
  readonly layers?: Readonly<Record<string, LrpRule>>;
}

/** Composites by name: Zennit's, and the epsilon rule throughout. */
const composites = {
  epsilon: { convolution: "epsilon", dense: "epsilon" },
  epsilonPlus: { convolution: "zPlus", dense: "epsilon" },
  epsilonPlusFlat: { convolution: "zPlus", dense: "epsilon", first: "flat" },
  epsilonGammaBox: { convolution: "gamma", dense: "epsilon", firstConvolution: "zBox" },
  epsilonAlpha2Beta1: { convolution: "alphaBeta", dense: "epsilon" },
  epsilonAlpha2Beta1Flat: { convolution: "alphaBeta", dense: "epsilon", first: "flat" },
} as const satisfies Record<string, Composite>;

export type CompositeName = keyof typeof composites;

/** @throws {OptionError} naming what of a composite is wrong */
export function compositeOf(composite: CompositeName | Composite): Composite {
  if (typeof composite === "string") {
    return composites[oneOf("composite", composite, Object.keys(composites) as CompositeName[])];
  }
  if (typeof composite !== "object" || composite === null) {
    throw new OptionError(
      `composite must be a name or { convolution, dense, first?, firstConvolution?, layers? }, got ${kindOf(composite)}.`,
    );
  }
  checkOptions("composite", composite, ["convolution", "dense", "first", "firstConvolution", "layers"]);
  const { convolution, dense, first, firstConvolution, layers = {} } = composite;
  checkRule("composite.convolution", convolution);
  checkRule("composite.dense", dense);
  if (first !== undefined) checkRule("composite.first", first);
  if (firstConvolution !== undefined) checkRule("composite.firstConvolution", firstConvolution);
  for (const [layer, rule] of Object.entries(layers)) checkRule(`composite.layers["${layer}"]`, rule);
  return composite;
}

/** A rule with its name and numbers. */
export type RuleSettings = Exclude<LrpRule, string>;

export const settingsOf = (rule: LrpRule): RuleSettings => (typeof rule === "string" ? { rule } : rule);

function checkRule(where: string, given: LrpRule): void {
  if (given === undefined || given === null) {
    throw new OptionError(`${where} is missing: a rule (${ruleNames.join(", ")}) is expected.`);
  }
  const settings = settingsOf(given);
  oneOf(where, settings.rule, ruleNames);
  checkOptions(where, settings, ["rule", ...(ruleNumbers[settings.rule] ?? [])]);
  if (settings.rule === "epsilon" && settings.epsilon !== undefined) above(`${where}.epsilon`, settings.epsilon);
  if (settings.rule === "gamma" && settings.gamma !== undefined) atLeastZero(`${where}.gamma`, settings.gamma);
  if (settings.rule === "alphaBeta") {
    const { alpha = 2, beta = 1 } = settings;
    atLeastZero(`${where}.alpha`, alpha);
    atLeastZero(`${where}.beta`, beta);
    if (Math.abs(alpha - beta - 1) > 1e-9) {
      throw new OptionError(
        `${where}: alpha − beta must be 1, so that relevance is kept; got ${show(alpha)} and ${show(beta)}.`,
      );
    }
  }
}
