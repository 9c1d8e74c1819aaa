import type { MethodFacts } from "./facts";
import { attending, explaining, several } from "./shared-options";

/** Of networks with attention alone, so not in the table of what every network can be explained by. */
export const attentionRelevanceFacts = {
  name: "attention-relevance",
  call: "attentionRelevance",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["maps", "gradients"],
  options: [explaining, several, attending],
} as const satisfies MethodFacts;
