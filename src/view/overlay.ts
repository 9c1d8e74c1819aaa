import { checkOptions, nonEmptyList, show, wholeNumber } from "../checks";
import { InputError, OptionError } from "../errors";
import { guarded } from "../guard";
import { channelsOf, checkImage, type ImageLike, isOpaque, type PictureData } from "../image/image";
import { Picture } from "../image/picture";
import { regionIn } from "../image/placement";
import { checkRectangle, type Rectangle, rowResampler } from "../image/resize";
import { Canvas, toRgba } from "./canvas";
import { colormapTable, type LevelScale, levelOf, levelScale, nearestLevel } from "./colormap";
import { checkHeatmap, type Heatmap, type HeatmapSource, heatmapOf } from "./heatmap";
import { resizeNearest } from "./resize-nearest";

export interface OverlayOptions {
  /** Default 'turbo', for signed heatmaps 'red-blue'. */
  readonly colormap?: string;
  /** How much of the picture the strongest places hide, 0 to 1; weak places hide less. Default 0.75. */
  readonly opacity?: number;
  /** Below this share of the heatmap's range the picture shows alone, 0 to 1 (exclusive). Default 0.05. */
  readonly threshold?: number;
  /** Where in the picture the heatmap lies, in its pixels; default: where the attribution or the heatmap remembers that it lies. */
  readonly region?: Rectangle;
  /** The input of the attribution to draw, by its name; default: the first whose values have places. */
  readonly input?: string;
}

const defaultColormap = ({ signed }: Heatmap): string => (signed ? "red-blue" : "turbo");

/** Below this share of the maximum a place shows the picture alone; the colour comes in gradually above. */
const faint = 0.05;

/** How much of its own colour the picture keeps, so that it does not compete with the heatmap's. */
const saturation = 0.35;

/**
 * Lays an attribution over the picture that was explained: the stronger a place, the more of its colour shows. The picture below
 * loses most of its colour, so that what is coloured is evidence.
 *
 * The attribution remembers how the picture became the network's input, cropped, stretched or padded, and so does its heatmap: what
 * the network did not see stays without colour. The picture may be the one that was explained or the same at another scale. A map that
 * knows no picture (of a Tensor) covers one of its own shape; on any other it is never stretched, say `region`.
 *
 * @param input  the picture that was explained
 * @param map    what a method returned, drawn as its method's pictures are made, or a heatmap made of it with other options
 * @returns RGBA at the picture's size; `new ImageData(data, width, height)` takes its data
 * @throws {OptionError} if the picture has another shape than the one explained, an option is out of range or the colour map is not
 *   known; {InputError} if the picture is empty
 * @example
 * const attribution = await gradCam(model, photo);
 * await writeFile("overlay.png", await encodePng(overlay(photo, attribution)));
 */
export function overlay(input: ImageLike, map: Heatmap | HeatmapSource, options: OverlayOptions = {}): Picture {
  return guarded("overlay", () => {
    checkOptions("overlay", options, ["colormap", "opacity", "threshold", "region", "input"]);
    checkImage(input);
    const heatmap = heatmapOf(map, "overlay(image, attribution)", options.input);
    const { opacity = 0.75, threshold = faint } = options;
    const { region = regionIn(input, heatmap) } = options;
    if (!(typeof opacity === "number" && opacity >= 0 && opacity <= 1))
      throw new OptionError(`opacity must lie between 0 and 1, got ${show(opacity)}.`);
    if (!(typeof threshold === "number" && threshold >= 0 && threshold < 1)) {
      throw new OptionError(`threshold must be at least 0 and below 1, got ${show(threshold)}.`);
    }
    checkRectangle("region", region);
    const colormap = options.colormap ?? defaultColormap(heatmap);
    const table = colormapTable(colormap);
    const { width, height } = input;
    const heatOf = heatRows(heatmap, width, height, region);
    const data = new Uint8ClampedArray(width * height * 4);
    lay(coloursOf(input), heatOf, { table, levels: levelScale(heatmap.signed, colormap), opacity, threshold }, data);
    return new Picture({ data, width, height });
  });
}

/** The picture as `lay` can read it: of three channels, or of four and opaque. */
function coloursOf(input: ImageLike): ImageLike {
  const channels = channelsOf(input);
  return channels === 3 || (channels === 4 && isOpaque(input.data)) ? input : toRgba(input);
}

interface Look {
  readonly table: Uint8Array;
  readonly levels: LevelScale;
  readonly opacity: number;
  readonly threshold: number;
}

/** Mixes the colours of a picture and of the heat over it into RGBA pixels. */
function lay(picture: ImageLike, heatOf: HeatRows, look: Look, out: Uint8ClampedArray): void {
  // Every mixture lies between 0 and 255 already, so that nothing has to be clamped: half a step more and cutting off what follows
  // the point rounds it, and a pixel is written at once, as the number of its four bytes (the lowest first, as in wasm's memory).
  const pixels = new Uint32Array(out.buffer, out.byteOffset, out.length / 4);
  const from = new Uint8Array(picture.data.buffer, picture.data.byteOffset, picture.data.length);
  const channels = channelsOf(picture);
  for (let y = 0; y < picture.height; y++)
    layRow(from, y * picture.width * channels, channels, heatOf(y), look, pixels, y * picture.width);
}

