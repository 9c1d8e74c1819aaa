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

/** Top, left, bottom, right, as TensorFlow writes them. */
export function decodeCornersTopFirst(request: DecoderRequest): Decoder {
  const [x, y] = sides(request);
  return {
    numbers: 4,
    corners: (box): Corners => [box[1] * x, box[0] * y, box[3] * x, box[2] * y],
    point: (point) => [point[1] * x, point[0] * y],
  };
}
