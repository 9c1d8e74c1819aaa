import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { readAs, shareMeaning } from "./shared-words";

export const deepLiftShapFacts = {
  name: "deep-lift-shap",
  call: "deepLiftShap",
  reading: "share",
  passes: "2 forward, 1 backward per baseline",
  needs: ["gradients"],
  options: [
    explaining,
    several,
    atLayer,
    {
      baselines: { is: "own", usual: "zero, mean, blur" },
    },
  ],
} as const satisfies MethodFacts;

export const deepLiftShapWords = /* @__PURE__ */ readAs(
  "DeepLIFT SHAP",
  "DeepLIFT averaged over several empty pictures.",
  shareMeaning,
);
