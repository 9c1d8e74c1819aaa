import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const gradCamFacts = {
  name: "grad-cam",
  call: "gradCam",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
} as const satisfies MethodFacts;

export const gradCamWords = /* @__PURE__ */ readAs(
  "Grad-CAM",
  "Where a layer's maps speak for the answer, each map weighed by its mean gradient.",
  mapMeaning,
);
