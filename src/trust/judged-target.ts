import type { Attribution } from "../attribution/attribution";
import { OptionError, TargetError } from "../errors";
import { isRecord } from "../json-text";
import type { Target } from "../model/target";
import { isAttribution, type JudgedMap } from "./judged-map";

/**
 * The target that a map is judged by: what is asked for, else what the attribution explains, else the best class.
 *
 * @throws {TargetError} if the attribution's target is made of numbers (a mask, weights, an embedding), of which it keeps no copy
 */
export function judgedTarget(map: JudgedMap, asked: Target | undefined): Target | undefined {
  return asked !== undefined || !isAttribution(map) ? asked : explainedTarget(map);
}

/**
 * The target of further explanations of the one that is there: the caller's where it holds numbers of its own, else what was explained, so
 * that 'top' stays the class that it was.
 */
export const pinnedTarget = (asked: Target | undefined, explained: Attribution): Target =>
  typeof asked === "object" ? asked : explainedTarget(explained);

/** The target of an attribution as an option: 'top' as the class that it was. */
function explainedTarget({ target, recipe }: Attribution): Target {
  if (!isRecord(target) || !isRecord(recipe) || !isRecord(recipe.options)) {
    throw new OptionError("The map to judge is not whole: its target or the options of its recipe are missing.");
  }
  const asked = recipe.options.target;
  if (typeof asked !== "object" || asked === null) return target.index;
  const kept = Object.entries(notKept).find(([key]) => isHashed(asked, key))?.[1];
  if (kept) {
    throw new TargetError(`The attribution explains ${kept}, which it does not keep: pass the same target here.`);
  }
  return asked as Target;
}

const notKept = { mask: "a mask", weights: "weights of its own", similarTo: "likeness to an embedding" };

/** Whether a target, or one that it is made of, has numbers of which a recipe has the hash. */
function isHashed(target: object, key: string): boolean {
  if (Object.hasOwn(target, key)) return true;
  const { sum, contrast } = target as { readonly sum?: unknown; readonly contrast?: unknown };
  return [sum, contrast].some(
    (parts) =>
      Array.isArray(parts) && parts.some((part) => typeof part === "object" && part !== null && isHashed(part, key)),
  );
}
