import type { MethodFacts } from "./facts";
import { batches, explaining, maps, refined, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const ablationCamFacts = {
  name: "ablation-cam",
  call: "ablationCam",
  reading: "evidence",
  passes: "1 forward per map, from the layer on",
  needs: ["maps", "scores"],
  options: [explaining, several, maps, batches, refined],
  divided: true,
} as const satisfies MethodFacts;

export const ablationCamWords = /* @__PURE__ */ readAs(
  "Ablation-CAM",
  "Each map weighed by what the score loses without it. One pass per map, no gradients.",
  mapMeaning,
);
