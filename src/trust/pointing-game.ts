import { atLeastZero, checkOptions } from "../checks";
import { guarded } from "../guard";
import type { Heatmap } from "../view/heatmap";
import { heatmapOfJudged, type JudgedMap, methodOf } from "./judged-map";
import { dilatedRegion, type ObjectRegion, regionPixels } from "./region";

export interface PointingGameOptions {
  /** How far from the region the point may lie, in pixels of the network's input; default 15 for 224, in proportion for others. */
  readonly tolerance?: number;
}

export interface PointingGame {
  /** What made the map. */
  readonly method: string;
  /** True if the map's highest value lies in the region or at most `tolerance` away from it. */
  readonly hit: boolean;
  /**
   * The pixel of the highest value, the first of several, in pixels of what the region is in; null where the map has no positive
   * value: that is no hit.
   */
  readonly point: { readonly x: number; readonly y: number } | null;
  /** From the point to the nearest pixel of the region, in pixels of the network's input, 0 inside; null without a point. */
  readonly distance: number | null;
  readonly tolerance: number;
  /** How likely a point anywhere in the input is a hit: the share of pixels that are near enough. */
  readonly chance: number;
}

/**
 * Pointing game: does the highest value of a map lie on the object?
 *
 * Zhang et al. 2016 (Excitation Backprop), https://arxiv.org/abs/1608.00507, section 4.1: 15 pixels of tolerance. The accuracy of a
 * method is its share of hits over many images; compare it with `chance` and with the centre of `controlHeatmaps`, because
 * photographers put objects there. (TorchRay's `PointingGame` counts distances below the tolerance, here it is included.)
 *
 * @param map     an attribution, or a heatmap at the size of the network's input
 * @param region  where the object is, in pixels of the picture that was explained, or of the network's input where that was a Tensor
 * @throws {OptionError} if the region has no pixel or the tolerance is out of range; {ShapeError} if a mask has another size
 * @example
 * const { hit, chance } = pointingGame(await gradCam(model, image), { x: 42, y: 5, width: 36, height: 27 });
 */
export function pointingGame(map: JudgedMap, region: ObjectRegion, options: PointingGameOptions = {}): PointingGame {
  return guarded("pointingGame", () => {
    checkOptions("pointingGame", options, ["tolerance"]);
    const heatmap = heatmapOfJudged(map);
    const { data, width, height } = heatmap;
    const side = height === 1 ? width : Math.min(width, height);
    const tolerance = atLeastZero("tolerance", options.tolerance ?? (15 * side) / 224);
    const pixels = regionPixels(region, heatmap);
    let best = 0;
    for (let i = 1; i < data.length; i++) if (data[i] > data[best]) best = i;
    const point = data[best] > 0 ? { x: best % width, y: Math.floor(best / width) } : null;
    const near = dilatedRegion(pixels, { width, height }, tolerance);
    const distance = point && nearest(pixels, width, point);
    return {
      method: methodOf(map),
      hit: distance !== null && distance <= tolerance,
      point: point && inPicture(point, heatmap),
      distance,
      tolerance,
      chance: near.reduce((sum, inside) => sum + inside, 0) / near.length,
    };
  });
}

/** The pixel of the picture under the centre of one of the map; one beside the picture stays beside it. */
function inPicture({ x, y }: NonNullable<PointingGame["point"]>, { width, height, placement }: Heatmap) {
  if (!placement) return { x, y };
  const { region } = placement;
  return {
    x: Math.floor(region.x + ((x + 0.5) * region.width) / width),
    y: Math.floor(region.y + ((y + 0.5) * region.height) / height),
  };
}

function nearest(pixels: Uint8Array, width: number, { x, y }: { readonly x: number; readonly y: number }): number {
  let least = Number.POSITIVE_INFINITY;
  pixels.forEach((inside, i) => {
    if (inside) least = Math.min(least, ((i % width) - x) ** 2 + (Math.floor(i / width) - y) ** 2);
  });
  return Math.sqrt(least);
}
