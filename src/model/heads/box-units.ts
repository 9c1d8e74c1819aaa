/** What no layer tells of plain boxes, and their numbers do. */
import { OptionError } from "../../errors";
import type { DetectorHeadOption } from "../detection";
import { bestClass, boxNumbers } from "./find-boxes";
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

/**
 * Whether rows that a network keeps are corners or centre and size: a size is mostly smaller than the place of a centre, so that most boxes
 * would be inside out as corners. Rows that are filled up with one number say nothing.
 *
 * @throws {OptionError} if some likely boxes are inside out as corners, and most are not
 */
export function decodingByNumbers(head: Head, values: HeadValues): DetectorHeadOption["decode"] {
  const { option, anchors, boxes } = head;
  if (option.decode !== "corners") return option.decode;
  let [said, insideOut, odd]: [number, number, number | undefined] = [0, 0, undefined];
  for (let anchor = 0; anchor < anchors; anchor++) {
    const [left, top, right, bottom] = boxNumbers(head, values, anchor);
    if (left === right && top === bottom) continue;
    said++;
    if (right >= left && bottom >= top) continue;
    insideOut++;
    if (odd === undefined && bestClass(head, values, anchor).score >= likely) odd = anchor;
  }
  if (insideOut > said / 2) return "center";
  if (odd === undefined) return option.decode;
  throw new OptionError(
    `Row ${odd} of "${boxes.output.name}" is no box as left, top, right, bottom: (${Array.from(boxNumbers(head, values, odd), (at) => +at.toFixed(2)).join(", ")}). ` +
      'Where rows are centre and size, say head: { decode: "center" }; where they are corners all the same, head: { decode: "corners" }.',
  );
}

/** The usual least score of a box. */
const likely = 0.25;
