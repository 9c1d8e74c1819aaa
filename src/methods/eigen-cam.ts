import type { MethodFacts, MethodWords } from "./facts";
import { explaining, maps, several } from "./shared-options";

export const eigenCamFacts = {
  name: "eigen-cam",
  call: "eigenCam",
  reading: "evidence",
  passes: "1 forward",
  needs: ["maps"],
  options: [explaining, several, maps],
  notes: ["not-about-the-target"],
} as const satisfies MethodFacts;

export const eigenCamWords: MethodWords = {
  title: "Eigen-CAM",
  says: "What stands out in a layer's maps, their first principal component. The same for every answer.",
  high: "what stands out most at this layer, whatever the class",
  low: "nothing stands out here",
};
