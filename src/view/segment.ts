import { above, checkOptions, show } from "../checks";
import { InputError, OptionError } from "../errors";
import { guarded } from "../guard";
import { exponentialDecay } from "../image/blur";
import { toColours } from "../image/colours";
import { checkImage, type ImageLike } from "../image/image";
import { toLab } from "../image/lab";
import { regionIn } from "../image/placement";
import { checkRectangle, type Rectangle } from "../image/resize";
import { neighbours } from "../image/slic";
import { cropImage } from "./crop-image";
import { type Heatmap, type HeatmapSource, heatmapOf } from "./heatmap";
import { heatInPicture } from "./overlay";
import { randomWalk } from "./random-walker";

export interface SegmentOptions {
  /** The share of pixels, the hottest ones, that are taken for the object; default 0.05. */
  readonly foreground?: number;
  /** The share of pixels, the coldest ones, whose colours are taken for the background's; default 0.3. */
  readonly background?: number;
  /** How much alike neighbours count against colours; default 3, more gives smoother masks. */
  readonly smoothness?: number;
  /** Where in the picture the heatmap lies, in its pixels; default: where the attribution or the heatmap remembers that it lies. */
  readonly region?: Rectangle;
  /** The input of the attribution, by its name; default: the first whose values have places. */
  readonly input?: string;
}

