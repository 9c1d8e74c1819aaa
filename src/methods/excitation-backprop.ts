import type { MethodFacts } from "./facts";
import { atLayer, explaining } from "./shared-options";

export const excitationBackpropFacts = {
  name: "excitation-backprop",
  call: "excitationBackprop",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, atLayer],
  notes: ["hardly-about-the-target"],
} as const satisfies MethodFacts;
