import { guarded } from "../guard";
import { heatmapOfJudged, type JudgedMap, methodOf } from "./judged-map";
import { type ObjectRegion, regionPixels } from "./region";

export interface EnergyPointingGame {
  /** What made the map. */
  readonly method: string;
  /** Share of the map's positive values that lies in the region, 0 to 1; 0 where there are none. */
  readonly energy: number;
  /** Share of the input that the region covers: the energy of a map that is the same everywhere. */
  readonly area: number;
}

/**
 * Energy-based pointing game: how much of what a map shows lies on the object?
 *
 *   energy = Σ_region max(L, 0) / Σ max(L, 0)
 *
 * Wang et al. 2020 (Score-CAM), https://arxiv.org/abs/1910.01279, section 4.3; Arras et al. 2022 call it relevance mass accuracy.
 *
 * @param map     an attribution, or a heatmap at the size of the network's input
 * @param region  where the object is, in pixels of the picture that was explained, or of the network's input where that was a Tensor
 * @throws {OptionError} if the region has no pixel; {ShapeError} if a mask has another size
 * @example
 * const { energy, area } = energyPointingGame(await gradCam(model, image), { x: 42, y: 5, width: 36, height: 27 });
 */
export function energyPointingGame(map: JudgedMap, region: ObjectRegion): EnergyPointingGame {
  return guarded("energyPointingGame", () => {
    const heatmap = heatmapOfJudged(map);
    const { data } = heatmap;
    const pixels = regionPixels(region, heatmap);
    let [inside, total, covered] = [0, 0, 0];
    data.forEach((value, i) => {
      total += Math.max(value, 0);
      inside += pixels[i] * Math.max(value, 0);
      covered += pixels[i];
    });
    return { method: methodOf(map), energy: total > 0 ? inside / total : 0, area: covered / data.length };
  });
}
