import { placement } from "../image/placement";
import type { Preprocess } from "../image/preprocess-options";
import { type Rectangle, sourceSpan } from "../image/resize";

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The pixels of a picture that a rectangle of the network's input is made of: back through the crop and the resampling,
 * whose filter reaches a little beyond each input pixel. Clipped at the picture's border.
 */
export function pictureRectangle(field: Rectangle, input: Size, picture: Size, fit: Preprocess["fit"]): Rectangle {
  if (picture.width === input.width && picture.height === input.height) return field;
  const region = placement(picture, input, fit);
  const [left, right] = pictureSpan(field.x, field.width, input.width, region.x, region.width, picture.width, fit);
  const [top, bottom] = pictureSpan(field.y, field.height, input.height, region.y, region.height, picture.height, fit);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function pictureSpan(
  from: number,
  count: number,
  inputs: number,
  start: number,
  length: number,
  extent: number,
  fit: Preprocess["fit"],
): readonly [number, number] {
  // Input pixels whose centre lies beside the picture have the colour of the border and show nothing of it.
  const shows = (i: number): boolean => {
    const centre = start + ((i + 0.5) * length) / inputs;
    return fit !== "pad" || (centre >= 0 && centre < extent);
  };
  let [first, end] = [from, from + count];
  while (first < end && !shows(first)) first++;
  while (first < end && !shows(end - 1)) end--;
  if (first === end) return [0, 0];
  return sourceSpan([first, end], extent, start, length, inputs);
}
