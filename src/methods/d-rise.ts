import type { MethodFacts } from "./facts";
import { batches, explaining } from "./shared-options";

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
