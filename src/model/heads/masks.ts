/** Instance masks: coefficients of a candidate times prototypes that all of them share. */
import { OptionError, TargetError } from "../../errors";
import { memoryStrides } from "../../operation/layout";
import { showShape } from "../../tensor";
import type { Detection, InstanceMask } from "../detection";
import type { Corners, HeadOutput } from "./family";
import type { Channels, Head, HeadValues, MaskChannels } from "./head";
import { edgesOf, inputToPicture, pictureToInput } from "./in-picture";

/** @throws {OptionError} if the prototypes are no maps, or there are not as many coefficients */
export function maskChannels(coefficients: Channels, at: number, prototypes: HeadOutput): MaskChannels {
  const { shape, name } = prototypes;
  if (shape.length !== 4 || shape[0] !== 1) {
    throw new OptionError(`head.masks.prototypes: maps [1, K, h, w] are expected, "${name}" is ${showShape(shape)}.`);
  }
  const [, count, rows, columns] = shape;
  if (at + count > coefficients.channels) {
    throw new OptionError(
      `head.masks: the ${count} prototypes of "${name}" take channels ${at} to ${at + count - 1}, "${coefficients.output.name}" ` +
        `(${showShape(coefficients.output.shape)}) has ${coefficients.channels}.`,
    );
  }
  return { coefficients, at, prototypes, extents: [count, rows, columns] };
}

/**
 * The places of the prototypes that lie in a box, as YOLO's own cutting has them: from the column at or right of its left edge to the last
 * one left of its right edge, rows likewise. https://github.com/ultralytics/ultralytics, utils/ops.py, crop_mask.
 *
 * @throws {TargetError} if none does
 */
export function placesInBox(
  { extents: [, rows, columns] }: MaskChannels,
  { box, placement }: Pick<Detection, "box" | "placement">,
  [height, width]: readonly [number, number],
): readonly number[] {
  const [left, top, right, bottom] = pictureToInput(edgesOf(box), placement);
  const across = placesBetween(left, right, columns, width);
  const places = placesBetween(top, bottom, rows, height).flatMap((y) => across.map((x) => y * columns + x));
  if (places.length > 0) return places;
  throw new TargetError(
    `The detection's box holds no place of the masks, of which the network has ${rows}×${columns}: there is nothing of a mask to explain.`,
  );
}

/** Σ over places of Σ over prototypes, coefficient · prototype. */
export function maskScore(masks: MaskChannels, values: HeadValues, anchor: number, places: readonly number[]): number {
  const { coefficients, at, prototypes, extents } = masks;
  const own = values(coefficients.output.value);
  const maps = values(prototypes.value);
  const [, channelStride, rowStride, columnStride] = memoryStrides(prototypes.shape);
  const columns = extents[2];
  let sum = 0;
  for (let k = 0; k < extents[0]; k++) {
    let inside = 0;
    for (const place of places) {
      inside += maps[k * channelStride + Math.floor(place / columns) * rowStride + (place % columns) * columnStride];
    }
    sum += own[coefficients.offset(anchor, at + k)] * inside;
  }
  return sum;
}

/** @throws {TargetError} if the head has none */
export function masksOf({ masks }: Head): MaskChannels {
  if (masks) return masks;
  throw new TargetError('of: "mask" is of detectors with instance masks, and this head has none.');
}

/** The values that the masks of a head are made of. */
export const maskValues = ({ coefficients, prototypes }: MaskChannels): readonly string[] => [
  coefficients.output.value,
  prototypes.value,
];

/** σ(Σ coefficient · prototype) at the places in a box; undefined where there are none. */
export function maskAt(
  masks: MaskChannels,
  values: HeadValues,
  anchor: number,
  corners: Corners,
  { picture: [height, width], placement }: Pick<Head, "picture"> & Pick<Detection, "placement">,
): InstanceMask | undefined {
  const { coefficients, at, prototypes, extents } = masks;
  const [count, rows, columns] = extents;
  const own = values(coefficients.output.value);
  const maps = values(prototypes.value);
  const [, channelStride, rowStride, columnStride] = memoryStrides(prototypes.shape);
  const [left, top, right, bottom] = corners;
  const across = placesBetween(left, right, columns, width);
  const down = placesBetween(top, bottom, rows, height);
  if (across.length === 0 || down.length === 0) return undefined;
  const data = new Float32Array(across.length * down.length);
  for (const [i, y] of down.entries()) {
    for (const [j, x] of across.entries()) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        sum += own[coefficients.offset(anchor, at + k)] * maps[k * channelStride + y * rowStride + x * columnStride];
      }
      data[i * across.length + j] = 1 / (1 + Math.exp(-sum));
    }
  }
  const [x, y, endX, endY] = inputToPicture(
    [
      (across[0] * width) / columns,
      (down[0] * height) / rows,
      ((across[0] + across.length) * width) / columns,
      ((down[0] + down.length) * height) / rows,
    ],
    placement,
  );
  return {
    data,
    width: across.length,
    height: down.length,
    region: { x, y, width: endX - x, height: endY - y },
  };
}

/** The rows or columns of the prototypes from one edge to the other. */
const placesBetween = (from: number, to: number, count: number, extent: number): number[] =>
  Array.from({ length: count }, (_, at) => at).filter(
    (at) => at >= (from * count) / extent && at < (to * count) / extent,
  );