/** A picture of which each pixel is in or out. */
export interface Mask {
  /** 1 inside, 0 outside, row by row. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Colour bins along each axis of CIELAB. */
const bins = 12;
/** What speaks for a hot pixel's label, against 1 for the colours of the others: more than all its neighbours together. */
const certainty = (smoothness: number): number => Math.max(50, 64 * smoothness);

/**
 * The object that a heatmap points at, cut out of the picture: an explanation of an image-level answer as a weak segmentation.
 *
 * The hottest pixels give the object's colours, the coldest those of the background; every pixel's label follows from which of the two
 * colour models it fits and from its neighbours. Simonyan et al. 2013, https://arxiv.org/abs/1312.6034, section 3.2 (there with
 * GraphCut: here the random walker of Grady 2006 cuts, and the largest connected piece with a hot pixel stays). It finds
 * boundaries where colours differ; an object of the background's colours it does not find.
 *
 * @param input    the picture that was explained
 * @param map      any positive evidence: an attribution, or a heatmap of it
 * @returns a mask of the picture's size; what the network did not see of the picture is outside
 * @throws {OptionError} if the picture has another shape than the one explained, or an option is out of range; {InputError} if the
 *   heatmap has nothing to show
 * @example
 * const mask = segment(image, heatmap(await saliency(model, image, { target: "cat" }), { smooth: 2 }));
 * const picture = overlay(image, { ...mask, data: Float32Array.from(mask.data), signed: false });
 */
export function segment(input: ImageLike, map: Heatmap | HeatmapSource, options: SegmentOptions = {}): Mask {
  return guarded("segment", () => {
    checkOptions("segment", options, ["foreground", "background", "smoothness", "region", "input"]);
    checkImage(input);
    const heatmap = heatmapOf(map, "segment(image, attribution)", options.input);
    const share = (name: "foreground" | "background", usual: number): number => {
      const value = options[name] ?? usual;
      if (value > 0 && value <= 0.5) return value;
      throw new OptionError(`${name} must be above 0 and at most 0.5, got ${show(value)}.`);
    };
    const [hot, cold] = [share("foreground", 0.05), share("background", 0.3)];
    const smoothness = above("smoothness", options.smoothness ?? 3);
    const { region = regionIn(input, heatmap) } = options;
    checkRectangle("region", region);
    const { width, height, data: heat } = heatmap;
    const sorted = heat.slice().sort();
    const nothing = Math.max(0, sorted[0]);
    if (!(sorted[sorted.length - 1] > nothing)) {
      throw new InputError("The heatmap has nothing to show: its hottest pixels are no hotter than its coldest.");
    }
    // A sparse map has fewer pixels with heat than the share, one with a plateau fewer below it.
    const hotLimit = sorted[Math.floor((1 - hot) * (sorted.length - 1))];
    const coldLimit = sorted[Math.floor(cold * (sorted.length - 1))];
    const isHot = (pixel: number): boolean => heat[pixel] > nothing && heat[pixel] >= hotLimit;
    const isCold = (pixel: number): boolean => heat[pixel] <= coldLimit && !isHot(pixel);
    const lab = toLab(toColours(cropImage(input, region, { width, height }), 3));
    const [object, ground] = [colourModel(lab, isHot), colourModel(lab, isCold)];
    const evidence = Float64Array.from(heat, (_, pixel) => object(pixel) / (object(pixel) + ground(pixel)));
    const contrast = meanContrast(lab, width, height);
    const sure = certainty(smoothness);
    const inside = randomWalk({
      width,
      height,
      first: evidence.map((value, pixel) => (isHot(pixel) ? sure : value)),
      second: evidence.map((value, pixel) => (isHot(pixel) ? 0 : 1 - value)),
      likeness: (a, b) => 1e-3 + smoothness * exponentialDecay(distance(lab, a, b) / (2 * contrast)),
    });
    const piece = largestPiece(inside, isHot, width, height);
    const field = {
      data: Float32Array.from(inside, (value, pixel) => (piece[pixel] ? value : 0)),
      width,
      height,
      signed: false,
    };
    const enlarged = heatInPicture(field, input.width, input.height, region);
    return {
      data: Uint8Array.from(enlarged, (value) => Number(value > 0.5)),
      width: input.width,
      height: input.height,
    };
  });
}

/** How likely some pixels have the colour of a pixel: their histogram in CIELAB, neighbouring bins counted by half. */
function colourModel(lab: Float32Array, belongs: (pixel: number) => boolean): (pixel: number) => number {
  const bin = (pixel: number, axis: number): number => {
    const value = axis === 0 ? lab[pixel * 3] / 100 : (lab[pixel * 3 + axis] + 100) / 200;
    return Math.min(bins - 1, Math.max(0, Math.floor(value * bins)));
  };
  const index = (l: number, a: number, b: number): number => (l * bins + a) * bins + b;
  const counts = new Float64Array(bins ** 3).fill(1e-2);
  let total = 0;
  for (let pixel = 0; pixel < lab.length / 3; pixel++) {
    if (!belongs(pixel)) continue;
    const [l, a, b] = [0, 1, 2].map((axis) => bin(pixel, axis));
    for (let dl = -1; dl <= 1; dl++) {
      for (let da = -1; da <= 1; da++) {
        for (let db = -1; db <= 1; db++) {
          const near = [l + dl, a + da, b + db];
          if (near.every((at) => at >= 0 && at < bins)) {
            counts[index(near[0], near[1], near[2])] += 0.5 ** (Math.abs(dl) + Math.abs(da) + Math.abs(db));
          }
        }
      }
    }
    total += 1;
  }
  return (pixel) => counts[index(bin(pixel, 0), bin(pixel, 1), bin(pixel, 2))] / total;
}

const distance = (lab: Float32Array, a: number, b: number): number =>
  [0, 1, 2].reduce((sum, axis) => sum + (lab[a * 3 + axis] - lab[b * 3 + axis]) ** 2, 0);

/** Mean squared difference of neighbours; above 0. */
function meanContrast(lab: Float32Array, width: number, height: number): number {
  let [sum, pairs] = [0, 0];
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (const next of neighbours(pixel, width, height)) {
      sum += distance(lab, pixel, next);
      pairs += 1;
    }
  }
  return sum / pairs || 1;
}

/** The connected piece above one half that holds most hot pixels. */
function largestPiece(
  inside: Float64Array,
  isHot: (pixel: number) => boolean,
  width: number,
  height: number,
): Uint8Array {
  const seen = new Uint8Array(inside.length);
  let best = { pixels: [] as number[], hot: 0 };
  for (let start = 0; start < inside.length; start++) {
    if (seen[start] || !(inside[start] > 0.5)) continue;
    const pixels = [start];
    seen[start] = 1;
    for (const pixel of pixels) {
      for (const next of neighbours(pixel, width, height)) {
        if (seen[next] || !(inside[next] > 0.5)) continue;
        seen[next] = 1;
        pixels.push(next);
      }
    }
    const hot = pixels.filter(isHot).length;
    if (hot > best.hot) best = { pixels, hot };
  }
  const piece = new Uint8Array(inside.length);
  for (const pixel of best.pixels) piece[pixel] = 1;
  return piece;
}
