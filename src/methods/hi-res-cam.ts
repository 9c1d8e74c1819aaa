import type { MethodFacts } from "./facts";
import { explaining, maps, several } from "./shared-options";
import { mapMeaning, readAs } from "./shared-words";

export const hiResCamFacts = {
  name: "hi-res-cam",
  call: "hiResCam",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, maps],
} as const satisfies MethodFacts;

export const hiResCamWords = /* @__PURE__ */ readAs(
  "HiResCAM",
  "Each place of a layer's maps weighed by its own gradient: marks only places that the answer used.",
  mapMeaning,
);
