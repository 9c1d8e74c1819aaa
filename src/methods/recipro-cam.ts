import type { MethodFacts } from "./facts";
import { batches, explaining, maps, several } from "./shared-options";

export const reciproCamFacts = {
  name: "recipro-cam",
  call: "reciproCam",
  reading: "evidence",
  passes: "1 forward per place",
  needs: ["maps", "scores"],
  options: [explaining, several, maps, batches, { gaussian: { is: "flag", default: false } }],
} as const satisfies MethodFacts;
