import type { MethodFacts, MethodWords } from "./facts";
import { attending, explaining, several } from "./shared-options";

export const attentionRelevanceFacts = {
  name: "attention-relevance",
  call: "attentionRelevance",
  reading: "evidence",
  passes: "1 forward, 1 backward",
  needs: ["attention", "gradients"],
  options: [explaining, several, attending],
} as const satisfies MethodFacts;

export const attentionRelevanceWords: MethodWords = {
  title: "Attention relevance",
  says: "Attention that the score grows by, followed from block to block. Of transformers.",
  high: "attention to this place raises the score of {target}",
  low: "attention to it does not raise the score",
};
