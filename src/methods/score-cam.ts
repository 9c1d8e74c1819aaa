import type { MethodFacts } from "./facts";
import { batches, explaining, maps, refined, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const scoreCamFacts = {
  name: "score-cam",
  call: "scoreCam",
  reading: "evidence",
  passes: "1 forward per map",
  needs: ["maps", "scores"],
  options: [explaining, several, maps, batches, refined],
  notes: ["hardly-about-the-target"],
  divided: true,
} as const satisfies MethodFacts;

export const scoreCamWords = /* @__PURE__ */ readAs(
  "Score-CAM",
  "Each map weighed by the score of the picture seen only through it. One pass per map, no gradients.",
  mapMeaning,
);
