/**
 * LRP's rules for convolutions and dense layers, each as its formula. A rule is a sum over parts: inputs xᵢ and weights Wᵢ made of
 * the layer's own, zᵢ = Wᵢ·xᵢ + bᵢ, a share sᵢ of the relevance R that arrives, and
 *
 *   relevance below = Σᵢ signᵢ · xᵢ ⊙ Wᵢᵀ·sᵢ
 *
 * as Zennit's rules define them, https://github.com/chr5tphr/zennit, zennit/rules.py. Every quotient is stabilised: a/(z + ε·sign z),
 * the sign of 0 being +.
 */
import type { RuleSettings } from "./composite";
import type { Change } from "./weighed";

/** Which numbers stand for the layer's input. */
export type PartInput = "all" | "positive" | "negative" | "ones" | "low" | "high";

export interface Part {
  readonly input: PartInput;
  readonly weight: Change;
  /** Default: no bias. */
  readonly bias?: Change;
  readonly sign: number;
}

export interface LinearRule {
  readonly parts: readonly Part[];
  /** The share of part i at an output where relevance 1 arrives, from all zᵢ there and the layer's own output y. */
  share(z: readonly number[], y: number, i: number): number;
}

const same: Change = (w) => w;
const positive: Change = (w) => Math.max(w, 0);
const negative: Change = (w) => Math.min(w, 0);

/** 1/z, kept away from infinity. */
export const inverse = (z: number, epsilon: number): number => 1 / (z + (z < 0 ? -epsilon : epsilon));

/** Inputs and weights of one sign each; their products are positive where the signs agree. */
const supporting = (sign: number, bias = true): readonly Part[] => [
  { input: "positive", weight: positive, ...(bias && { bias: positive }), sign },
  { input: "negative", weight: negative, sign },
];
const opposing = (sign: number): readonly Part[] => [
  { input: "positive", weight: negative, bias: negative, sign },
  { input: "negative", weight: positive, sign },
];

/** Bach et al. 2015 with α = 1, β = 0; without the bias the rule of excitation backprop. */
const zPlusRule = (stabiliser: number, bias = true): LinearRule => ({
  parts: supporting(1, bias),
  share: ([a, b]) => inverse(a + b, stabiliser),
});

/** Bach et al. 2015, equation 60. */
const alphaBetaRule = (alpha: number, beta: number, stabiliser: number): LinearRule => ({
  parts: [...supporting(alpha), ...opposing(-beta)],
  share: ([a, b, c, d], _, i) => inverse(i < 2 ? a + b : c + d, stabiliser),
});

/** Montavon et al. 2019, section 10.2.3, for inputs and outputs of any sign (Andéol et al. 2021). */
const gammaRule = (gamma: number, stabiliser: number): LinearRule => {
  const up: Change = (w) => w + gamma * positive(w);
  const down: Change = (w) => w + gamma * negative(w);
  return {
    parts: [
      { input: "positive", weight: up, bias: up, sign: 1 },
      { input: "negative", weight: down, sign: 1 },
      { input: "positive", weight: down, bias: down, sign: 1 },
      { input: "negative", weight: up, sign: 1 },
    ],
    share: ([a, b, c, d], y, i) => {
      if (i < 2) return y > 0 ? inverse(a + b, stabiliser) : 0;
      return y < 0 ? inverse(c + d, stabiliser) : 0;
    },
  };
};

/** Lapuschkin et al. 2019: every input under the kernel gets the same. */
const flatRule = (stabiliser: number): LinearRule => ({
  parts: [{ input: "ones", weight: () => 1, sign: 1 }],
  share: ([z]) => inverse(z, stabiliser),
});

/** Montavon et al. 2017, section 4.1. */
const wSquareRule = (stabiliser: number): LinearRule => ({
  parts: [{ input: "ones", weight: (w) => w * w, bias: (b) => b * b, sign: 1 }],
  share: ([z]) => inverse(z, stabiliser),
});

/** Montavon et al. 2017, section 4.2: inputs between a lowest and a highest value. */
const zBoxRule = (stabiliser: number): LinearRule => ({
  parts: [
    { input: "all", weight: same, bias: same, sign: 1 },
    { input: "low", weight: positive, bias: positive, sign: -1 },
    { input: "high", weight: negative, bias: negative, sign: -1 },
  ],
  share: ([x, low, high]) => inverse(x - low - high, stabiliser),
});

/**
 * The rule of some settings; undefined for those that look at no single weight (epsilon, norm, pass).
 *
 * @param bias  false: as if the layer had none
 */
export function linearRule(settings: RuleSettings, stabiliser: number, bias: boolean): LinearRule | undefined {
  switch (settings.rule) {
    case "zPlus":
      return zPlusRule(stabiliser, bias);
    case "gamma":
      return gammaRule(settings.gamma ?? 0.25, stabiliser);
    case "alphaBeta":
      return alphaBetaRule(settings.alpha ?? 2, settings.beta ?? 1, stabiliser);
    case "flat":
      return flatRule(stabiliser);
    case "wSquare":
      return wSquareRule(stabiliser);
    case "zBox":
      return zBoxRule(stabiliser);
    default:
      return undefined;
  }
}
