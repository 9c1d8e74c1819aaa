import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const xGradCamFacts = {
  name: "x-grad-cam",
  call: "xGradCam",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
} as const satisfies MethodFacts;

export const xGradCamWords = /* @__PURE__ */ readAs(
  "XGrad-CAM",
  "Grad-CAM with the gradient averaged only where a map is active.",
  mapMeaning,
);
