import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { readAs, shareMeaning } from "./shared-words";

export const deepLiftFacts = {
  name: "deep-lift",
  call: "deepLift",
  reading: "share",
  passes: "2 forward, 1 backward",
  needs: ["gradients"],
  options: [
    explaining,
    several,
    atLayer,
    {
      baseline: { is: "own", default: "zero" },
    },
  ],
} as const satisfies MethodFacts;

export const deepLiftWords = /* @__PURE__ */ readAs(
  "DeepLIFT",
  "Each pixel's share in the difference to an empty picture, in one pass. The shares add up.",
  shareMeaning,
);
