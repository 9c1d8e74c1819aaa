import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const excitationBackpropFacts = {
  name: "excitation-backprop",
  call: "excitationBackprop",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
  notes: ["hardly-about-the-target"],
} as const satisfies MethodFacts;
