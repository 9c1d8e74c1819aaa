import type { Attribution } from "../attribution/attribution";
import { sharesOfBox } from "../attribution/box-evidence";
import { checkParts, kindOf } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import type { Detection } from "../model/detection";
import { showShape } from "../tensor";
import type { Box } from "../view/bounding-box";
import { checkSource } from "../view/heatmap";
import { checkMap } from "./judged-map";

/** A box: of a detection, or drawn by hand. */
type Boxed = Pick<Detection, "box"> & Partial<Pick<Detection, "placement">>;

export interface BoxEvidence<Other extends Boxed = Detection> {
  /** What made the map. */
  readonly method: string;
  /** Share of the positive evidence inside the box, 0 to 1; 0 where there is none. */
  readonly inside: number;
  /** Share of the map that the box covers: what is inside of a map that is the same everywhere. */
  readonly area: number;
  /** What a box gets that the target is not about; absent where nothing can stand beside the box. */
  readonly control?: {
    /** Share of the positive evidence in it, 0 to 1, without what it has in common with the box. */
    readonly share: number;
    /** In pixels of the picture. */
    readonly box: Box;
    /** The other detection with the most evidence; absent where none stands apart: then it is the fullest box of the same size elsewhere. */
    readonly detection?: Other;
  };
}

/**
 * How much of the evidence of a box lies inside it, beside a control: another box of the picture, or where there is none apart from it the
 * place elsewhere, for a box of its size, that has most. Evidence outside is context, which a person may use too, or a cheat.
 *
 * @param evidence   an explanation of the box; of methods whose maps have no sign magnitudes count
 * @param detection  the box that was explained, in pixels of the picture
 * @param others     what else was found in the picture; the box itself among them is left out, as are boxes of the same object
 * @throws {OptionError} if a box is none, or the values are no map of a picture
 * @example
 * const found = await detect(model, photo);
 * const evidence = await hiResCam(model, photo, { target: { detection: found[0] } });
 * const { inside, area, control } = boxEvidence(evidence, found[0], found);
 */
export function boxEvidence<Other extends Boxed = Detection>(
  evidence: Attribution,
  detection: Boxed,
  others: readonly Other[] = [],
): BoxEvidence<Other> {
  return guarded("boxEvidence", () => {
    if (!Array.isArray(others)) throw new OptionError(`others is a list of detections, got ${kindOf(others)}.`);
    checkBox(detection, "detection");
    for (const [i, other] of others.entries()) checkBox(other, `others[${i}]`);
    checkMap(evidence);
    checkParts("boxEvidence", evidence, ["method", "values", "inputSize"], "an attribution");
    const { method } = evidence;
    const placement = detection.placement ?? evidence.placement;
    checkSource(evidence);
    checkSource({ ...evidence, placement });
    const found = sharesOfBox({ box: detection.box, ...(placement && { placement }) }, evidence, others);
    if (!found) {
      throw new OptionError(
        `The evidence of a box is a map over a picture; that of ${method} is ${showShape(evidence.values.shape)}.`,
      );
    }
    const { inside, area, control } = found;
    if (!control) return { method, inside, area };
    const { share, box, other } = control;
    return { method, inside, area, control: { share, box, ...(other !== undefined && { detection: others[other] }) } };
  });
}

/** @throws {OptionError} unless it has a box of four numbers */
function checkBox(one: unknown, name: string): void {
  const { box } = Object(one) as { readonly box?: Partial<Box> };
  if ([box?.x, box?.y, box?.width, box?.height].every(Number.isFinite)) return;
  throw new OptionError(
    `boxEvidence takes boxes as detect finds them, { box: { x, y, width, height } }; ${name} is ${kindOf(one)}.`,
  );
}
