/** What high and low values mean in methods that differ in how they come by them. */

/** Class activation maps differ in how they weigh, not in how they are read. */
export const mapWords = {
  high: "what the layer finds here speaks most for {target}",
  low: "what it finds here speaks little for {target}",
};
/** Shares of a difference to an empty picture. */
export const shareWords = {
  high: "what stands here, in place of the baseline, raises the score of {target}",
  low: "what stands here, in place of the baseline, lowers the score of {target}",
};
export const regionWords = {
  high: "showing this region raises the score of {target}",
  low: "showing this region lowers the score of {target}",
};
export const gradientWords = {
  high: "a small change of this place changes the score of {target} most, up or down",
  low: "a small change of this place changes it little",
};
export const projectionWords = {
  high: "what is projected back from {target} is strong here (edges, whatever the class)",
  low: "it is weak here",
};
