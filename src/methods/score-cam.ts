import type { MethodFacts } from "./facts";
import { batches, explaining, maps, several } from "./shared-options";

export const scoreCamFacts = {
  name: "score-cam",
  call: "scoreCam",
  reading: "evidence",
  passes: "1 forward per map",
  needs: ["maps", "scores"],
  options: [explaining, several, maps, batches],
  notes: ["hardly-about-the-target"],
  divided: true,
} as const satisfies MethodFacts;
