import { isUint8Array } from "../bytes";
import { checkBag, checkOptions, iterable, show } from "../checks";
import { InputError, LayerError, OptionError, ShapeError } from "../errors";
import { entryOf, guardedAsync, theirItems, theirs } from "../guard";
import { resizeBilinear } from "../image/resize";
import { unitList } from "../model/intervention-edits";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { imageShape } from "../operation/layout";
import { createPace } from "../pace/pace";
import { showShape, type Tensor } from "../tensor";

/** Inputs of one network: images, tensors, latents of a generator. Each is read when its turn comes, not before. */
export type Samples = Iterable<Input> | AsyncIterable<Input>;

/**
 * The places that a unit is compared with, one byte each, row-major, at the size of the network's output where that is a
 * map and of its input where it is not: the same for all samples, or what a function finds in a sample's output.
 */
export type Region = Uint8Array | ((output: Tensor, sample: number) => Uint8Array);

export interface DissectOptions {
  readonly layer: string;
  readonly region: Region;
  /** Share of all places of all samples at which a unit counts as active, the strongest; default 0.01. */
  readonly quantile?: number;
  /** Units to look at; default: all of the layer. */
  readonly units?: number | readonly number[];
  readonly signal?: AbortSignal;
  /** `total` is Infinity where the samples are a stream. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How far the places where a unit is active are those of the region. */
export interface UnitAgreement {
  readonly unit: number;
  /** Places in both, divided by places in either, over all samples: 1 where they are the same. */
  readonly iou: number;
  /** The activation from which the unit counts as active. */
  readonly threshold: number;
}

export interface Dissection {
  readonly layer: string;
  readonly quantile: number;
  readonly samples: number;
  /** Every unit, best agreement first. */
  readonly units: readonly UnitAgreement[];
}

/**
 * Network dissection: which unit of a layer stands for a region, a stroke or an object?
 *
 *   IoU(u) = Σ |active(u) ∧ region| / Σ |active(u) ∨ region|        active(u): the unit's upsampled map reaches its top quantile
 *
 * Bau et al. 2017, https://arxiv.org/abs/1704.05796, section 2.2 (quantile 0.005); for generators Bau et al. 2019 (GAN
 * Dissection), https://arxiv.org/abs/1811.10597, section 3.1. Maps are upsampled bilinearly with half-pixel centres, and
 * the quantile is that of the upsampled maps, so that a stroke one place wide is not lost. A unit whose threshold is its
 * least value, because it is silent nearly everywhere, is active above it. Agreement is no cause: `unitEffects` asks what
 * happens without the unit. The layer's maps of all samples stay in memory while it runs.
 *
 * @throws {LayerError} if the layer is unknown or has no maps; {ShapeError} if a region has another size
 * @throws {OptionError} if an option is out of range; {InputError} if there is no sample
 * @example
 * const { units } = await dissect(generator, latents, { layer: "relu2", region: mask });
 */
export async function dissect(given: Model, samples: Samples, options: DissectOptions): Promise<Dissection> {
  return guardedAsync("dissect", async () => {
    checkBag("dissect", options, []);
    checkOptions("dissect", options, ["layer", "region", "quantile", "units", "signal", "onProgress"]);
    const { layer, region, quantile = 0.01 } = options;
    if (!(typeof quantile === "number" && quantile > 0 && quantile < 1))
      throw new OptionError(`quantile lies between 0 and 1, got ${show(quantile)}.`);
    iterable("samples", samples, "inputs");
    const model = loadedAlone(given, "dissect");
    const value = model.valueOf(layer);
    const { rows: h, columns: w, channels, places, offsets } = model.unitAxis(value);
    if (model.shape(value).length < 3 || h * w <= 1) {
      throw new LayerError(
        `Layer "${layer}" (${showShape(model.shape(value))}) has no maps larger than 1×1, so its units are at no place. ` +
          "unitEffects measures units of any layer.",
      );
    }
    const units = unitList(options.units, channels, `layer "${layer}"`);
    const grid = regionGrid(model);
    const pace = createPace(options, Array.isArray(samples) ? samples.length : Number.POSITIVE_INFINITY);
    const maps: Float32Array[] = [];
    const regions: Uint8Array[] = [];
    for await (const sample of theirItems(samples, options.signal)) {
      const { result } = model.parts;
      const pass = { data: model.prepare(sample), keep: [...new Set([value, result])] };
      const { values } = await model.watchedPass(pass, options.signal);
      const output = model.tensor(result, entryOf(values, result));
      regions.push(
        checkRegion(typeof region === "function" ? theirs(() => region(output, maps.length)) : region, grid),
      );
      maps.push(entryOf(values, value));
      await pace.step(maps.length);
    }
    if (maps.length === 0) throw new InputError("dissect got no samples: give at least one input of the network.");
    const agreements: UnitAgreement[] = [];
    for (const unit of units) {
      const planes = maps.map((map) => {
        const data = Float32Array.from({ length: h * w }, (_, place) => map[places[place] + offsets[unit]]);
        return resizeBilinear({ data, width: w, height: h, channels: 1 }, grid.w, grid.h, { antialias: false });
      });
      const active = topQuantile(planes, quantile);
      let [both, either] = [0, 0];
      planes.forEach((plane, sample) => {
        plane.forEach((activation, place) => {
          const [inUnit, inRegion] = [active.includes(activation), regions[sample][place] !== 0];
          both += Number(inUnit && inRegion);
          either += Number(inUnit || inRegion);
        });
      });
      agreements.push({ unit, iou: either === 0 ? 0 : both / either, threshold: active.threshold });
      await pace.pause();
    }
    return {
      layer,
      quantile,
      samples: maps.length,
      units: agreements.sort((a, b) => b.iou - a.iou || a.unit - b.unit),
    };
  });
}

/** The threshold that a share of all places reaches, and whether a value does. */
function topQuantile(
  planes: readonly Float32Array[],
  quantile: number,
): { threshold: number; includes: (value: number) => boolean } {
  const all = new Float32Array(planes.length * planes[0].length);
  planes.forEach((plane, i) => void all.set(plane, i * plane.length));
  all.sort();
  const threshold = all[Math.max(0, all.length - Math.max(1, Math.round(quantile * all.length)))];
  const includes = threshold > all[0] ? (value: number) => value >= threshold : (value: number) => value > threshold;
  return { threshold, includes };
}

/** Rows and columns of what regions lie on. */
function regionGrid(model: LoadedModel): { h: number; w: number } {
  const { rows, columns } = model.parts.resultAxis;
  return rows * columns > 1 ? { h: rows, w: columns } : imageShape(model.shape(model.fast.input));
}

function checkRegion(region: unknown, { h, w }: { h: number; w: number }): Uint8Array {
  if (isUint8Array(region) && region.length === h * w) return region;
  const got = isUint8Array(region) ? `${region.length} bytes` : typeof region;
  throw new ShapeError(`A region takes one byte for each of ${h}×${w} pixels, row-major, got ${got}.`);
}
