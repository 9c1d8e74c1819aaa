import type { MethodFacts, MethodWords } from "./facts";
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

export const excitationBackpropWords: MethodWords = {
  title: "Excitation backprop",
  says: "Where a walk along positive evidence ends. Shows objects; answers hardly differ.",
  high: "a walk back from {target} along positive weights ends here most often",
  low: "it ends here seldom",
};
