import type { AuditKey } from "../audit/types";
import type { ImageLike } from "../image/image";
import { placementOf } from "../image/placement";
import { resizeBilinear } from "../image/resize";
import type { Heatmap } from "../view/heatmap";
import { heatmapImage, overlay } from "../view/overlay";
import { fitted } from "./picture-text";

/** What the colours of small maps say. */
export const smallMapColours =
  "In the maps red is where most of what speaks for the answer lies, dark blue where nothing does; each map's own strongest place is red.";

/** A small map at the size of the network's input, its own strongest place in the strongest colour. */
export function enlargedMap(map: readonly number[], grid: number, { width, height }: AuditKey["input"]): Heatmap {
  const largest = map.reduce((most, value) => Math.max(most, value), 0) || 1;
  const small = Float32Array.from(map, (value) => Math.max(0, value) / largest);
  const data = resizeBilinear({ data: small, width: grid, height: grid, channels: 1 }, width, height, {
    antialias: false,
  });
  return { data, width, height, signed: false };
}

/** The picture with its small map over it; without the picture the map alone. */
export function drawSmallMap(
  photo: ImageLike | undefined,
  values: readonly number[],
  grid: number,
  input: AuditKey["input"],
  side: number,
): ImageLike {
  const map = enlargedMap(values, grid, input);
  if (!photo) return fitted(heatmapImage(map), side);
  return overlay(fitted(photo, side), { ...map, placement: placementOf(photo, input, input.fit) });
}
