import type { NetworkKey } from "./network-key";

/** What one network said of a picture, and why. */
export interface ComparedAnswer {
  readonly index: number;
  readonly label?: string;
  readonly probability: number;
  /** The evidence for it, small, row-major, the magnitudes summing to 1. */
  readonly map: readonly number[];
}

export interface ComparedImage {
  readonly id: string;
  /** Of what the picture was made from, as it was given; absent where none was. */
  readonly digest?: string;
  readonly label?: string | number;
  /** Whether both gave the same class. */
  readonly agrees: boolean;
  /** Rank correlation (Spearman) of both maps of the evidence, −1 to 1; of other classes, each for its own answer. */
  readonly correlation: number;
  readonly a: ComparedAnswer;
  readonly b: ComparedAnswer;
}

export interface ComparedNetwork extends NetworkKey {
  readonly name: string;
  /** Share of pictures with a label that it got right; absent where none has a label of its own. */
  readonly accuracy?: number;
}

/** Two networks on the same pictures, as plain JSON. */
export interface Comparison {
  readonly format: typeof comparisonFormat;
  readonly method: string;
  readonly layer?: string;
  readonly grid: number;
  readonly seed?: number;
  readonly a: ComparedNetwork;
  readonly b: ComparedNetwork;
  /** Share of the pictures that both gave the same class. */
  readonly agreement: number;
  /** Mean rank correlation of the evidence where the answers agree; absent where none does. */
  readonly correlation?: number;
  /** By rising id. */
  readonly images: readonly ComparedImage[];
  /** Ids of pictures with different answers, the most certain first. */
  readonly differentAnswers: readonly string[];
  /** Ids of pictures with one answer, those with the least alike evidence first. */
  readonly differentEvidence: readonly string[];
  readonly failures: readonly { readonly id: string; readonly message: string }[];
}

export const comparisonFormat = "seethrough/comparison/1";
