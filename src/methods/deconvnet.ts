import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { projectionMeaning, readAs } from "./shared-words";

export const deconvnetFacts = {
  name: "deconvnet",
  call: "deconvnet",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
  notes: ["not-class-specific"],
} as const satisfies MethodFacts;

export const deconvnetWords = /* @__PURE__ */ readAs(
  "Deconvnet",
  "The signal projected back through switches and rectifiers. Shows edges; use it to look, not as evidence.",
  projectionMeaning,
);
