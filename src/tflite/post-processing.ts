import type { FileModel, FileOperator } from "./schema";

/** What comes behind a network and gives integers that depend on the picture, which have no gradient. */
const ends: ReadonlySet<string> = new Set(
  "TFLite_Detection_PostProcess ARG_MAX ARG_MIN TOPK_V2 NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5".split(" "),
);

const weighted = /CONV|FULLY_CONNECTED|MATMUL|LSTM|RNN|SVDF|^Convolution/;

export interface Trimmed {
  readonly operators: readonly FileOperator[];
  readonly outputs: readonly number[];
  /** Names of the operators that were cut off. */
  readonly cut: readonly string[];
}

/**
 * Cuts off what post-processes: the outputs of the network are then what it reads. Where a layer with weights comes behind, it is part of
 * the network and stays.
 */
export function withoutPostProcessing({ operators, outputs, tensors }: FileModel): Trimmed {
  const behind = new Set<number>();
  const gone = new Set<FileOperator>();
  const computed = new Set(operators.flatMap((operator) => operator.outputs));
  /** Results of the network that are read behind it, scores first. */
  const read: number[] = [];
  for (const operator of operators) {
    const { op, inputs } = operator;
    if (!ends.has(op) && !inputs.some((input) => behind.has(input))) continue;
    gone.add(operator);
    if (weighted.test(op)) return { operators, outputs, cut: [] };
    for (const output of operator.outputs) behind.add(output);
    // The detection's post-processing reads boxes, scores and anchors.
    const ordered = op === "TFLite_Detection_PostProcess" ? [inputs[1], inputs[0]] : inputs;
    for (const input of ordered)
      if (computed.has(input) && !behind.has(input) && tensors[input]?.type !== "int32") read.push(input);
  }
  if (gone.size === 0 || !outputs.some((output) => behind.has(output))) return { operators, outputs, cut: [] };
  const kept = outputs.flatMap((output) => (behind.has(output) ? [] : [output]));
  const firstGone = outputs.findIndex((output) => behind.has(output));
  const all = firstGone === 0 ? [...read, ...kept] : [...kept, ...read];
  const cut = operators.filter((operator) => gone.has(operator) && ends.has(operator.op)).map(({ op }) => op);
  return {
    operators: operators.filter((operator) => !gone.has(operator)),
    outputs: [...new Set(all)],
    cut: [...new Set(cut)],
  };
}
