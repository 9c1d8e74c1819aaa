/** Maps drawn on one scale, so that the same colour is the same value in every picture of a method. */
import { entryOf } from "../guard";
import { type Heatmap, type HeatmapSource, heatmap } from "../view/heatmap";
import { type RawMap, rawMap } from "../view/raw-map";

/** The map with a value as its strongest colour. */
function onScale({ data, width, height, signed }: RawMap, largest: number, { placement }: HeatmapSource): Heatmap {
  const scaled = data.map((value) => (largest > 0 ? Math.min(1, Math.max(-1, value / largest)) : 0));
  return { data: scaled, width, height, signed, ...(placement && { placement }) };
}

/** What is drawn of each of several attributions, and the value of the strongest colour where they share one. */
export interface Scaled {
  /** Missing where the values have no places, or are not finite. */
  readonly map?: Heatmap;
  /** In the units of the values; missing where the map has its own scale. */
  readonly strongest?: number;
  /** The largest value of this map, in the same units. */
  readonly own?: number;
}

/** What is drawn, and by which network it was found. */
export type ScaledSource = HeatmapSource & { readonly recipe?: { readonly modelHash: string } };

/**
 * Attributions of one network by one method share a scale, whatever picture or target they are of. Of two networks they cannot: scores
 * of one say nothing of the other's.
 */
export function commonScale(attributions: readonly ScaledSource[]): readonly Scaled[] {
  const maps = attributions.map(rawMap);
  const strongest = new Map<string, number>();
  attributions.forEach((attribution, i) => {
    const map = maps[i];
    const key = scaleOf(attribution);
    if (map) strongest.set(key, Math.max(strongest.get(key) ?? 0, map.largest));
  });
  return attributions.map((attribution, i) => {
    const map = maps[i];
    if (!map) return { ...ownScale(attribution) };
    const shared = entryOf(strongest, scaleOf(attribution));
    return { map: onScale(map, shared, attribution), strongest: shared, own: map.largest };
  });
}

/** Which attributions have one scale. */
export const scaleOf = ({ method, recipe }: ScaledSource): string => `${method} ${recipe?.modelHash ?? ""}`;

/** Of signals and volumes, which are drawn as `heatmap` draws them. */
function ownScale(attribution: HeatmapSource): Scaled {
  const { data, shape } = attribution.values;
  if (shape.length < 3 || data.some((value) => !Number.isFinite(value))) return {};
  return { map: heatmap(attribution) };
}
