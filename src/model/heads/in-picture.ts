import type { Placement } from "../../image/placement";
import type { Corners } from "./family";

/** From pixels of the network's input to those of the picture. */
export function inputToPicture([left, top, right, bottom]: Corners, placement: Placement | undefined): Corners {
  if (!placement) return [left, top, right, bottom];
  const { region, input } = placement;
  const [scaleX, scaleY] = [region.width / input.width, region.height / input.height];
  return [region.x + left * scaleX, region.y + top * scaleY, region.x + right * scaleX, region.y + bottom * scaleY];
}
