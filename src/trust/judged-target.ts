import { TargetError } from "../errors";
import type { Attribution } from "../explain/attribution";
import type { Target } from "../model/target";
import { isAttribution, type JudgedMap } from "./judged-map";

/**
 * The target that a map is judged by: what is asked for, else what the attribution explains, else the best class.
 *
 * @throws {TargetError} if the attribution's target is a mask, of which it keeps no copy
 */
export function judgedTarget(map: JudgedMap, asked: Target | undefined): Target | undefined {
  return asked !== undefined || !isAttribution(map) ? asked : explainedTarget(map);
}

/** The target of an attribution as an option: 'top' as the class that it was. */
export function explainedTarget({ target, recipe }: Attribution): Target {
  const asked = recipe.options.target;
  if (typeof asked !== "object" || asked === null) return target.index;
  if ("mask" in asked) {
    throw new TargetError("The attribution explains a mask, which it does not keep: pass the same target here.");
  }
  return asked as Target;
}
