import { type Corners, type Decoder, type DecoderRequest, fromCentre } from "./family";

/** The sides that numbers are shares of. */
const sides = ({ option, picture: [height, width] }: DecoderRequest): readonly [number, number] =>
  option.units === "relative" ? [width, height] : [1, 1];

/** Centre and size. */
export function decodeCentre(request: DecoderRequest): Decoder {
  const [x, y] = sides(request);
  return {
    numbers: 4,
    corners: (box) => fromCentre(box[0] * x, box[1] * y, box[2] * x, box[3] * y),
    point: (point) => [point[0] * x, point[1] * y],
  };
}

/** Left, top, right, bottom. */
export function decodeCorners(request: DecoderRequest): Decoder {
  const [x, y] = sides(request);
  return {
    numbers: 4,
    corners: (box): Corners => [box[0] * x, box[1] * y, box[2] * x, box[3] * y],
    point: (point) => [point[0] * x, point[1] * y],
  };
}
