import type { MethodFacts } from "./facts";
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
