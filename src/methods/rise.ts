import type { MethodFacts } from "./facts";
import { batches, explaining } from "./shared-options";

export const riseFacts = {
  name: "rise",
  call: "rise",
  reading: "evidence",
  passes: "`masks` forward",
  needs: ["scores"],
  options: [
    explaining,
    batches,
    {
      masks: { is: "count", default: 4000 },
      grid: { is: "count", default: 7 },
      probability: { is: "probability", default: 0.5 },
    },
  ],
  divided: true,
} as const satisfies MethodFacts;
