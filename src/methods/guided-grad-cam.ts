import type { MethodFacts } from "./facts";
import { explaining, several } from "./shared-options";
import { projectionMeaning, readAs } from "./shared-words";

export const guidedGradCamFacts = {
  name: "guided-grad-cam",
  call: "guidedGradCam",
  reading: "magnitude",
  passes: "2 forward, 2 backward",
  needs: ["gradients", "maps"],
  options: [
    explaining,
    several,
    {
      layer: { is: "name", usual: "the last with maps" },
      interpolation: { is: "choice", choices: ["nearest", "bilinear"], default: "nearest" },
    },
  ],
  notes: ["not-class-specific"],
} as const satisfies MethodFacts;

export const guidedGradCamWords = /* @__PURE__ */ readAs(
  "Guided Grad-CAM",
  "Guided backprop where Grad-CAM is positive. Shows edges; use it to look, not as evidence.",
  projectionMeaning,
);
