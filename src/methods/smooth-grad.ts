import type { MethodFacts } from "./facts";
import { atLayer, batches, explaining, noise, several } from "./shared-options";

export const smoothGradFacts = {
  name: "smooth-grad",
  call: "smoothGrad",
  reading: "magnitude",
  passes: "`samples` forward and backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer, noise, batches],
  divided: true,
} as const satisfies MethodFacts;
