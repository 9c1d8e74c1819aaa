import { edgesOf, pictureToInput } from "../../model/heads/in-picture";
import { asksForBox } from "../../model/resolve-target";
import type { Target } from "../../model/target";
import type { Frame } from "./patches";

/** Cells of a mask along each axis: those of RISE's paper, and those of D-RISE's, beyond which the noise grows faster than the detail. */
export const fewestCells = 7;
const mostCells = 16;
/** Of cells as wide as two thirds of a box some hide it and leave visible what is beside. */
const cellsPerBox = 1.5;

/** Cells of a mask along each axis that suit what is explained: a box smaller than they are would be blurred. */
export function gridFor(target: Target | undefined, { width, height }: Frame): number {
  if (!asksForBox(target)) return fewestCells;
  const { box, placement } = target.detection;
  const [left, top, right, bottom] = pictureToInput(edgesOf(box), placement);
  const cells = Math.round(cellsPerBox * Math.max(width / (right - left), height / (bottom - top)));
  return Math.min(Math.max(cells, fewestCells), mostCells);
}
