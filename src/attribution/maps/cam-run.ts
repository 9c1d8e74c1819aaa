/** What all class activation maps share: the layers asked for, and the result that their maps make. */
import { show, throwIfAborted } from "../../checks";
import { OptionError } from "../../errors";
import { resizeBilinear } from "../../image/resize";
import { boxLayer, camCandidates, camLayer } from "../../model/cam-layer";
import { inputSize } from "../../model/input-size";
import { hasPlaces, inputsSeen } from "../../model/inputs-seen";
import type { LayerMaps } from "../../model/layer-maps";
import { type LoadedModel, loaded } from "../../model/loaded-model";
import type { Input, Model } from "../../model/model";
import { resolveTarget } from "../../model/resolve-target";
import type { ScoredTarget } from "../../model/score";
import { type Note, note } from "../../notes";
import type { ValueName } from "../../operation/operation";
import { Tensor } from "../../tensor";
import { minMax } from "../../view/heatmap";
import type { Attribution, ExplainOptions } from "../attribution";
import { type Found, finishAttribution } from "../finish";
import { type ForwardPass, targetNotes } from "../gradients/gradient";
import { tokenNotes } from "../token-notes";

export interface CamOptions extends ExplainOptions {
  /** The layer whose maps are weighed; default: the last one whose maps have the picture's rows and columns (`inspect` ranks them). */
  readonly layer?: string;
  /**
   * Several layers in place of one, joined as pytorch-grad-cam's `target_layers`: the map of each is rectified, scaled to 0..1
   * and resized bilinearly to the input's size; the result is their mean, `[1, H, W, 1]`.
   */
  readonly layers?: readonly string[];
  /** Keeps only positive values, as the papers' pictures do; default false: raw and signed. Several layers always do. */
  readonly relu?: boolean;
}

/** A layer's maps: their grid, and the value they are. */
export interface CamLayer extends LayerMaps {
  readonly layer: string;
  readonly value: ValueName;
}

export interface CamRun {
  readonly model: LoadedModel;
  readonly input: Input;
  readonly options: CamOptions;
  readonly target: ScoredTarget;
  readonly data: Float32Array;
  readonly layers: readonly CamLayer[];
  /** The inputs that each layer's map stands at, where every input has a layer of its own. */
  readonly ofInputs?: readonly (readonly string[])[];
  /** The different values of the layers. */
  readonly values: readonly ValueName[];
}

/** @param find  the layer that a name stands for, or the method's default */
export function startCam(given: Model, input: Input, options: CamOptions, find = camLayer): CamRun {
  throwIfAborted(options.signal);
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const names = asked(options);
  const byInput = names[0] === undefined && find === camLayer ? layersByInput(model, target.value) : [];
  const layers = (byInput.length > 0 ? byInput.map(({ layer }) => layer) : names).map((name) => {
    const below = name === undefined ? (target.madeBy ?? target.value) : target.value;
    const isOpen = name === undefined && find === camLayer;
    const ofBox = isOpen && target.scoredAt ? boxLayer(model, target.scoredAt) : undefined;
    const { layer, value, maps } = ofBox ?? find(model, name, below);
    return { layer, value, ...maps };
  });
  const ofInputs = byInput.length > 0 && { ofInputs: byInput.map(({ inputs }) => inputs) };
  const values = [...new Set(layers.map(({ value }) => value))];
  return { model, input, options, target, data: model.prepare(input), layers, values, ...ofInputs };
}

/** The last layer with maps that sees each of several inputs: of two towers one each, of what they become together one for both. */
function layersByInput(
  model: LoadedModel,
  target: ValueName,
): { readonly layer: string; readonly inputs: readonly string[] }[] {
  const { inputs } = model.parts;
  if (inputs.length === 1) return [];
  const found = new Map<string, string[]>();
  for (const { name } of inputs.filter(hasPlaces)) {
    const [best] = camCandidates(model, target, name);
    if (best) found.set(best.layer, [...(found.get(best.layer) ?? []), name]);
  }
  return [...found].map(([layer, names]) => ({ layer, inputs: names }));
}

