import { boxesBesideScores } from "./boxes-beside-scores";
import { type Decoder, type DecoderRequest, fromCentre, type HeadFamily, joined, pyramid } from "./family";

/** The priors of Ultra-Light-Fast-Generic-Face-Detector, the one network whose files leave the decoding out and whose priors are fixed. */
const ultraFace = {
  strides: [8, 16, 32, 64],
  sizes: [
    [10, 16, 24],
    [32, 48],
    [64, 96],
    [128, 192, 256],
  ],
} as const;

/** SSD and UltraFace: boxes `[1, N, 4]` as shares of the picture beside scores `[1, N, 1 + C]`, the first of them nothing. */
export const ssd: HeadFamily = {
  name: "ssd",
  recognise(clues) {
    const found = boxesBesideScores(clues);
    if (!found) return undefined;
    const { boxes, scores, count, classes } = found;
    const [whole] = joined(scores.parts(2));
    if (whole.finish !== "softmax" || whole.size !== classes || classes < 2) return undefined;
    const reading = {
      boxes: boxes.name,
      scores: scores.name,
      classAt: 0,
      classes,
      background: "first",
      units: "relative",
    } as const;
    if (boxes.madeBy(0) !== "Conv") return { ...reading, decode: "corners" };
    const priors = priorsOf(clues.picture, ultraFace.strides, ultraFace.sizes).length;
    return priors === count ? { ...reading, decode: "ssd", ...ultraFace } : undefined;
  },
};

/** Centre and side of the prior of every candidate, as shares of the picture, cut to it. */
function priorsOf(
  picture: readonly [number, number],
  strides: readonly number[],
  sizes: readonly (readonly number[])[],
): (readonly [x: number, y: number, width: number, height: number])[] {
  const [height, width] = picture;
  const share = (value: number): number => Math.min(Math.max(value, 0), 1);
  return pyramid(picture, strides).flatMap(({ x, y, stride, level }) =>
    (sizes[level] ?? []).map(
      (size) =>
        [
          share(((x + 0.5) * stride) / width),
          share(((y + 0.5) * stride) / height),
          share(size / width),
          share(size / height),
        ] as const,
    ),
  );
}

/** Offsets from priors: Liu et al. 2016, https://arxiv.org/abs/1512.02325, with the variances of its code. */
export function decodeSsd({ option, picture }: DecoderRequest): Decoder {
  const { strides = [], sizes = [], variances = [0.1, 0.2] } = option;
  const priors = priorsOf(picture, strides, sizes);
  const [height, width] = picture;
  const [near, far] = variances;
  return {
    numbers: 4,
    anchors: priors.length,
    corners(box, anchor) {
      const [x, y, w, h] = priors[anchor];
      return fromCentre(
        (x + box[0] * near * w) * width,
        (y + box[1] * near * h) * height,
        w * Math.exp(box[2] * far) * width,
        h * Math.exp(box[3] * far) * height,
      );
    },
  };
}
