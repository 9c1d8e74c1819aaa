import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";

export const layerCamFacts = {
  name: "layer-cam",
  call: "layerCam",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
} as const satisfies MethodFacts;
