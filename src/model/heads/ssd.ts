import { boxesBesideScores } from "./boxes-beside-scores";
import {
  type Decoder,
  type DecoderRequest,
  fromCentre,
  type HeadFamily,
  joinedParts,
  pyramid,
  writtenAs,
} from "./family";

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
    const [whole] = joinedParts(scores.parts(2));
    if (whole.finish !== "softmax" || whole.size !== classes || classes < 2) return undefined;
    const reading = {
      boxes: boxes.name,
      scores: scores.name,
      classAt: 0,
      classes,
      background: "first",
      units: "relative",
    } as const;
    if (boxes.madeBy(0) !== "Conv") return { ...reading, decode: writtenAs(boxes, 1) ?? "corners" };
    const priors = priorsOf(clues.picture, ultraFace.strides, ultraFace.sizes).length;
    return priors === count ? { ...reading, decode: "ssd", ...ultraFace } : undefined;
  },
};

/** The priors of RetinaFace, of both its backbones. */
const faces = {
  strides: [8, 16, 32],
  sizes: [
    [16, 32],
    [64, 128],
    [256, 512],
  ],
} as const;

/**
 * RetinaFace: offsets from priors `[1, N, 4]`, a softmax of nothing and face `[1, N, 2]`, five points `[1, N, 10]`. Deng et al. 2019,
 * https://arxiv.org/abs/1905.00641, as https://github.com/biubug6/Pytorch_Retinaface exports it.
 */
export const retinaFace: HeadFamily = {
  name: "retina-face",
  recognise(clues) {
    const found = boxesBesideScores(clues);
    if (!found) return undefined;
    const { boxes, scores, count, classes } = found;
    const [whole] = joinedParts(scores.parts(2));
    const fits = classes === 2 && boxes.madeBy(0) === "Conv";
    if (!fits || priorsOf(clues.picture, faces.strides, faces.sizes).length !== count) return undefined;
    const points = clues.outputs.find(
      ({ shape }) => shape.length === 3 && shape[0] === 1 && shape[1] === count && shape[2] === 10,
    );
    return {
      boxes: boxes.name,
      scores: scores.name,
      classAt: 0,
      classes,
      background: "first",
      activation: whole.finish === "softmax" ? "none" : "softmax",
      decode: "retina-face",
      ...faces,
      ...(points && { keypoints: { output: points.name, at: 0, count: 5, numbers: 2 } }),
    };
  },
};

/** The same without cutting the priors to the picture, and points relative to them as centres are. */
export const decodeRetinaFace = (request: DecoderRequest): Decoder => decodeByPriors(request, false);

/** Centre and side of the prior of every candidate, as shares of the picture, where it is asked cut to it. */
function priorsOf(
  picture: readonly [number, number],
  strides: readonly number[],
  sizes: readonly (readonly number[])[],
  isCut = true,
): (readonly [x: number, y: number, width: number, height: number])[] {
  const [height, width] = picture;
  const share = (value: number): number => (isCut ? Math.min(Math.max(value, 0), 1) : value);
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
export const decodeSsd = (request: DecoderRequest): Decoder => decodeByPriors(request, true);

function decodeByPriors({ option, picture }: DecoderRequest, isCut: boolean): Decoder {
  const { strides = [], sizes = [], variances = [0.1, 0.2] } = option;
  const priors = priorsOf(picture, strides, sizes, isCut);
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
    point(point, anchor) {
      const [x, y, w, h] = priors[anchor];
      return [(x + point[0] * near * w) * width, (y + point[1] * near * h) * height];
    },
  };
}
