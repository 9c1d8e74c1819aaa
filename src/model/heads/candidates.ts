/** One output whose candidates are rows or columns: a box and scores side by side, as most YOLO networks export it. */
import type { DetectorHeadOption } from "../detection";
import { type HeadClues, type HeadOutput, joinedParts, stridesOf } from "./family";

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
}

/** The first output of candidates with a box of four numbers before the scores. */
export function candidatesOf(clues: HeadClues): Candidates | undefined {
  for (const output of clues.outputs) {
    const found = candidatesIn(output, clues);
    if (found) return found;
  }
  return undefined;
}

function candidatesIn(output: HeadOutput, { picture, labels }: HeadClues): Candidates | undefined {
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
  if (mixed === undefined && !(isPyramid || labels === channels - 4 || labels === channels - 5)) return undefined;
  let at = 0;
  const own = parts.filter(({ size }) => {
    at += size;
    return at > 4 && at <= 4 + scored;
  });
  const isApart = own.length > 1 && own[0].size === 1;
  const isSaid = labels === scored - 1 ? true : labels === scored ? false : undefined;
  const usually = isApart || (axis === 2 && scored > 1 && stridesOf(picture, count) === undefined);
  const hasObjectness = isSaid ?? usually;
  return {
    output,
    layout: axis === 2 ? "rows" : "columns",
    count,
    channels,
    classes: scored - Number(hasObjectness),
    hasObjectness,
    behind: channels - 4 - scored,
    isRaw: output.madeBy(0) === "Conv",
  };
}

/** How they are read, with the box at the front. */
export function readingOf(found: Candidates, { outputs }: HeadClues): DetectorHeadOption {
  const { output, layout, classes, hasObjectness, behind } = found;
  const classAt = 4 + Number(hasObjectness);
  const prototypes = outputs.find(({ shape }) => shape.length === 4 && shape[0] === 1 && shape[1] === behind);
  const at = classAt + classes;
  return {
    boxes: output.name,
    layout,
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
