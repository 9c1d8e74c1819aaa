import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { projectionMeaning, readAs } from "./shared-words";

export const guidedBackpropFacts = {
  name: "guided-backprop",
  call: "guidedBackprop",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
  notes: ["not-class-specific"],
} as const satisfies MethodFacts;

export const guidedBackpropWords = /* @__PURE__ */ readAs(
  "Guided backprop",
  "Like deconvnet, only through places that were active. Shows edges; use it to look, not as evidence.",
  projectionMeaning,
);
