import { closest } from "fastest-levenshtein";

/** `Did you mean "relu6"?`, or nothing where there is no candidate. */
export function suggest(name: string, candidates: readonly string[]): string {
  if (candidates.length === 0) return "";
  const contained = candidates.find((candidate) => candidate.toLowerCase().includes(name.toLowerCase()));
  return ` Did you mean "${name && contained ? contained : closest(name, [...candidates])}"?`;
}
