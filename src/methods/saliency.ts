import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const saliencyFacts = {
  name: "saliency",
  call: "saliency",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
} as const satisfies MethodFacts;
