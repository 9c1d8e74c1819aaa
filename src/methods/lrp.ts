import type { MethodFacts, MethodWords } from "./facts";
import { atLayer, explaining, several } from "./shared-options";

export const lrpFacts = {
  name: "lrp",
  call: "lrp",
  reading: "share",
  passes: "1 forward, 1 backward",
  needs: ["gradients"],
  options: [
    explaining,
    several,
    atLayer,
    {
      composite: { is: "own", default: "epsilonPlus" },
      epsilon: { is: "above", default: 1e-6 },
      conditions: { is: "own" },
    },
  ],
} as const satisfies MethodFacts;

export const lrpWords: MethodWords = {
  title: "LRP",
  says: "Relevance handed down layer by layer, here by positive evidence. Shows objects; answers hardly differ.",
  high: "relevance for {target}, handed back from layer to layer, arrives here",
  low: "relevance against {target} arrives here",
};
