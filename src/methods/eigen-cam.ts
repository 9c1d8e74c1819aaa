import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";

export const eigenCamFacts = {
  name: "eigen-cam",
  call: "eigenCam",
  reading: "evidence",
  passes: "1 forward",
  needs: ["maps"],
  options: [explaining, several, maps],
  notes: ["not-about-the-target"],
} as const satisfies MethodFacts;
