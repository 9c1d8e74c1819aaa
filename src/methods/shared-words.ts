import type { MethodWords } from "./facts";

/** What high and low values mean in methods that differ in how they come by them. */
type Meaning = Pick<MethodWords, "high" | "low">;

/** Class activation maps differ in how they weigh, not in how they are read. */
export const mapMeaning: Meaning = {
  high: "what the layer finds here speaks most for {target}",
  low: "what it finds here speaks little for {target}",
};
/** Shares of a difference to an empty picture. */
export const shareMeaning: Meaning = {
  high: "what stands here, in place of the baseline, raises the score of {target}",
  low: "what stands here, in place of the baseline, lowers the score of {target}",
};
export const regionMeaning: Meaning = {
  high: "showing this region raises the score of {target}",
  low: "showing this region lowers the score of {target}",
};
export const gradientMeaning: Meaning = {
  high: "a small change of this place changes the score of {target} most, up or down",
  low: "a small change of this place changes it little",
};
export const projectionMeaning: Meaning = {
  high: "what is projected back from {target} is strong here (edges, whatever the class)",
  low: "it is weak here",
};

/** A call, which bundlers leave out where nobody asks for words; a spread they would keep. */
export const readAs = (title: string, says: string, meaning: Meaning): MethodWords => ({ title, says, ...meaning });
