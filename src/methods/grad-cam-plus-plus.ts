import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const gradCamPlusPlusFacts = {
  name: "grad-cam-plus-plus",
  call: "gradCamPlusPlus",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
  notes: ["hardly-about-the-target"],
} as const satisfies MethodFacts;

export const gradCamPlusPlusWords = /* @__PURE__ */ readAs(
  "Grad-CAM++",
  "Grad-CAM with more weight on gradients that few places share, so that several objects of a class show alike.",
  mapMeaning,
);
