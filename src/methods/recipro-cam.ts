import type { MethodFacts, MethodWords } from "./facts";
import { batches, explaining, maps, several } from "./shared-options";

export const reciproCamFacts = {
  name: "recipro-cam",
  call: "reciproCam",
  reading: "evidence",
  passes: "1 forward per place",
  needs: ["maps", "scores"],
  options: [explaining, several, maps, batches, { gaussian: { is: "flag", default: false } }],
} as const satisfies MethodFacts;

export const reciproCamWords: MethodWords = {
  title: "Recipro-CAM",
  says: "What the score is when a layer keeps one place alone. One pass per place, no gradients.",
  high: "this place alone gives {target} a high score",
  low: "this place alone gives it a low one",
};
