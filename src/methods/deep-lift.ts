import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const deepLiftFacts = {
  name: "deep-lift",
  call: "deepLift",
  reading: "share",
  passes: "2 forward, 1 backward",
  needs: ["gradients"],
  options: [
    explaining,
    several,
    atLayer,
    {
      baseline: { is: "own", default: "zero" },
    },
  ],
} as const satisfies MethodFacts;
