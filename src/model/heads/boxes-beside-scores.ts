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

/** Four numbers each may be four classes too: their names tell, or that one of them alone is a probability. */
function boxesAmong(fours: readonly HeadOutput[]): HeadOutput | undefined {
  const unlike = fours.filter(({ name }) => !scoreWords.test(name));
  if (unlike.length < 2) return unlike[0];
  const [known, ...more] = unlike.filter(({ name }) => /box|loc|coord|regress/i.test(name));
  if (known && more.length === 0) return known;
  const finishOf = (output: HeadOutput): string => joinedParts(output.parts(2))[0].finish;
  const none = unlike.filter((output) => finishOf(output) === "none");
  const sigmoids = unlike.filter((output) => finishOf(output) === "sigmoid");
  const hasSoftmax = none.length + sigmoids.length < unlike.length;
  // Beside a softmax boxes are plain; beside plain logits they are a transformer's sigmoids.
  const [found, ...others] = hasSoftmax ? [...none, ...sigmoids] : sigmoids;
  return others.length === 0 ? found : undefined;
}

/** The first two outputs that are `[1, N, 4]` and `[1, N, C]`. */
export function boxesBesideScores({ outputs }: HeadClues): BoxesBesideScores | undefined {
  const rows = outputs.filter(isRows);
  const boxes = boxesAmong(rows.filter(({ shape }) => shape[2] === 4));
  const peers = rows.filter((output) => output !== boxes && output.shape[1] === boxes?.shape[1]);
  // Key points may stand between them.
  const scores =
    peers.find((output) => joinedParts(output.parts(2))[0]?.finish !== "none") ??
    peers.find(({ name }) => scoreWords.test(name)) ??
    // What else the network says of each candidate may be anything.
    (peers.length === 1 ? peers[0] : undefined);
  return boxes && scores && { boxes, scores, count: boxes.shape[1], classes: scores.shape[2] };
}
