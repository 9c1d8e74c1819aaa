import type { MethodFacts, MethodWords } from "./facts";
import { batches, explaining, refined } from "./shared-options";

export const occlusionFacts = {
  name: "occlusion",
  call: "occlusion",
  reading: "share",
  passes: "1 forward per patch, only where it reaches",
  needs: ["scores"],
  options: [
    explaining,
    batches,
    refined,
    {
      window: { is: "own", usual: "a seventh of the input" },
      stride: { is: "own", usual: "half the window" },
      value: { is: "own", default: "zero" },
      engine: {
        is: "choice",
        choices: ["incremental", "full"],
        usual: "incremental where the maps fit",
        perInput: true,
      },
    },
  ],
  divided: true,
} as const satisfies MethodFacts;

export const occlusionWords: MethodWords = {
  title: "Occlusion",
  says: "By how much the score drops when a patch covers each place. Many passes, no gradients.",
  high: "covering this place lowers the score of {target}",
  low: "covering it raises the score",
};
