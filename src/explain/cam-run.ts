/** What all class activation maps share: the layers asked for, and the result that their maps make. */
import { show, throwIfAborted } from "../checks";
import { OptionError } from "../errors";
import { resizeBilinear } from "../image/resize";
import { camLayer } from "../model/cam-layer";
import { inputSize } from "../model/input-size";
import { type Input, type LoadedModel, loaded, type Model } from "../model/model";
import { resolveTarget, type ScoredTarget } from "../model/resolve-target";
import { type Note, note } from "../notes";
import { imageShape } from "../ops/layout";
import type { ValueName } from "../ops/operation";
import { Tensor } from "../tensor";
import { minMax } from "../view/heatmap";
import type { Attribution, ExplainOptions } from "./attribution";
import { type Found, finishAttribution } from "./finish";
import { type ForwardPass, targetNotes } from "./gradient";

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
export interface CamLayer {
  readonly layer: string;
  readonly value: ValueName;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

export interface CamRun {
  readonly model: LoadedModel;
  readonly input: Input;
  readonly options: CamOptions;
  readonly target: ScoredTarget;
  readonly data: Float32Array;
  readonly layers: readonly CamLayer[];
  /** The different values of the layers. */
  readonly values: readonly ValueName[];
}

/** @param find  the layer that a name stands for, or the method's default */
export function startCam(given: Model, input: Input, options: CamOptions, find = camLayer): CamRun {
  throwIfAborted(options.signal);
  const model = loaded(given);
  const target = resolveTarget(model, options.target);
  const layers = asked(options).map((name) => {
    const { layer, value } = find(model, name, target.value);
    const { h, w, c } = imageShape(model.shape(value));
    return { layer, value, height: h, width: w, channels: c };
  });
  const values = [...new Set(layers.map(({ value }) => value))];
  return { model, input, options, target, data: model.prepare(input), layers, values };
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
  { model, input, options, target, layers }: CamRun,
  method: string,
  { score, report }: ForwardPass,
  maps: readonly Float32Array[],
  notes: readonly Note[] = [],
  effect: Found["effect"] = Math.max(...maps.map((map) => map.reduce((sum, value) => sum + Math.abs(value), 0))),
): Promise<Attribution> {
  const size = inputSize(model);
  const [{ layer, height, width }] = layers;
  const several = options.layers && { layers: layers.map((each) => each.layer) };
  const [h, w, map] = several ? [size.height, size.width, meanMap(maps, layers, size)] : [height, width, maps[0]];
  return finishAttribution(model, input, {
    method,
    target: report,
    values: new Tensor(options.relu ? rectified(map) : map, [1, h, w, 1]),
    ...(several ?? { layer }),
    effect,
    relative: true,
    notes: [
      ...targetNotes(model, options, score, target.value),
      ...(map.every((value) => value <= 0) ? [note("all-negative-map")] : []),
      ...notes,
    ],
    options: { ...options, ...(several ?? { layer }) },
  });
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
