import type { MethodFacts } from "./facts";
import { batches, explaining, maps, several } from "./shared-options";

export const ablationCamFacts = {
  name: "ablation-cam",
  call: "ablationCam",
  reading: "evidence",
  passes: "1 forward per map, from the layer on",
  needs: ["maps", "scores"],
  options: [explaining, several, maps, batches],
  divided: true,
} as const satisfies MethodFacts;
