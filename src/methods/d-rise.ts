import type { MethodFacts, MethodWords } from "./facts";
import { batches, explaining, refined } from "./shared-options";

/** Of detectors alone, so not in the table of what every network can be explained by. */
export const dRiseFacts = {
  name: "d-rise",
  call: "dRise",
  reading: "evidence",
  passes: "`masks` forward",
  needs: ["scores"],
  options: [
    explaining,
    batches,
    refined,
    {
      detection: { is: "own" },
      head: { is: "own", usual: "that of the detection, or as it is recognised" },
      masks: { is: "count", default: 5000 },
      grid: { is: "count", default: 16 },
      probability: { is: "probability", default: 0.5 },
    },
  ],
  divided: true,
} as const satisfies MethodFacts;

export const dRiseWords: MethodWords = {
  title: "D-RISE",
  says: "The mean of thousands of random masks, each weighed by how well the detector still finds the box.",
  high: "the box of {target} was found best, on average, when this place was left visible",
  low: "it was found worst when this place was left visible",
};
