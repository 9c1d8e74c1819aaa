import type { Placement } from "../../image/placement";
import type { Rectangle } from "../../image/resize";
import type { Corners } from "./family";

export const edgesOf = ({ x, y, width, height }: Rectangle): Corners => [x, y, x + width, y + height];

/** From pixels of the network's input to those of the picture. */
export function inputToPicture([left, top, right, bottom]: Corners, placement: Placement | undefined): Corners {
  if (!placement) return [left, top, right, bottom];
  const { region, input } = placement;
  const [scaleX, scaleY] = [region.width / input.width, region.height / input.height];
  return [region.x + left * scaleX, region.y + top * scaleY, region.x + right * scaleX, region.y + bottom * scaleY];
}

/** From pixels of the picture to those of the network's input. */
export function pictureToInput([left, top, right, bottom]: Corners, placement: Placement | undefined): Corners {
  if (!placement) return [left, top, right, bottom];
  const { region, input } = placement;
  const [scaleX, scaleY] = [input.width / region.width, input.height / region.height];
  return [
    (left - region.x) * scaleX,
    (top - region.y) * scaleY,
    (right - region.x) * scaleX,
    (bottom - region.y) * scaleY,
  ];
}
