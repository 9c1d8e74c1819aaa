import type { MethodFacts } from "./facts";
import { attending, explaining, several } from "./shared-options";

export const attentionRolloutFacts = {
  name: "attention-rollout",
  call: "attentionRollout",
  reading: "evidence",
  passes: "1 forward",
  needs: ["attention"],
  options: [explaining, several, attending],
  notes: ["hardly-about-the-target"],
} as const satisfies MethodFacts;
