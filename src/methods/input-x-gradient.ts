import type { MethodFacts } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const inputXGradientFacts = {
  name: "input-x-gradient",
  call: "inputXGradient",
  reading: "share",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [explaining, several, atLayer],
} as const satisfies MethodFacts;
