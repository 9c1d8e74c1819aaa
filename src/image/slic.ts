import { above, checkOptions, wholeNumber } from "../checks";
import { guarded } from "../guard";
import { toColours } from "./colours";
import { checkImage, type ImageLike } from "./image";
import { toLab } from "./lab";

export interface SlicOptions {
  /** About how many superpixels; default 50. */
  readonly segments?: number;
  /** How much being near counts against being of one colour; default 10, more gives squarer superpixels. */
  readonly compactness?: number;
  /** Rounds of assigning pixels and moving centres, at most 1000; default 10. */
  readonly iterations?: number;
}

/**
 * Superpixels: connected regions of about one size and colour, by SLIC.
 *
 * k-means over colour (CIELAB) and place, D² = d_lab² + (compactness/S)²·d_xy², each centre looking no further than 2S, with S the
 * side of a superpixel; then fragments below a quarter of S² join a neighbour. Achanta et al. 2012,
 * https://doi.org/10.1109/TPAMI.2012.120.
 *
 * @returns the number of its superpixel for every pixel, row by row, from 0 on without gaps
 * @throws {InputError} if the image is none; {OptionError} if an option is out of range
 * @example
 * const segments = slic(image, { segments: 80 });
 * const attribution = await kernelShap(model, image, { target: "cat", segments });
 */
export function slic(image: ImageLike, options: SlicOptions = {}): Int32Array {
  return guarded("slic", () => {
    checkOptions("slic", options, ["segments", "compactness", "iterations"]);
    checkImage(image);
    const { width, height } = image;
    return superpixels({ data: toLab(toColours(image, 3)), width, height }, options);
  });
}

/** Colours of any number of channels, on the scale of CIELAB. */
export interface PixelColours {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** They settle after some ten; the call is not to be given up on its way. */
const mostIterations = 1000;

export function superpixels(colours: PixelColours, options: SlicOptions): Int32Array {
  const segments = wholeNumber("segments", options.segments ?? 50, 1);
  const compactness = above("compactness", options.compactness ?? 10);
  const iterations = wholeNumber("iterations", options.iterations ?? 10, 1, mostIterations);
  const { width, height } = colours;
  const area = (width * height) / Math.min(segments, width * height);
  // Where the picture is narrower than a square of this area its width is all they have, and the rest is their length.
  const side = Math.max(Math.sqrt(area), area / Math.min(width, height));
  return connected(clusters(colours, side, compactness, iterations), width, height, area / 4);
}

/** The nearest centre of each pixel. */
function clusters(
  { data, width, height }: PixelColours,
  side: number,
  compactness: number,
  iterations: number,
): Int32Array {
  const channels = data.length / (width * height);
  const size = channels + 2;
  const [rows, columns] = [height, width].map((extent) => Math.max(1, Math.round(extent / side)));
  const count = rows * columns;
  const spatial = (compactness / side) ** 2;
  // Colour, column and row of each centre.
  const centres = new Float64Array(count * size);
  for (let k = 0; k < count; k++) {
    const x = (((k % columns) + 0.5) * width) / columns;
    const y = ((Math.floor(k / columns) + 0.5) * height) / rows;
    const from = (Math.floor(y) * width + Math.floor(x)) * channels;
    centres.set([...data.subarray(from, from + channels), x - 0.5, y - 0.5], k * size);
  }
  const labels = new Int32Array(width * height);
  const nearest = new Float64Array(width * height);
  for (let iteration = 0; iteration < iterations; iteration++) {
    nearest.fill(Number.POSITIVE_INFINITY);
    for (let k = 0; k < count; k++) {
      const centre = centres.subarray(k * size, (k + 1) * size);
      const [cx, cy] = [centre[channels], centre[channels + 1]];
      const lastRow = Math.min(height - 1, Math.floor(cy + 2 * side));
      const lastColumn = Math.min(width - 1, Math.floor(cx + 2 * side));
      for (let y = Math.max(0, Math.ceil(cy - 2 * side)); y <= lastRow; y++) {
        for (let x = Math.max(0, Math.ceil(cx - 2 * side)); x <= lastColumn; x++) {
          const pixel = y * width + x;
          let distance = spatial * ((x - cx) ** 2 + (y - cy) ** 2);
          for (let c = 0; c < channels; c++) distance += (data[pixel * channels + c] - centre[c]) ** 2;
          if (distance < nearest[pixel]) {
            nearest[pixel] = distance;
            labels[pixel] = k;
          }
        }
      }
    }
    moveCentres(centres, labels, data, width);
  }
  return labels;
}

/** Each centre to the mean of its pixels; one without pixels stays. */
function moveCentres(centres: Float64Array, labels: Int32Array, data: Float32Array, width: number): void {
  const channels = data.length / labels.length;
  const size = channels + 2;
  const sums = new Float64Array(centres.length);
  const counts = new Int32Array(centres.length / size);
  labels.forEach((label, pixel) => {
    const at = label * size;
    for (let c = 0; c < channels; c++) sums[at + c] += data[pixel * channels + c];
    sums[at + channels] += pixel % width;
    sums[at + channels + 1] += Math.floor(pixel / width);
    counts[label] += 1;
  });
  sums.forEach((sum, i) => {
    const count = counts[Math.floor(i / size)];
    if (count > 0) centres[i] = sum / count;
  });
}

/** Gives every connected region a number of its own; what is smaller than `least` gets that of a region beside it. */
function connected(clusters: Int32Array, width: number, height: number, least: number): Int32Array {
  const labels = new Int32Array(clusters.length).fill(-1);
  let count = 0;
  for (let start = 0; start < clusters.length; start++) {
    if (labels[start] >= 0) continue;
    let beside = -1;
    const region = [start];
    labels[start] = count;
    for (let i = 0; i < region.length; i++) {
      const pixel = region[i];
      for (const next of neighbours(pixel, width, height)) {
        if (labels[next] >= 0) {
          if (labels[next] !== count) beside = labels[next];
        } else if (clusters[next] === clusters[start]) {
          labels[next] = count;
          region.push(next);
        }
      }
    }
    if (region.length < least && beside >= 0) for (const pixel of region) labels[pixel] = beside;
    else count += 1;
  }
  return labels;
}

/** The pixels left, right, above and below. */
export function neighbours(pixel: number, width: number, height: number): number[] {
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  const found: number[] = [];
  if (x > 0) found.push(pixel - 1);
  if (x < width - 1) found.push(pixel + 1);
  if (y > 0) found.push(pixel - width);
  if (y < height - 1) found.push(pixel + width);
  return found;
}
