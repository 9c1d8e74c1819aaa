import type { MethodFacts } from "./facts";
import { attending, explaining, several } from "./shared-options";

/** Of networks with attention alone, so not in the table of what every network can be explained by. */
export const attentionRolloutFacts = {
  name: "attention-rollout",
  call: "attentionRollout",
  reading: "evidence",
  passes: "1 forward",
  needs: ["maps"],
  options: [explaining, several, attending],
  notes: ["hardly-about-the-target"],
} as const satisfies MethodFacts;
