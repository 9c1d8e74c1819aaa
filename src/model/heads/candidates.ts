/** One output whose candidates are rows or columns: a box and scores side by side, as most YOLO networks export it. */
import { TargetError } from "../../errors";
import { showShape } from "../../tensor";
import type { DetectorHeadOption } from "../detection";
import { type HeadClues, type HeadOutput, joinedParts, stridesOf, writtenAs } from "./family";

/** An output of boxes beside scores, and which numbers are which. */
export interface Candidates {
  readonly output: HeadOutput;
  readonly layout: "rows" | "columns";
  readonly count: number;
  readonly channels: number;
  /** Channels of the classes, the objectness left out. */
  readonly classes: number;
  readonly hasObjectness: boolean;
  /** Channels behind the scores. */
  readonly behind: number;
  /** True where the box is as a layer made it, not yet put at its place. */
  readonly isRaw: boolean;
  /** True where the scores are as a layer made them, before their sigmoids. */
  readonly isRawScore: boolean;
}

/** The first output of candidates with a box of four numbers before the scores. */
export function candidatesOf(clues: HeadClues): Candidates | undefined {
  for (const output of clues.outputs) {
    const found = candidatesIn(output, clues, clues.outputs);
    if (found) return found;
  }
  return undefined;
}

function candidatesIn(
  output: HeadOutput,
  { picture, labels }: HeadClues,
  outputs: readonly HeadOutput[],
): Candidates | undefined {
  const { shape } = output;
  if (shape.length !== 3 || shape[0] !== 1) return undefined;
  const axes = shape[1] < shape[2] ? [1, 2] : [2, 1];
  const mixed = axes.find((axis) => {
    const [box, scores] = joinedParts(output.parts(axis));
    return box.finish === "none" && box.size === 4 && scores?.finish === "sigmoid";
  });
  const axis = mixed ?? axes[0];
  const channels = shape[axis];
  const count = shape[3 - axis];
  if (channels < 5 || count < 2) return undefined;
  const parts = output.parts(axis);
  // What follows the scores belongs to masks or key points.
  const scored = mixed === undefined ? channels - 4 : joinedParts(parts)[1].size;
  const isPyramid = [1, 2, 3, 4, 5, 6, 9].some((each) => stridesOf(picture, count / each) !== undefined);
  if (mixed === undefined && !mayHoldBoxes(output, outputs)) return undefined;
  if (mixed === undefined && !(isPyramid || labels === channels - 4 || labels === channels - 5)) return undefined;
  let at = 0;
  const own = parts.filter(({ size }) => {
    at += size;
    return at > 4 && at <= 4 + scored;
  });
  const isApart = own.length > 1 && own[0].size === 1;
  const isSaid = labels === scored - 1 ? true : labels === scored ? false : undefined;
  const isRaw = output.madeBy(0) === "Conv";
  const isOnePerPlace = stridesOf(picture, count) !== undefined;
  // Several priors at each place are older than heads without an objectness; boxes that are still to be put there are YOLOX's.
  const ofPriors = isPyramid ? !isOnePerPlace : axis === 2;
  const usually = isApart || (scored > 1 && (ofPriors || (isRaw && isOnePerPlace)));
  const hasObjectness = isSaid ?? usually;
  const firstScore = axis === 2 ? 4 : 4 * count;
  return {
    output,
    layout: axis === 2 ? "rows" : "columns",
    count,
    channels,
    classes: scored - Number(hasObjectness),
    hasObjectness,
    behind: channels - 4 - scored,
    isRaw,
    isRawScore: output.madeBy(firstScore) === "Conv",
  };
}

/** Of what no layer tells box from score: scores alone are no boxes, and neither is what has its boxes in an output beside. */
function mayHoldBoxes(output: HeadOutput, outputs: readonly HeadOutput[]): boolean {
  const { shape } = output;
  const startsAsBox = [1, 2].every((axis) => {
    const [first] = joinedParts(output.parts(axis));
    return first.finish === "none" && first.size >= 4;
  });
  const isBeside = outputs.some(
    (other) =>
      other !== output &&
      other.shape.length === 3 &&
      [1, 2].some((axis) => other.shape[axis] === 4 && shape.includes(other.shape[3 - axis])),
  );
  return startsAsBox && !isBeside;
}

/** How they are read, with the box at the front. */
export function readingOf(found: Candidates, { outputs }: HeadClues): DetectorHeadOption {
  const { output, layout, classes, hasObjectness, behind } = found;
  const classAt = 4 + Number(hasObjectness);
  const prototypes = outputs.find(({ shape }) => shape.length === 4 && shape[0] === 1 && shape[1] === behind);
  const at = classAt + classes;
  if (behind === 1) {
    throw new TargetError(
      `The output "${output.name}" (${showShape(output.shape)}) has one number behind its ${classes} scores, as the angle of turned boxes (-obb), ` +
        `which are not read. To read them without it, say head: { boxes: ${JSON.stringify(output.name)}, layout: "${layout}", classAt: ${classAt}, classes: ${classes} }.`,
    );
  }
  return {
    boxes: output.name,
    layout,
    decode: writtenAs(output, layout === "rows" ? 1 : found.count) ?? "center",
    ...(hasObjectness && { objectness: 4 }),
    classAt,
    classes,
    ...(prototypes ? { masks: { at, prototypes: prototypes.name } } : keypointsBehind(at, behind)),
  };
}

/** Key points are threes of x, y and whether they are seen, or pairs. */
export function keypointsBehind(at: number, behind: number): Pick<DetectorHeadOption, "keypoints"> {
  if (behind < 4) return {};
  if (behind % 3 === 0) return { keypoints: { at, count: behind / 3, numbers: 3 } };
  return behind % 2 === 0 ? { keypoints: { at, count: behind / 2, numbers: 2 } } : {};
}
