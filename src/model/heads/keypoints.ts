import type { Placement } from "../../image/placement";
import type { Keypoint } from "../detection";
import type { Head, HeadValues } from "./head";
import { inputToPicture } from "./in-picture";

/** The key points of a candidate, in pixels of the picture. */
export function keypointsAt(
  head: Head,
  values: HeadValues,
  anchor: number,
  placement: Placement | undefined,
): readonly Keypoint[] {
  const { keypoints: channels, option } = head;
  if (!channels || !option.keypoints) return [];
  const { at, count, numbers } = option.keypoints;
  const data = values(channels.output.value);
  return Array.from({ length: count }, (_, k) => {
    const [first, second, seen] = Array.from(
      { length: numbers },
      (__, i) => data[channels.offset(anchor, at + numbers * k + i)],
    );
    const [x, y] = pointInPicture(head, [first, second], anchor, placement);
    return { x, y, ...(numbers === 3 && { score: seen }) };
  });
}

/** One of them from its two numbers. */
export function pointInPicture(
  head: Head,
  numbers: ArrayLike<number>,
  anchor: number,
  placement: Placement | undefined,
): readonly [x: number, y: number] {
  const [x, y] = head.point(numbers, anchor);
  const [left, top] = inputToPicture([x, y, x, y], placement);
  return [left, top];
}
