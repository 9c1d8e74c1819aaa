import type { MethodFacts, MethodWords } from "./facts";
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

export const attentionRolloutWords: MethodWords = {
  title: "Attention rollout",
  says: "What attention, multiplied from block to block, brings to the answer's token. Of transformers; the same for every answer.",
  high: "attention takes most from here, whatever the class",
  low: "it takes little from here",
};
