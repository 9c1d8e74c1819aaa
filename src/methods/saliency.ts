import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { gradientMeaning, readAs } from "./shared-words";

export const saliencyFacts = {
  name: "saliency",
  call: "saliency",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
} as const satisfies MethodFacts;

export const saliencyWords = /* @__PURE__ */ readAs(
  "Saliency",
  "How the score answers to a small change of each pixel.",
  gradientMeaning,
);
