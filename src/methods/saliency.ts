import type { MethodFacts, MethodWords } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { gradientWords } from "./shared-words";

export const saliencyFacts = {
  name: "saliency",
  call: "saliency",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
} as const satisfies MethodFacts;

export const saliencyWords: MethodWords = {
  title: "Saliency",
  says: "How the score answers to a small change of each pixel.",
  ...gradientWords,
};
