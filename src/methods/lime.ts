import type { MethodFacts } from "./facts";
import { batches, explaining, parts, refined } from "./shared-options";
import { readAs, regionMeaning } from "./shared-words";

export const limeFacts = {
  name: "lime",
  call: "lime",
  reading: "share",
  passes: "`samples` forward",
  needs: ["scores"],
  options: [
    explaining,
    batches,
    refined,
    parts,
    {
      samples: { is: "count", least: 2, default: 1000 },
      kernelWidth: { is: "above", default: 0.25 },
      lambda: { is: "amount", default: 1 },
    },
  ],
  divided: true,
} as const satisfies MethodFacts;

export const limeWords = /* @__PURE__ */ readAs(
  "LIME",
  "A linear model of how the score changes when regions are taken away at random.",
  regionMeaning,
);
