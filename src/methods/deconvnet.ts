import type { MethodFacts, MethodWords } from "./facts";
import { atLayer, explaining, several } from "./shared-options";
import { projectionWords } from "./shared-words";

export const deconvnetFacts = {
  name: "deconvnet",
  call: "deconvnet",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
  notes: ["not-class-specific"],
} as const satisfies MethodFacts;

export const deconvnetWords: MethodWords = {
  title: "Deconvnet",
  says: "The signal projected back through switches and rectifiers. Shows edges; use it to look, not as evidence.",
  ...projectionWords,
};
