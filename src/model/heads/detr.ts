import { boxesBesideScores } from "./boxes-beside-scores";
import { type HeadFamily, joinedParts } from "./family";

/**
 * DETR and RT-DETR: class logits `[1, N, C + 1]` or `[1, N, C]` beside boxes `[1, N, 4]` through a sigmoid: centre and size as shares of
 * the picture. Carion et al. 2020, https://arxiv.org/abs/2005.12872: a softmax, the last class is nothing; of RT-DETR
 * (https://arxiv.org/abs/2304.08069) a sigmoid each. Which of the two, the number of labels tells, else whether queries are picked by their
 * scores, which only what has sigmoids does, else the number of queries: RT-DETR and its kin have three hundred.
 */
export const detr: HeadFamily = {
  name: "detr",
  recognise(clues) {
    const found = boxesBesideScores(clues);
    if (!found) return undefined;
    const { boxes, scores, count, classes } = found;
    const [box] = joinedParts(boxes.parts(2));
    if (box.finish !== "sigmoid" || box.size !== 4) return undefined;
    const [whole] = joinedParts(scores.parts(2));
    const reading = {
      boxes: boxes.name,
      scores: scores.name,
      decode: "center",
      units: "relative",
      classAt: 0,
      classes,
      suppressed: true,
    } as const;
    const { labels, graph } = clues;
    const picks = graph.nodes.some(({ op }) => op === "TopK");
    const isSoftmax = labels ? labels === classes - 1 : !picks && count < 300;
    const hasSoftmax = whole.finish === "softmax" || (whole.finish === "none" && isSoftmax);
    if (hasSoftmax) {
      return { ...reading, background: "last", activation: whole.finish === "softmax" ? "none" : "softmax" };
    }
    return { ...reading, activation: whole.finish === "sigmoid" ? "none" : "sigmoid" };
  },
};
