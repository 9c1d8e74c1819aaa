import { InputError, OptionError } from "../errors";
import { channelsOf, checkImage, type ImageLike } from "../image/image";
import { type Rectangle, resizeBilinear } from "../image/resize";
import { colormapTable, levelOf } from "./colormap";
import type { Heatmap } from "./heatmap";

export interface OverlayOptions {
  /** Default 'turbo', for signed heatmaps 'red-blue'. */
  readonly colormap?: string;
  /** How much of the picture the strongest places hide, 0 to 1; weak places hide less. Default 0.75. */
  readonly opacity?: number;
  /** Where in the picture the heatmap lies (see `placement`); default: it covers the picture. */
  readonly region?: Rectangle;
}

const defaultColormap = ({ signed }: Heatmap): string => (signed ? "red-blue" : "turbo");

/** Below this share of the maximum a place shows the picture alone; the colour comes in gradually above. */
const faint = 0.05;

/**
 * Lays a heatmap over a picture: the stronger a place, the more of its colour shows; places without evidence show the
 * picture, in grey where it would compete with the colours.
 *
 * @returns RGBA at the picture's size
 * @throws {OptionError} if the opacity or the colour map is not known; {InputError} if the picture is empty
 */
export function overlay(input: ImageLike, heatmap: Heatmap, options: OverlayOptions = {}): ImageLike {
  checkImage(input);
  const { opacity = 0.75, region = { x: 0, y: 0, width: input.width, height: input.height } } = options;
  if (!(opacity >= 0 && opacity <= 1)) throw new OptionError(`opacity must lie between 0 and 1, got ${opacity}.`);
  const table = colormapTable(options.colormap ?? defaultColormap(heatmap));
  const { width, height } = input;
  const heat = heatInPicture(heatmap, width, height, region);
  const colours = toRgba(input).data;
  const out = new Uint8Array(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const value = heat[pixel];
    const strength = Math.max(0, (Math.abs(value) - faint) / (1 - faint));
    const share = opacity * Math.min(1, strength * 1.6);
    const level = levelOf(value, heatmap.signed) * 3;
    const at = pixel * 4;
    for (let c = 0; c < 3; c++) out[at + c] = Math.round(colours[at + c] * (1 - share) + table[level + c] * share);
    out[at + 3] = 255;
  }
  return { data: out, width, height };
}

/** The heatmap's value at every pixel of a picture; 0 outside its region. */
function heatInPicture(heatmap: Heatmap, width: number, height: number, region: Rectangle): Float32Array {
  const [scaleX, scaleY] = [heatmap.width / region.width, heatmap.height / region.height];
  const source = { x: -region.x * scaleX, y: -region.y * scaleY, width: width * scaleX, height: height * scaleY };
  const heat = resizeBilinear(
    { data: heatmap.data, width: heatmap.width, height: heatmap.height, channels: 1 },
    width,
    height,
    {
      source,
      antialias: false,
    },
  );
  return heat.map((value, pixel) => {
    const [x, y] = [(pixel % width) + 0.5, Math.floor(pixel / width) + 0.5];
    const inside = x >= region.x && x < region.x + region.width && y >= region.y && y < region.y + region.height;
    return inside ? value : 0;
  });
}

/** A heatmap alone, in colours. */
export function heatmapImage(
  heatmap: Heatmap,
  { colormap = defaultColormap(heatmap) }: { readonly colormap?: string } = {},
): ImageLike {
  const table = colormapTable(colormap);
  const out = new Uint8Array(heatmap.data.length * 4);
  heatmap.data.forEach((value, pixel) => {
    const level = levelOf(value, heatmap.signed) * 3;
    out.set([table[level], table[level + 1], table[level + 2], 255], pixel * 4);
  });
  return { data: out, width: heatmap.width, height: heatmap.height };
}

export interface SideBySideOptions {
  /** Pictures per row; default: as square a grid as possible, wider than high. */
  readonly columns?: number;
  /** Pixels between pictures; default 8. */
  readonly gap?: number;
}

/**
 * Puts pictures of one size into a grid on white.
 *
 * @throws {InputError} if there is none, or their sizes differ
 */
export function sideBySide(images: readonly ImageLike[], options: SideBySideOptions = {}): ImageLike {
  const [first] = images;
  if (!first) throw new InputError("sideBySide needs at least one picture.");
  const { width, height } = first;
  const other = images.find((image) => image.width !== width || image.height !== height);
  if (other)
    throw new InputError(
      `sideBySide needs pictures of one size; ${width}×${height} and ${other.width}×${other.height} came.`,
    );
  const { columns = Math.ceil(Math.sqrt(images.length)), gap = 8 } = options;
  const rows = Math.ceil(images.length / columns);
  const [outWidth, outHeight] = [columns * (width + gap) - gap, rows * (height + gap) - gap];
  const out = new Uint8Array(outWidth * outHeight * 4).fill(255);
  images.forEach((image, i) => {
    const { data } = toRgba(image);
    const [left, top] = [(i % columns) * (width + gap), Math.floor(i / columns) * (height + gap)];
    for (let y = 0; y < height; y++) {
      out.set(data.subarray(y * width * 4, (y + 1) * width * 4), ((top + y) * outWidth + left) * 4);
    }
  });
  return { data: out, width: outWidth, height: outHeight };
}

/** The picture with four channels. */
function toRgba(image: ImageLike): ImageLike {
  checkImage(image);
  const channels = channelsOf(image);
  if (channels === 4) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let c = 0; c < 3; c++) out[pixel * 4 + c] = data[pixel * channels + (channels === 3 ? c : 0)];
    out[pixel * 4 + 3] = 255;
  }
  return { data: out, width, height };
}
