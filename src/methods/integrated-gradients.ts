import type { MethodFacts } from "./facts";
import { atLayer, batches, explaining, refined, several } from "./shared-options";
import { readAs, shareMeaning } from "./shared-words";

export const integratedGradientsFacts = {
  name: "integrated-gradients",
  call: "integratedGradients",
  reading: "share",
  passes: "`nSteps` forward and backward",
  needs: ["gradients"],
  options: [
    explaining,
    several,
    atLayer,
    batches,
    refined,
    {
      nSteps: { is: "count", default: 50 },
      rule: { is: "own", default: "gauss-legendre" },
      baseline: { is: "own", default: "zero" },
    },
  ],
  divided: true,
} as const satisfies MethodFacts;

export const integratedGradientsWords = /* @__PURE__ */ readAs(
  "Integrated gradients",
  "Each pixel's share, summed along the way from an empty picture. The shares add up to the score.",
  shareMeaning,
);
