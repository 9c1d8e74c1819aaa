import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const guidedBackpropFacts = {
  name: "guided-backprop",
  call: "guidedBackprop",
  reading: "magnitude",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
  notes: ["not-class-specific"],
} as const satisfies MethodFacts;
