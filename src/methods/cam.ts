import type { MethodFacts } from "./facts";
import { explaining, maps } from "./shared-options";

export const camFacts = {
  name: "cam",
  call: "cam",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, maps],
} as const satisfies MethodFacts;
