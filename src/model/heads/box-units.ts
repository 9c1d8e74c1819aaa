/** What no layer tells of plain boxes, and their numbers do. */
import type { DetectorHeadOption } from "../detection";
import { boxNumbers } from "./find-boxes";
import type { Head, HeadValues } from "./head";

/** In a smaller picture pixels are like shares. */
const least = 16;
/** Boxes reach beyond the picture, but never by more than its size and a half. */
const farthest = 2.5;

/**
 * Whether boxes are in pixels or in shares of the picture: candidates are spread over all of it, so that a pixel's numbers are far beyond
 * 1. What is taken for shares is in pixels where most are, what is taken for pixels in shares where all of them are.
 */
export function unitsByNumbers(head: Head, values: HeadValues): DetectorHeadOption["units"] {
  const { option, anchors, picture } = head;
  if (Math.min(...picture) < least) return option.units;
  let far = 0;
  for (let anchor = 0; anchor < anchors; anchor++) {
    // NaN is not far: it is refused later, by name.
    far += Number(boxNumbers(head, values, anchor).some((at) => Math.abs(at) > farthest));
  }
  if (option.units === "relative") return far > anchors / 2 ? "pixels" : "relative";
  return far === 0 ? "relative" : option.units;
}
