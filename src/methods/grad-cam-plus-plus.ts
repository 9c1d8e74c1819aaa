import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";

export const gradCamPlusPlusFacts = {
  name: "grad-cam-plus-plus",
  call: "gradCamPlusPlus",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
  notes: ["hardly-about-the-target"],
} as const satisfies MethodFacts;
