import { atLeastZero, checkOptions, show } from "../checks";
import { InputError, OptionError } from "../errors";
import { guarded } from "../guard";
import { channelsOf, checkImage, type ImageLike, type PictureData } from "../image/image";
import { checkRectangle } from "../image/resize";
import { type Heatmap, type HeatmapSource, heatmapOf } from "./heatmap";

/** A rectangle of whole pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Half a step of the 8 bits that a heatmap is drawn with, as a share of its largest magnitude. */
const faintest = 0.5 / 255;

/**
 * The box around the largest connected region above a share of the heatmap's maximum, in pixels of the picture that was explained.
 *
 * Zhou et al. 2015, https://arxiv.org/abs/1512.04150, section 3.2, which uses a fifth of the maximum. Regions are connected
 * over edges and corners; of two equally large ones the upper left counts. Negative values never count. What lies on the border that
 * 'pad' adds is no part of the picture: the box is cut there, and a region that lies there alone has none.
 *
 * @param map  what a method returned, or a heatmap of it; of a Tensor the box is in pixels of the network's input
 * @param options.threshold  share of the maximum, 0 to 1; default 0.2
 * @param options.input  the input of the attribution, by its name; default: the first whose values have places
 * @returns whole pixels inside the picture
 * @throws {InputError} if the heatmap has no positive value that could be seen beside its negative ones, or none in the picture; {OptionError} if the threshold is out of range
 * @example
 * const { x, y, width, height } = boundingBox(await gradCam(model, photo));
 */
export function boundingBox(
  map: Heatmap | HeatmapSource,
  options: { readonly threshold?: number; readonly input?: string } = {},
): Box {
  return guarded("boundingBox", () => {
    checkOptions("boundingBox", options, ["threshold", "input"]);
    const { threshold = 0.2 } = options;
    const heatmap = heatmapOf(map, "boundingBox(attribution)", options.input);
    if (!(typeof threshold === "number" && threshold >= 0 && threshold < 1))
      throw new OptionError(`threshold must be at least 0 and below 1, got ${show(threshold)}.`);
    const { data } = heatmap;
    const highest = data.reduce((a, b) => Math.max(a, b), 0);
    const limit = threshold * highest;
    if (!(highest > 0))
      throw new InputError("The heatmap has no positive value, so there is nothing to put a box around.");
    const strongest = data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    if (highest < strongest * faintest) {
      throw new InputError(
        `The largest positive value is ${(highest / strongest).toPrecision(2)} of the largest negative one, which no picture shows: there is ` +
          "nothing to put a box around. What speaks against the target stands out: heatmap(attribution, { sign: 'negative' }).",
      );
    }
    const seen = new Uint8Array(data.length);
    let best: { readonly box: Box; readonly pixels: number } | undefined;
    for (let start = 0; start < data.length; start++) {
      if (seen[start] || !(data[start] > limit)) continue;
      const { box, pixels } = flood(heatmap, seen, start, limit);
      if (best && pixels <= best.pixels) continue;
      const inPicture = boxInPicture(box, heatmap);
      if (inPicture) best = { box: inPicture, pixels };
    }
    if (best) return best.box;
    throw new InputError(
      "Everything positive lies on the border that fit 'pad' adds around the picture, so there is no box in the picture.",
    );
  });
}

/** Moves a box from pixels of the map to those of the picture it belongs to; undefined if it lies beside the picture. */
function boxInPicture(box: Box, { width, height, placement }: Heatmap): Box | undefined {
  if (!placement) return box;
  const { picture, region } = placement;
  const span = (from: number, count: number, scale: number, start: number, extent: number): [number, number] => {
    const edge = (at: number): number => Math.min(Math.max(Math.round(start + at * scale), 0), extent);
    return [edge(from), edge(from + count)];
  };
  const [left, right] = span(box.x, box.width, region.width / width, region.x, picture.width);
  const [top, bottom] = span(box.y, box.height, region.height / height, region.y, picture.height);
  return right > left && bottom > top ? { x: left, y: top, width: right - left, height: bottom - top } : undefined;
}

/** Visits one connected region and returns its box and size. */
function flood(
  { data, width, height }: Heatmap,
  seen: Uint8Array,
  start: number,
  limit: number,
): { box: Box; pixels: number } {
  const stack = [start];
  seen[start] = 1;
  let [left, right, top, bottom, pixels] = [width, 0, height, 0, 0];
  while (stack.length > 0) {
    const pixel = stack.pop() as number;
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    pixels++;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
        const next = row * width + column;
        if (!seen[next] && data[next] > limit) {
          seen[next] = 1;
          stack.push(next);
        }
      }
    }
  }
  return { box: { x: left, y: top, width: right - left + 1, height: bottom - top + 1 }, pixels };
}

/**
 * Draws the outline of a box inwards from its edges, which are rounded to whole pixels; parts outside the picture are left
 * out. A grey picture takes the first number of the colour.
 *
 * @param options.color      red, green, blue, 0 to 255; default white
 * @param options.thickness  pixels; default 1 per 200 pixels of the shorter side
 * @returns a new picture
 */
export function drawBox(
  image: ImageLike,
  box: Box,
  options: { readonly color?: readonly [number, number, number]; readonly thickness?: number } = {},
): PictureData {
  return guarded("drawBox", () => {
    checkOptions("drawBox", options, ["color", "thickness"]);
    checkImage(image);
    const { width, height } = image;
    const { color = [255, 255, 255], thickness = Math.max(1, Math.round(Math.min(width, height) / 200)) } = options;
    const channels = channelsOf(image);
    const data = Uint8ClampedArray.from(image.data);
    checkRectangle("box", box);
    const colours: unknown = color;
    if (!Array.isArray(colours) || colours.length !== 3 || !colours.every(Number.isFinite)) {
      throw new OptionError(`color is red, green and blue, 0 to 255; got ${show(color)}.`);
    }
    atLeastZero("thickness", thickness);
    const paint = (x: number, y: number): void => {
      if (x < 0 || y < 0 || x >= width || y >= height) return;
      for (let c = 0; c < Math.min(channels, 3); c++) data[(y * width + x) * channels + c] = color[c];
    };
    const [left, top] = [Math.round(box.x), Math.round(box.y)];
    const [right, bottom] = [Math.round(box.x + box.width) - 1, Math.round(box.y + box.height) - 1];
    // What lies outside the picture is not visited: boxes may be of any size.
    const [firstX, lastX] = [Math.max(left, 0), Math.min(right, width - 1)];
    const [firstY, lastY] = [Math.max(top, 0), Math.min(bottom, height - 1)];
    for (let t = 0; t < Math.min(thickness, Math.max(right - left, bottom - top) + 1); t++) {
      for (let x = firstX; x <= lastX; x++) {
        paint(x, top + t);
        paint(x, bottom - t);
      }
      for (let y = firstY; y <= lastY; y++) {
        paint(left + t, y);
        paint(right - t, y);
      }
    }
    return { data, width, height };
  });
}
