import type { MethodFacts, MethodWords } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { projectionWords } from "./shared-words";

export const guidedBackpropFacts = {
  name: "guided-backprop",
  call: "guidedBackprop",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
  notes: ["not-class-specific"],
} as const satisfies MethodFacts;

export const guidedBackpropWords: MethodWords = {
  title: "Guided backprop",
  says: "Like deconvnet, only through places that were active. Shows edges; use it to look, not as evidence.",
  ...projectionWords,
};
