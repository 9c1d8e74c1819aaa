import { enlarge, heatmapImage, type ImageLike, sideBySide, type Tensor } from "seethrough";
import type { Picture } from "./protocol";

/** Pictures on the page are at most and at least so large on their longer and shorter side. */
const [largest, smallest] = [768, 384];

/** Pixels the page can own: RGBA, opaque. */
export function toPicture(image: ImageLike): Picture {
  // A grid of one picture is the picture in four channels, on white.
  const { data, width, height } = sideBySide([image]);
  return { data: Uint8ClampedArray.from(data), width, height };
}

/** The picture at a size that is good to look at. */
export function displayed(image: ImageLike): Picture {
  const picture = toPicture(image);
  const scale = largest / Math.max(picture.width, picture.height);
  return scale < 1 ? shrunk(picture, scale) : toPicture(enlarge(picture, smallest));
}

function shrunk(picture: Picture, scale: number): Picture {
  const [full, context] = canvasOf(picture.width, picture.height);
  context.putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const [, small] = canvasOf(width, height);
  small.imageSmoothingQuality = "high";
  small.drawImage(full, 0, 0, width, height);
  const { data } = small.getImageData(0, 0, width, height);
  return { data: Uint8ClampedArray.from(data), width, height };
}

export function canvasOf(width: number, height: number): [OffscreenCanvas, OffscreenCanvasRenderingContext2D] {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives the worker no canvas to draw on.");
  return [canvas, context];
}

/** One channel of `[1, H, W, C]`, scaled by its own largest magnitude. */
export function channelPicture(tensor: Tensor, channel: number, signed: boolean): Picture {
  const [, height, width, channels] = tensor.shape;
  const values = Float32Array.from({ length: height * width }, (_, pixel) => tensor.data[pixel * channels + channel]);
  return mapPicture(values, width, height, signed);
}

/** How much of a signal there is at each place: the sum of magnitudes over the channels of `[1, H, W, C]`. */
export function strengthPicture({ data, shape }: Tensor): Picture {
  const [, height, width, channels] = shape;
  const values = new Float32Array(height * width);
  for (let i = 0; i < data.length; i++) values[Math.floor(i / channels)] += Math.abs(data[i]);
  return mapPicture(values, width, height, false);
}

function mapPicture(values: Float32Array, width: number, height: number, signed: boolean): Picture {
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const data = most > 0 ? values.map((value) => value / most) : values;
  return toPicture(heatmapImage({ data, width, height, signed }, { colormap: signed ? "red-blue" : "inferno" }));
}

/** Share of the values that are not zero whose strength still has a colour of its own. */
const distinct = 0.995;

/**
 * A signed tensor of the input space as colours around grey: what is zero is grey, strong values are black or full
 * colour. The usual way to show a deconvnet projection.
 */
export function signedPicture({ data, shape }: Tensor, channels: "rgb" | "bgr"): Picture {
  const [, height, width, depth] = shape;
  const strengths = data
    .filter((value) => value !== 0)
    .map(Math.abs)
    .sort();
  const most = strengths[Math.floor(distinct * (strengths.length - 1))] ?? 1;
  const out = new Uint8ClampedArray(height * width * 4);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      const channel = depth === 1 ? 0 : channels === "bgr" ? 2 - colour : colour;
      out[pixel * 4 + colour] = 127.5 + (127.5 * data[pixel * depth + channel]) / most;
    }
    out[pixel * 4 + 3] = 255;
  }
  return { data: out, width, height };
}

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The box around everything that is not zero, a little larger; undefined where that is nothing or nearly all. */
export function areaOf({ data, shape }: Tensor): Area | undefined {
  const [, height, width, depth] = shape;
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    const pixel = Math.floor(i / depth);
    const [x, y] = [pixel % width, Math.floor(pixel / width)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (right < 0) return undefined;
  const side = Math.min(Math.max(right - left, bottom - top) + 3, width, height);
  if (side > 0.8 * Math.min(width, height)) return undefined;
  const from = (low: number, high: number, extent: number): number =>
    Math.min(Math.max(0, Math.round((low + high + 1 - side) / 2)), extent - side);
  return { x: from(left, right, width), y: from(top, bottom, height), width: side, height: side };
}

export function cut(picture: Picture, area: Area): Picture {
  const data = new Uint8ClampedArray(area.width * area.height * 4);
  for (let y = 0; y < area.height; y++) {
    const from = ((area.y + y) * picture.width + area.x) * 4;
    data.set(picture.data.subarray(from, from + area.width * 4), y * area.width * 4);
  }
  return { data, width: area.width, height: area.height };
}

/** A colour for every class, far from its neighbours: the golden angle around the wheel. */
export function classColour(index: number): [number, number, number] {
  const hue = (index * 137.508) % 360;
  const channel = (shift: number): number => {
    const k = (shift + hue / 30) % 12;
    return Math.round(255 * (0.55 - 0.32 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** No class wins here. */
export const nobody = 65535;

/** Winners of every place in their colours; places without a winner are dark. */
export function classPicture(winners: Uint16Array, width: number, height: number): Picture {
  const data = new Uint8ClampedArray(width * height * 4);
  winners.forEach((winner, pixel) => {
    data.set(winner === nobody ? [32, 36, 42, 255] : [...classColour(winner), 255], pixel * 4);
  });
  return { data, width, height };
}
