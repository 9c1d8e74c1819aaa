import type { MethodFacts } from "./facts";
import { atLayer, batches, explaining, noise, refined, several } from "./shared-options";
import { gradientMeaning, readAs } from "./shared-words";

export const smoothGradFacts = {
  name: "smooth-grad",
  call: "smoothGrad",
  reading: "magnitude",
  passes: "`samples` forward and backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer, noise, batches, refined],
  divided: true,
} as const satisfies MethodFacts;

export const smoothGradWords = /* @__PURE__ */ readAs(
  "SmoothGrad",
  "The gradient averaged over noisy copies of the picture: what stays is less grainy.",
  gradientMeaning,
);
