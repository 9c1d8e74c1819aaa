import type { MethodFacts, MethodWords } from "./facts";
import { batches, explaining, refined } from "./shared-options";

export const riseFacts = {
  name: "rise",
  call: "rise",
  reading: "evidence",
  passes: "`masks` forward",
  needs: ["scores"],
  options: [
    explaining,
    batches,
    refined,
    {
      masks: { is: "count", default: 4000 },
      grid: { is: "count", usual: "7, of a box up to 16" },
      probability: { is: "probability", default: 0.5 },
    },
  ],
  divided: true,
} as const satisfies MethodFacts;

export const riseWords: MethodWords = {
  title: "RISE",
  says: "The mean of thousands of random masks, each weighed by the score of what it leaves visible.",
  high: "the score of {target} was highest, on average, when this place was left visible",
  low: "it was lowest when this place was left visible",
};
