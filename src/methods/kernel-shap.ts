import type { MethodFacts } from "./facts";
import { batches, explaining, parts, refined } from "./shared-options";
import { readAs, regionMeaning } from "./shared-words";

export const kernelShapFacts = {
  name: "kernel-shap",
  call: "kernelShap",
  reading: "share",
  passes: "`samples` forward",
  needs: ["scores"],
  options: [
    explaining,
    batches,
    refined,
    parts,
    {
      samples: { is: "count", least: 2, usual: "all of up to 12 features, 2·features + 2048 of more" },
    },
  ],
  divided: true,
} as const satisfies MethodFacts;

export const kernelShapWords = /* @__PURE__ */ readAs(
  "KernelSHAP",
  "The fair share of each region in the score, over all ways of taking regions away.",
  regionMeaning,
);
