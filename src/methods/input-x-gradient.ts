import type { MethodFacts, MethodWords } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const inputXGradientFacts = {
  name: "input-x-gradient",
  call: "inputXGradient",
  reading: "share",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
} as const satisfies MethodFacts;

export const inputXGradientWords: MethodWords = {
  title: "Input × gradient",
  says: "The first-order share of each pixel in the score.",
  high: "making the values of this place stronger raises the score of {target}, as far as the gradient tells",
  low: "making them stronger lowers the score of {target}",
};
