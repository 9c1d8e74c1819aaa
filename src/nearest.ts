import { distance } from "fastest-levenshtein";

/** Longer names nobody misspells; comparing two takes the product of their lengths. */
const longestName = 300;

/** `Did you mean "relu6"?`, or nothing where no candidate is near: a far one would only mislead. */
export function suggest(name: string, candidates: readonly string[]): string {
  let [nearest, least] = ["", Number.POSITIVE_INFINITY];
  if (typeof name !== "string" || name.length > longestName) return "";
  for (const candidate of candidates) {
    if (candidate.length > longestName) continue;
    const steps = stepsBetween(name, candidate);
    if (steps < least) [nearest, least] = [candidate, steps];
  }
  return least < Number.POSITIVE_INFINITY ? ` Did you mean "${nearest}"?` : "";
}

/** How many letters two names differ by; infinite where they are not near. */
function stepsBetween(name: string, candidate: string): number {
  const [a, b] = [plain(name), plain(candidate)];
  const steps = distance(a, b);
  if (beginsIn(a, candidate) || beginsIn(b, name)) return steps / 2;
  const swapped = steps === 2 && a.length === b.length && letters(a) === letters(b);
  return swapped || steps <= 0.4 * Math.max(a.length, b.length) ? steps : Number.POSITIVE_INFINITY;
}

/** Capitals, and how words are joined, are no difference: "gradCam" is "grad-cam". */
const plain = (name: string): string => name.toLowerCase().replace(/[-_\s]/g, "");

/** Whether a name, or a word of it, begins with what was given: "cat" in "tabby cat", "steps" in "nSteps". Two letters begin too many. */
function beginsIn(given: string, name: string): boolean {
  const words = name.replace(/(\p{Ll})(?=\p{Lu})/gu, "$1 ").split(/[^\p{L}\p{N}]+/u);
  return given.length > 2 && [name, ...words].some((word) => plain(word).startsWith(given));
}

const letters = (name: string): string => [...name].sort().join("");
