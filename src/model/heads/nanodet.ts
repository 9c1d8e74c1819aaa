import { meanDistance } from "./distances";
import { type Decoder, type DecoderRequest, type HeadFamily, joinedParts, pyramid, stridesOf } from "./family";

/** NanoDet-Plus: `[1, N, C + 4 (R + 1)]`, class scores, then for each side of the box a distribution over distances 0 to R. */
export const nanodet: HeadFamily = {
  name: "nanodet",
  recognise({ outputs, picture }) {
    for (const output of outputs) {
      const { shape, name } = output;
      if (shape.length !== 3 || shape[0] !== 1) continue;
      for (const axis of [2, 1]) {
        const strides = stridesOf(picture, shape[3 - axis]);
        const [scores, sides, more] = joinedParts(output.parts(axis));
        const fits = scores.finish === "sigmoid" && sides?.finish === "none" && sides.size % 4 === 0 && sides.size > 4;
        if (!strides || !fits || more) continue;
        return {
          boxes: name,
          layout: axis === 2 ? "rows" : "columns",
          decode: "nanodet",
          boxAt: scores.size,
          classAt: 0,
          classes: scores.size,
          strides,
        };
      }
    }
    return undefined;
  },
};

/**
 * Each side lies its mean distance · stride from the place, with places at whole multiples of the stride as https://github.com/RangiLyu/nanodet, nanodet_plus_head.py, has them.
 */
export function decodeNanodet({ option: { strides = [8, 16, 32, 64] }, picture, channels }: DecoderRequest): Decoder {
  const cells = pyramid(picture, strides);
  const steps = channels / 4;
  return {
    numbers: channels,
    anchors: cells.length,
    corners(numbers, anchor) {
      const { x, y, stride } = cells[anchor];
      const [left, top, right, bottom] = [0, 1, 2, 3].map(
        (side) => meanDistance(numbers, side * steps, steps) * stride,
      );
      return [x * stride - left, y * stride - top, x * stride + right, y * stride + bottom];
    },
  };
}
