import { effect, signal, untracked } from "@preact/signals";
import type { FeatureMaps, MapOrder, ProjectedUnit } from "../worker/protocol";
import { engine } from "./engine";
import { occasion, ready, readyNetwork } from "./question";
import { createRunner } from "./task";

export const openLayer = signal<string | undefined>(undefined);
export const order = signal<MapOrder>("strongest");
export const page = signal(0);
export const openUnit = signal<number | undefined>(undefined);
export const keep = signal<number>(1);
export const rule = signal<"deconvnet" | "guided" | "gradient">("deconvnet");

/** Maps per page. */
export const perPage = 36;

const mapsRunner = createRunner<FeatureMaps>({ keepLast: true });
export const featureMaps = mapsRunner.state;

const unitRunner = createRunner<ProjectedUnit>({ keepLast: true });
export const projected = unitRunner.state;

/** The layer that is opened first: the one CAM methods suggest, or the first with maps. */
function firstLayer(): string | undefined {
  const info = readyNetwork();
  return info?.camLayers[0] ?? info?.layers.find(({ maps }) => maps)?.name ?? info?.layers[0]?.name;
}

export function chooseLayer(layer: string): void {
  openLayer.value = layer;
  page.value = 0;
  openUnit.value = undefined;
}

/** Set by the tab, so that nothing is computed for a view that nobody sees. */
export const layersShown = signal(false);

effect(() => {
  occasion.value;
  if (!ready.value || !layersShown.value) return;
  const info = readyNetwork();
  untracked(() => {
    if (!info?.layers.some(({ name }) => name === openLayer.value)) {
      const first = firstLayer();
      if (first !== undefined) chooseLayer(first);
    }
  });
  const layer = openLayer.value;
  if (layer === undefined || !info?.layers.some(({ name }) => name === layer)) return;
  const [how, from] = [order.value, page.value * perPage];
  void mapsRunner.start(() => engine.featureMaps(layer, how, from, perPage));
});

effect(() => {
  occasion.value;
  const [layer, unit] = [openLayer.value, openUnit.value];
  if (!ready.value || !layersShown.value || layer === undefined || unit === undefined) {
    unitRunner.reset();
    return;
  }
  const options = { layer, unit, keep: keep.value, rule: rule.value };
  void unitRunner.start(() => engine.project(options));
});
