import type { MethodFacts, MethodWords } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const fullGradFacts = {
  name: "full-grad",
  call: "fullGrad",
  reading: "evidence",
  passes: "1 forward, 1 backward, 1 per bias",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
  notes: ["hardly-about-the-target"],
} as const satisfies MethodFacts;

export const fullGradWords: MethodWords = {
  title: "FullGrad",
  says: "The gradient at the pixels and at every bias of the network, all magnitudes together.",
  high: "pixels and biases matter most for the score of {target} here, up or down",
  low: "they matter little here",
};
