/** Boxes in one output and the scores of the same candidates in another. */
import { type HeadClues, type HeadOutput, joinedParts } from "./family";

export interface BoxesBesideScores {
  readonly boxes: HeadOutput;
  readonly scores: HeadOutput;
  readonly count: number;
  readonly classes: number;
}

const scoreWords = /score|conf|cls|class|prob|logit|label/i;

const isRows = ({ shape }: HeadOutput): boolean => shape.length === 3 && shape[0] === 1;

/** The first two outputs that are `[1, N, 4]` and `[1, N, C]`. */
export function boxesBesideScores({ outputs }: HeadClues): BoxesBesideScores | undefined {
  const rows = outputs.filter(isRows);
  const boxes = rows.find(({ shape, name }) => shape[2] === 4 && !scoreWords.test(name));
  const peers = rows.filter((output) => output !== boxes && output.shape[1] === boxes?.shape[1]);
  // Key points may stand between them.
  const scores =
    peers.find((output) => joinedParts(output.parts(2))[0]?.finish !== "none") ??
    peers.find(({ name }) => scoreWords.test(name)) ??
    peers[0];
  return boxes && scores && { boxes, scores, count: boxes.shape[1], classes: scores.shape[2] };
}
