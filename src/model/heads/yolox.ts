import { candidatesOf, readingOf } from "./candidates";
import { type Decoder, type DecoderRequest, fromCentre, type HeadFamily, pyramid, stridesOf } from "./family";

/** YOLOX as its own exporter writes it: `[1, N, 5 + C]`, a row per place of three maps, the box not yet put there. */
export const yolox: HeadFamily = {
  name: "yolox",
  recognise(clues) {
    const found = candidatesOf(clues);
    const strides = found && stridesOf(clues.picture, found.count);
    if (!found?.isRaw || !strides) return undefined;
    const activation = found.isRawScore && ({ activation: "sigmoid" } as const);
    return { ...readingOf(found, clues), decode: "yolox", strides, ...activation };
  },
};

/** (x + place) · stride, e^width · stride: https://github.com/Megvii-BaseDetection/YOLOX, yolox/utils/demo_utils.py. */
export function decodeYolox({ option: { strides = [8, 16, 32] }, picture }: DecoderRequest): Decoder {
  const cells = pyramid(picture, strides);
  return {
    numbers: 4,
    anchors: cells.length,
    corners(box, anchor) {
      const { x, y, stride } = cells[anchor];
      return fromCentre(
        (box[0] + x) * stride,
        (box[1] + y) * stride,
        Math.exp(box[2]) * stride,
        Math.exp(box[3]) * stride,
      );
    },
  };
}