function layRow(
  from: Uint8Array,
  read: number,
  channels: number,
  heat: Float32Array,
  { table, levels: { factor, shift }, opacity, threshold }: Look,
  pixels: Uint32Array,
  at: number,
): void {
  const range = 1 - threshold;
  for (let x = 0; x < heat.length; x++, read += channels, at++) {
    const r = from[read];
    const g = from[read + 1];
    const b = from[read + 2];
    const grey = (r + g + b) / 3;
    let red = grey + saturation * (r - grey);
    let green = grey + saturation * (g - grey);
    let blue = grey + saturation * (b - grey);
    const value = heat[x];
    const strength = (Math.abs(value) - threshold) / range;
    if (strength > 0) {
      const share = opacity * Math.min(1, strength * 1.6);
      const paper = 1 - share;
      const level = nearestLevel(value, factor, shift) * 3;
      red = red * paper + table[level] * share;
      green = green * paper + table[level + 1] * share;
      blue = blue * paper + table[level + 2] * share;
    }
    pixels[at] = 0xff000000 | ((blue + 0.5) << 16) | ((green + 0.5) << 8) | (red + 0.5);
  }
}

/** The heatmap's value at every pixel of a row of a picture; valid until the next call. */
type HeatRows = (y: number) => Float32Array;

/** The heatmap's value at every pixel of a picture, row by row; 0 outside its region. */
function heatRows(heatmap: Heatmap, width: number, height: number, region: Rectangle): HeatRows {
  const { data, width: extent } = heatmap;
  const [scaleX, scaleY] = [extent / region.width, heatmap.height / region.height];
  const source = { x: -region.x * scaleX, y: -region.y * scaleY, width: width * scaleX, height: height * scaleY };
  const writeRow = rowResampler(
    { width: extent, height: heatmap.height, channels: 1, rowOf: (y) => [data, y * extent] },
    width,
    height,
    { source },
  );
  const inside = (position: number, start: number, length: number): boolean =>
    position + 0.5 >= start && position + 0.5 < start + length;
  const outside = Array.from({ length: width }, (_, x) => x).filter((x) => !inside(x, region.x, region.width));
  const row = new Float32Array(width);
  return (y) => {
    if (!inside(y, region.y, region.height)) return row.fill(0);
    writeRow(y, row, 0);
    for (const x of outside) row[x] = 0;
    return row;
  };
}

/** The same for all rows at once. */
export function heatInPicture(heatmap: Heatmap, width: number, height: number, region: Rectangle): Float32Array {
  const heatOf = heatRows(heatmap, width, height, region);
  const heat = new Float32Array(width * height);
  for (let y = 0; y < height; y++) heat.set(heatOf(y), y * width);
  return heat;
}

/** A heatmap alone, in colours. */
export function heatmapImage(heatmap: Heatmap, options: { readonly colormap?: string } = {}): PictureData {
  return guarded("heatmapImage", () => {
    checkOptions("heatmapImage", options, ["colormap"]);
    checkHeatmap(heatmap, "heatmapImage(heatmap(attribution))");
    const { colormap = defaultColormap(heatmap) } = options;
    if (typeof colormap !== "string") throw new OptionError(`colormap is a name, got ${show(colormap)}.`);
    const table = colormapTable(colormap);
    const out = new Uint8ClampedArray(heatmap.data.length * 4);
    heatmap.data.forEach((value, pixel) => {
      const level = levelOf(value, heatmap.signed, colormap) * 3;
      out.set([table[level], table[level + 1], table[level + 2], 255], pixel * 4);
    });
    return { data: out, width: heatmap.width, height: heatmap.height };
  });
}

/** Repeats every pixel so often that the shorter side has at least `side` pixels; larger pictures stay as they are. */
export function enlarge(image: ImageLike, side: number): PictureData {
  return guarded("enlarge", () => {
    checkImage(image);
    wholeNumber("side", side, 1, 2 ** 14);
    const factor = Math.ceil(side / Math.min(image.width, image.height));
    if (factor > 1) return resizeNearest(image, image.width * factor, image.height * factor);
    return isPicture(image) ? image : { ...image, data: Uint8ClampedArray.from(image.data) };
  });
}

const isPicture = (image: ImageLike): image is PictureData =>
  image.data instanceof Uint8ClampedArray && image.data.buffer instanceof ArrayBuffer;

export interface SideBySideOptions {
  /** Pictures per row; default: as square a grid as possible, wider than high. */
  readonly columns?: number;
  /** Pixels between pictures; default 8. */
  readonly gap?: number;
  /** Red, green, blue between the pictures, 0 to 255; default white. */
  readonly background?: readonly [number, number, number];
}

/**
 * Puts pictures of one size into a grid.
 *
 * @throws {InputError} if there is none, or their sizes differ; {OptionError} if columns or gap is out of range
 */
export function sideBySide(images: readonly ImageLike[], options: SideBySideOptions = {}): PictureData {
  return guarded("sideBySide", () => {
    checkOptions("sideBySide", options, ["columns", "gap", "background"]);
    nonEmptyList("sideBySide: images", images, "picture");
    for (const image of images) checkImage(image);
    const [first] = images;
    const { width, height } = first;
    const other = images.find((image) => image.width !== width || image.height !== height);
    if (other)
      throw new InputError(
        `sideBySide needs pictures of one size; ${show(width)}×${show(height)} and ${show(other?.width)}×${show(other?.height)} came.`,
      );
    const { columns = Math.ceil(Math.sqrt(images.length)), gap = 8, background = [255, 255, 255] } = options;
    wholeNumber("columns", columns, 1);
    wholeNumber("gap", gap, 0, 2 ** 14);
    const rows = Math.ceil(images.length / columns);
    const canvas = new Canvas(columns * (width + gap) - gap, rows * (height + gap) - gap, background);
    images.forEach((image, i) => {
      canvas.draw(image, (i % columns) * (width + gap), Math.floor(i / columns) * (height + gap));
    });
    return { data: canvas.data, width: canvas.width, height: canvas.height };
  });
}