function asked({ layer, layers }: CamOptions): readonly (string | undefined)[] {
  if (layers === undefined) return [layer];
  if (!Array.isArray(layers) || layers.length === 0 || layers.some((name) => typeof name !== "string")) {
    throw new OptionError(
      `layers must be a list of at least one layer name, got ${show(layers)}. inspect(model).camLayers has candidates.`,
    );
  }
  if (layer !== undefined) {
    throw new OptionError(`Give either layer, for one, or layers, for several; both are there, layer "${layer}".`);
  }
  return layers;
}

/**
 * The result, from one map per layer.
 *
 * @param effect  what the maps come to in units of the score; default: the sum of their magnitudes
 */
export async function finishCam(
  { model, input, options, target, layers, ofInputs }: CamRun,
  method: string,
  { score, report }: ForwardPass,
  maps: readonly Float32Array[],
  notes: readonly Note[] = [],
  effect: Found["effect"] = Math.max(...maps.map((map) => map.reduce((sum, value) => sum + Math.abs(value), 0))),
): Promise<Attribution> {
  const [{ layer, height, width, extents }] = layers;
  const size = inputSize(model, inputsSeen(model, layers[0].value)[0].name);
  const several = options.layers && { layers: layers.map((each) => each.layer) };
  const [h, w, map] = several ? [size.height, size.width, meanMap(maps, layers, size)] : [height, width, maps[0]];
  if (several && extents.length > 2) {
    throw new OptionError("layers joins the maps of pictures, and these are volumes. Pass one, as the option layer.");
  }
  const tensor = (values: Float32Array, rows: number, columns: number): Tensor =>
    new Tensor(
      options.relu ? rectified(values) : values,
      extents.length > 2 ? [1, ...extents, 1] : [1, rows, columns, 1],
    );
  const values = tensor(map, h, w);
  const apart =
    ofInputs &&
    mapsByInput(ofInputs, layers, (i) => (i === 0 ? values : tensor(maps[i], layers[i].height, layers[i].width)));
  const shownMaps = apart ? maps : [map];
  return finishAttribution(model, input, {
    method,
    target: report,
    values,
    ...(several ?? { layer }),
    ...apart,
    effect,
    relative: true,
    notes: [
      ...targetNotes(model, options, score, target.value),
      ...tokenNotes(layers.map((maps) => ({ layer: maps.layer, maps }))),
      ...(shownMaps.every((each) => each.every((value) => value <= 0)) ? [note("all-negative-map")] : []),
      ...notes,
    ],
    options: { ...options, ...(several ?? (layers.length === 1 && { layer })) },
  });
}

function mapsByInput(
  ofInputs: readonly (readonly string[])[],
  layers: readonly CamLayer[],
  mapOf: (layer: number) => Tensor,
): Pick<Found, "byInput" | "layerByInput"> {
  const maps = layers.map((_, i) => mapOf(i));
  const each = <T>(list: readonly T[]): Record<string, T> =>
    Object.fromEntries(ofInputs.flatMap((names, i) => names.map((name) => [name, list[i]])));
  return { byInput: each(maps), layerByInput: each(layers.map(({ layer }) => layer)) };
}

const rectified = (map: Float32Array): Float32Array => map.map((value) => Math.max(value, 0));

function meanMap(
  maps: readonly Float32Array[],
  layers: readonly CamLayer[],
  { width, height }: { readonly width: number; readonly height: number },
): Float32Array {
  const sum = new Float64Array(width * height);
  maps.forEach((map, i) => {
    const pixels = { data: minMax(rectified(map)), width: layers[i].width, height: layers[i].height, channels: 1 };
    const resized = resizeBilinear(pixels, width, height, { antialias: false });
    for (let pixel = 0; pixel < sum.length; pixel++) sum[pixel] += resized[pixel];
  });
  return Float32Array.from(sum, (total) => total / maps.length);
}
