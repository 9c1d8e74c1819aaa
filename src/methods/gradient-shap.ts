import type { MethodFacts } from "./facts";
import { atLayer, batches, explaining, several } from "./shared-options";
import { readAs, shareMeaning } from "./shared-words";

export const gradientShapFacts = {
  name: "gradient-shap",
  call: "gradientShap",
  reading: "share",
  passes: "`samples` forward and backward",
  needs: ["gradients"],
  options: [
    explaining,
    several,
    atLayer,
    batches,
    {
      samples: { is: "count", usual: "5" },
      stdev: { is: "amount", usual: "0", perInput: true },
      noise: { is: "own" },
      baselines: { is: "own", usual: "zero, mean, blur" },
      coefficients: { is: "own" },
    },
  ],
} as const satisfies MethodFacts;

export const gradientShapWords = /* @__PURE__ */ readAs(
  "GradientSHAP",
  "Integrated gradients at random points on the way from several empty pictures.",
  shareMeaning,
);
