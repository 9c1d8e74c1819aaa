import { type MethodFacts, methodTable, methodWords } from "seethrough";
import type { MethodCard } from "./protocol";

/** Every method the library has, from its own table: what it takes, what it costs, what it is called. */
export const methodCards = (): readonly MethodCard[] =>
  methodTable.map((facts) => {
    const { title, says, high, low } = methodWords[facts.name];
    const layer = layerOf(facts);
    return { id: facts.name, name: title, says, high, low, slow: "divided" in facts, ...(layer && { layer }) };
  });

function layerOf({ options, needs }: MethodFacts): MethodCard["layer"] {
  if (!options.some((group) => "layer" in group)) return undefined;
  return needs.includes("maps") ? "map" : "any";
}
