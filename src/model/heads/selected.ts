import type { Selection, SelectionRule } from "../../graph/selection";
import type { DetectorHeadOption, SelectionOption } from "../detection";
import { keypointsBehind } from "./candidates";
import { type HeadClues, type HeadOutput, joinedParts } from "./family";

/** How candidates lie in an output. */
type Layout = "rows" | "columns";

/**
 * Boxes and scores that the file picks among behind its layers, by TopK or by suppressing doubles: what picks was cut off when the file was
 * loaded, and says what is a box and what a score, and how they are picked.
 */
export function selectedHead(clues: HeadClues, selection: Selection): DetectorHeadOption | undefined {
  const { outputs } = clues;
  const named = (name: string | undefined): HeadOutput | undefined => outputs.find((output) => output.name === name);
  const said = named(selection.scores);
  const boxes =
    [named(selection.boxes), ...outputs].find((output) => output && output !== said && boxLayout(output)) ??
    // One class and four others: the names of the file's own values say nothing.
    outputs.find(boxLayout);
  const layout = boxes && boxLayout(boxes);
  if (!boxes || !layout) return undefined;
  const count = boxes.shape[boxes.shape.length - (layout === "rows" ? 2 : 1)];
  const isOf = (output: HeadOutput): boolean => output !== boxes && layoutOf(output, count) !== undefined;
  const scores = said && isOf(said) ? said : outputs.find(isOf);
  const scoresLayout = scores && layoutOf(scores, count);
  if (!scores || !scoresLayout) return undefined;
  const { rule, corners, rowsFirst } = selection;
  const classes = channelsOf(scores, scoresLayout);
  const axis = (output: HeadOutput, own: Layout): number => output.shape.length - (own === "rows" ? 1 : 2);
  const [box] = joinedParts(boxes.parts(axis(boxes, layout)));
  const [score] = joinedParts(scores.parts(axis(scores, scoresLayout)));
  // Four sigmoids are a transformer's: centre and size as shares of the picture.
  const isShares = box.finish === "sigmoid" && box.size === 4;
  return {
    boxes: boxes.name,
    scores: scores.name,
    layout,
    ...(scoresLayout !== layout && { scoresLayout }),
    decode: isShares || !corners ? "center" : rowsFirst ? "corners-top-first" : "corners",
    ...(isShares && { units: "relative" }),
    classAt: 0,
    classes,
    ...(rule.background && classes > 1 && { background: rule.background }),
    ...(rule.finish && score.finish === "none" && { activation: rule.finish }),
    ...behind(clues, { boxes, scores, layout, count }),
    ...picking(rule),
  };
}

/** The part of a head that says how boxes are picked. */
export function picking({ suppresses, finish: _, background: __, ...rule }: SelectionRule): {
  readonly suppressed?: true;
  readonly selection: SelectionOption;
} {
  return { ...(!suppresses && { suppressed: true }), selection: rule };
}

interface Found {
  readonly boxes: HeadOutput;
  readonly scores: HeadOutput;
  readonly layout: Layout;
  readonly count: number;
}

/** Coefficients of masks, or key points, in an output beside. */
function behind({ outputs }: HeadClues, { boxes, scores, layout, count }: Found): Partial<DetectorHeadOption> {
  const other = outputs.find((output) => output !== boxes && output !== scores && layoutOf(output, count) === layout);
  if (!other) return {};
  const channels = channelsOf(other, layout);
  const prototypes = outputs.find(({ shape }) => shape.length === 4 && shape[0] === 1 && shape[1] === channels);
  if (prototypes) return { masks: { output: other.name, at: 0, prototypes: prototypes.name } };
  const { keypoints } = keypointsBehind(0, channels);
  return keypoints ? { keypoints: { ...keypoints, output: other.name } } : {};
}

const isOfOne = ({ shape }: HeadOutput): boolean =>
  shape.length >= 2 && shape.length <= 3 && shape.slice(0, -2).every((extent) => extent === 1);

function boxLayout(output: HeadOutput): Layout | undefined {
  if (!isOfOne(output)) return undefined;
  const [a, b] = output.shape.slice(-2);
  return b === 4 ? "rows" : a === 4 ? "columns" : undefined;
}

function layoutOf(output: HeadOutput, count: number): Layout | undefined {
  if (!isOfOne(output)) return undefined;
  const [a, b] = output.shape.slice(-2);
  return a === count ? "rows" : b === count ? "columns" : undefined;
}

const channelsOf = ({ shape }: HeadOutput, layout: Layout): number => shape[shape.length - (layout === "rows" ? 1 : 2)];
