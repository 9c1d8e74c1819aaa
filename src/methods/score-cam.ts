import type { MethodFacts, MethodWords } from "./facts";
import { batches, explaining, maps, several } from "./shared-options";
import { mapWords } from "./shared-words";

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

export const scoreCamWords: MethodWords = {
  title: "Score-CAM",
  says: "Each map weighed by the score of the picture seen only through it. One pass per map, no gradients.",
  ...mapWords,
};
