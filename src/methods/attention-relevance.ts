import type { MethodFacts } from "./facts";
import { attending, explaining, several } from "./shared-options";

export const attentionRelevanceFacts = {
  name: "attention-relevance",
  call: "attentionRelevance",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["attention", "gradients"],
  options: [explaining, several, attending],
} as const satisfies MethodFacts;
