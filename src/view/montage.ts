import { isFloat32Array } from "../bytes";
import { checkOptions, kindOf, show, wholeNumber } from "../checks";
import { InputError, OptionError } from "../errors";
import { guardedAsync } from "../guard";
import type { PictureData } from "../image/image";
import { showShape, type Tensor } from "../tensor";
import { contactGrid } from "./contact-grid";
import { type Heatmap, type HeatmapSource, heatmapOf } from "./heatmap";
import { type OverlayOptions, overlay } from "./overlay";
import { resizeNearest } from "./resize-nearest";
import { checkSlice } from "./volume-slices";

export interface MontageOptions extends Pick<OverlayOptions, "colormap" | "opacity" | "threshold" | "input"> {
  /** The slices to show, from 0, in this order; default: all. */
  readonly slices?: readonly number[];
  /** Slices side by side; default: about as many as below one another. */
  readonly columns?: number;
  /** Pixels per voxel, at most 64; default: so many that a slice is about a hundred wide. */
  readonly scale?: number;
  /** The values of the volume that are black and white; default: its least and its largest. */
  readonly range?: readonly [black: number, white: number];
}

/** A slice of fewer pixels is enlarged until somebody can see it. */
const legible = 96;
const largestScale = 64;
/** More pixels than browsers draw. */
const mostPixels = 2 ** 28;

/**
 * The slices of a volume side by side in grey, each with its number, and over them what a method found: all in one scale of colours, so that
 * slices can be compared.
 *
 * @param volume  the Tensor that was explained, `[1, C, D, H, W]`; three channels are red, green and blue, of others the mean is shown
 * @param map     what a method returned, drawn as its method's pictures are made, or a heatmap of all slices
 * @returns an opaque RGBA picture
 * @throws {OptionError} if an option is out of range, or the map is of another size; {InputError} if the volume is none, or not finite
 * @example
 * const why = await occlusion(model, scan, { window: [4, 8, 8] });
 * await writeFile("slices.png", await encodePng(await montage(scan, why)));
 */
export async function montage(
  volume: Tensor,
  map: Heatmap | HeatmapSource,
  options: MontageOptions = {},
): Promise<PictureData> {
  return guardedAsync("montage", async () => {
    checkOptions("montage", options, [
      ...["colormap", "opacity", "threshold", "input"],
      ...["slices", "columns", "scale", "range"],
    ]);
    const [, channels, depth, height, width] = shapeOf(volume);
    const { colormap, opacity, threshold } = options;
    const shown = options.slices ?? Array.from({ length: depth }, (_, slice) => slice);
    if (!(Array.isArray(shown) && shown.length > 0)) {
      throw new OptionError(`slices must be a list of at least one slice, got ${show(options.slices)}.`);
    }
    for (const slice of shown) checkSlice(slice, depth);
    const usual = Math.max(1, Math.ceil(legible / Math.max(width, height)));
    const scale = wholeNumber("scale", options.scale ?? Math.min(usual, largestScale), 1, largestScale);
    const columns = wholeNumber("columns", options.columns ?? Math.ceil(Math.sqrt(shown.length)), 1);
    if (shown.length * width * height * scale * scale > mostPixels) {
      throw new OptionError(
        `${shown.length} slices of ${width}×${height} are too many pixels at scale ${scale}: pass fewer slices, or a smaller scale.`,
      );
    }
    const heat = heatmapOf(map, "montage(volume, attribution)", options.input);
    if (heat.width !== width || heat.height !== depth * height) {
      throw new OptionError(
        `The map has ${heat.width}×${heat.height} places, and the ${depth} slices of the volume ${width}×${height} each: it is of another volume, or of one slice.`,
      );
    }
    const shade = shadeOf(volume, options.range);
    const places = height * width;
    const tiles = shown.map((slice) => {
      const data = new Uint8ClampedArray(places * 3);
      for (let i = 0; i < places; i++) data.set(shade(channels, depth * places, slice * places + i), i * 3);
      const part = heat.data.subarray(slice * places, (slice + 1) * places);
      const drawn = overlay(
        { data, width, height },
        { data: part, width, height, signed: heat.signed },
        { colormap, opacity, threshold },
      );
      return { picture: resizeNearest(drawn, width * scale, height * scale), caption: `${slice}` };
    });
    const rows = Array.from({ length: Math.ceil(tiles.length / columns) }, (_, row) => ({
      label: "",
      groups: [tiles.slice(row * columns, (row + 1) * columns)],
    }));
    const whole = `slices of ${depth}x${height}x${width}`;
    return contactGrid({ title: "method" in map ? `${map.method}, ${whole}` : whole, headings: [""], rows });
  });
}

function shapeOf(volume: Tensor): readonly number[] {
  const shape: unknown = (volume as Partial<Tensor> | null | undefined)?.shape;
  const isVolume = Array.isArray(shape) && shape.length === 5 && shape[0] === 1;
  if (isVolume && isFloat32Array(volume.data)) return volume.shape;
  const got = Array.isArray(shape) ? showShape(shape) : kindOf(volume);
  throw new InputError(`A volume is a Tensor [1, C, D, H, W], as the model takes it; got ${got}.`);
}

/** Red, green and blue of a place, 0 to 255. */
type Shade = (channels: number, size: number, place: number) => readonly [number, number, number];

function shadeOf({ data }: Tensor, range: MontageOptions["range"]): Shade {
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new InputError(`The volume is not finite: number ${wrong} is ${data[wrong]}.`);
  const isRange = Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] < range[1];
  if (range !== undefined && !isRange) {
    throw new OptionError(`range must be two numbers, the smaller first, got ${show(range)}.`);
  }
  let [black, white] = range ?? [data[0], data[0]];
  if (!range) for (const value of data) [black, white] = [Math.min(black, value), Math.max(white, value)];
  const step = 255 / (white - black || 1);
  return (channels, size, place) => {
    const level = (channel: number): number => (data[channel * size + place] - black) * step;
    if (channels === 3) return [level(0), level(1), level(2)];
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += level(channel);
    const grey = sum / channels;
    return [grey, grey, grey];
  };
}
