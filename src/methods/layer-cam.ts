import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const layerCamFacts = {
  name: "layer-cam",
  call: "layerCam",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
} as const satisfies MethodFacts;

export const layerCamWords = /* @__PURE__ */ readAs(
  "LayerCAM",
  "Each place of a layer's maps weighed by its own positive gradient. Try early layers: their maps are fine.",
  mapMeaning,
);
