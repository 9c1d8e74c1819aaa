import { type Decoder, type DecoderRequest, fromCentre, type HeadFamily, placeCount, pyramid } from "./family";

/** The places of MediaPipe's face detectors, of short range, full range and back camera: priors per place of each map, all of the same size. */
const layouts = [
  { strides: [8, 16], priors: [2, 6] },
  { strides: [4], priors: [1] },
  { strides: [16, 32], priors: [2, 6] },
] as const;

const countOf = ({ strides, priors }: (typeof layouts)[number], picture: readonly [number, number]): number =>
  strides.reduce((sum, stride, i) => sum + priors[i] * placeCount(picture, stride), 0);

/**
 * MediaPipe's face detectors, short and full range: `[1, N, 16]`, box and six key points in pixels from a place's centre, beside a
 * logit `[1, N, 1]`. Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047.
 */
export const blazeFace: HeadFamily = {
  name: "blaze-face",
  recognise({ outputs, picture }) {
    const rows = outputs.filter(({ shape }) => shape.length === 3 && shape[0] === 1);
    const boxes = rows.find(({ shape }) => shape[2] === 16);
    const scores = rows.find(({ shape }) => shape[2] === 1 && shape[1] === boxes?.shape[1]);
    const layout = layouts.find((each) => countOf(each, picture) === boxes?.shape[1]);
    if (!boxes || !scores || !layout) return undefined;
    return {
      boxes: boxes.name,
      scores: scores.name,
      layout: "rows",
      decode: "blaze-face",
      classAt: 0,
      classes: 1,
      activation: scores.parts(2)[0]?.finish === "sigmoid" ? "none" : "sigmoid",
      strides: layout.strides,
      sizes: layout.priors.map((count) => Array.from({ length: count }, () => 1)),
      keypoints: { at: 4, count: 6, numbers: 2 },
    };
  },
};

/** Offsets in pixels from the centre of the place, and a size in pixels. */
export function decodeBlazeFace({ option: { strides = [], sizes = [] }, picture }: DecoderRequest): Decoder {
  const places = pyramid(picture, strides).flatMap(({ x, y, stride, level }) =>
    (sizes[level] ?? []).map(() => [(x + 0.5) * stride, (y + 0.5) * stride] as const),
  );
  return {
    numbers: 4,
    anchors: places.length,
    corners(box, anchor) {
      const [x, y] = places[anchor];
      return fromCentre(x + box[0], y + box[1], box[2], box[3]);
    },
    point(point, anchor) {
      const [x, y] = places[anchor];
      return [x + point[0], y + point[1]];
    },
  };
}
