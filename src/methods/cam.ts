import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const camFacts = {
  name: "cam",
  call: "cam",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
} as const satisfies MethodFacts;

export const camWords = /* @__PURE__ */ readAs(
  "CAM",
  "The exact share of each place in the score. Needs a network that ends in global average pooling.",
  mapMeaning,
);
