import { checkOptions, checkParts, wholeNumber } from "../checks";
import { OptionError, ShapeError } from "../errors";
import { guarded } from "../guard";
import type { ImageLike, PictureData } from "../image/image";
import { showShape, type Tensor } from "../tensor";
import type { Heatmap } from "./heatmap";
import { heatmapImage, sideBySide } from "./overlay";
import { resizeNearest } from "./resize-nearest";

/** What went through a max-pool and back: the results of `maxPool` and `maxUnpool`. */
export interface PoolingStages {
  /** What was pooled; may be left out. */
  readonly input?: Tensor;
  readonly pooled: Tensor;
  readonly switches: {
    readonly offsets: Uint8Array | Uint16Array;
    readonly window: { readonly kernel: readonly [rows: number, columns: number] };
  };
  readonly unpooled: Tensor;
}

export interface PoolingPictureOptions {
  /** Which channel to show; default: the one with the largest sum of pooled magnitudes. */
  readonly channel?: number;
  /** Pixels of the longer side of each part; default 240. */
  readonly side?: number;
  /** Default 'inferno', where there are negative values 'red-blue'. */
  readonly colormap?: string;
}

/** A signal is drawn as a band this high, its parts one below the other. */
const signalHeight = 40;

/** Colours of the switches: window, line between windows, the element that won. */
const windowColour = [44, 52, 66] as const;
const lineColour = [120, 130, 145] as const;
const switchColour = [255, 214, 64] as const;
/** The winner of a window of zeros won by being the first. */
const emptyColour = [92, 92, 84] as const;

/**
 * Draws one channel on its way through a max-pool: input, pooled values, switches, unpooled values, side by side (of a signal one below the other).
 *
 * The switches show one cell per pooled value, divided like the window, with the element that won alight (grey where
 * the maximum is zero). Values share one scale. Draws the first sample.
 *
 * @throws {ShapeError} if the parts do not belong together; {OptionError} if there is no such channel
 * @example
 * const { pooled, switches } = await maxPool(input, { kernel: 2 });
 * const unpooled = await maxUnpool(pooled, switches);
 * const picture = poolingPicture({ input, pooled, switches, unpooled });
 */
export function poolingPicture(stages: PoolingStages, options: PoolingPictureOptions = {}): PictureData {
  return guarded("poolingPicture", () => {
    checkOptions("poolingPicture", options, ["channel", "side", "colormap"]);
    checkParts(
      "poolingPicture",
      stages,
      ["pooled", "switches"],
      "{ input, pooled, switches, unpooled } of maxPool and maxUnpool",
    );
    const { input, pooled, switches, unpooled } = stages;
    const { side = 240 } = options;
    wholeNumber("side", side, 1, 2 ** 12);
    if (
      switches.offsets.length !== pooled.data.length ||
      (input && showShape(input.shape) !== showShape(unpooled.shape))
    ) {
      throw new ShapeError(
        `These do not belong to one pooling: pooled ${showShape(pooled.shape)} with ${switches.offsets.length} switches, ` +
          `unpooled ${showShape(unpooled.shape)}${input ? `, input ${showShape(input.shape)}` : ""}.`,
      );
    }
    const channels = axesOf(pooled.shape).channels;
    const { channel = strongestChannel(pooled) } = options;
    if (!Number.isInteger(channel) || channel < 0 || channel >= channels) {
      throw new OptionError(
        `channel ${channel}: the pooled tensor ${showShape(pooled.shape)} has channels 0 to ${channels - 1}.`,
      );
    }
    const planes = [...(input ? [input] : []), pooled, unpooled].map((tensor) => planeOf(tensor, channel));
    const all = planes.flatMap(({ data }) => Array.from(data));
    const largest = all.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    const signed = all.some((value) => value < 0);
    const { colormap = signed ? "red-blue" : "inferno" } = options;
    const full = planes[planes.length - 1];
    const signal = pooled.shape.length === 3;
    const size = signal ? { width: side, height: signalHeight } : scaled(full, side);
    const drawn = planes.map(({ data, height, width }) => {
      const heat: Heatmap = { data: data.map((value) => value / largest), width, height, signed };
      return resizeNearest(heatmapImage(heat, { colormap }), size.width, size.height);
    });
    const at = planeOf({ shape: pooled.shape, data: switches.offsets }, channel);
    const cells = drawSwitches(at, planes[planes.length - 2].data, switches.window.kernel, size);
    const parts = [...drawn.slice(0, -1), cells, drawn[drawn.length - 1]];
    return sideBySide(parts, { columns: signal ? 1 : parts.length, gap: 12 });
  });
}

interface Plane {
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

function scaled({ height, width }: Plane, side: number): { width: number; height: number } {
  const scale = side / Math.max(height, width);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Where the numbers of a tensor lie; a signal is one row high. */
function axesOf(shape: readonly number[]) {
  if (shape.length === 4) {
    const [, height, width, channels] = shape;
    return { height, width, channels, step: channels, first: (channel: number) => channel };
  }
  if (shape.length === 3) {
    const [, channels, width] = shape;
    return { height: 1, width, channels, step: 1, first: (channel: number) => channel * width };
  }
  throw new ShapeError(`A picture of pooling takes tensors [N, H, W, C] or [N, C, L], got ${showShape(shape)}.`);
}

/** One channel of the first sample. */
function planeOf({ shape, data }: { shape: readonly number[]; data: ArrayLike<number> }, channel: number): Plane {
  const { height, width, step, first } = axesOf(shape);
  const start = first(channel);
  return { data: Float32Array.from({ length: height * width }, (_, i) => data[start + i * step]), height, width };
}

function strongestChannel(pooled: Tensor): number {
  const { channels } = axesOf(pooled.shape);
  const totals = Array.from({ length: channels }, (_, channel) =>
    planeOf(pooled, channel).data.reduce((total, value) => total + Math.abs(value), 0),
  );
  return totals.indexOf(Math.max(...totals));
}

/** One cell per pooled value with the winning element alight. */
function drawSwitches(
  { data, height, width }: Plane,
  pooled: Float32Array,
  [rows, columns]: readonly [number, number],
  size: { width: number; height: number },
): ImageLike {
  const out = new Uint8Array(size.width * size.height * 4);
  for (let y = 0; y < size.height; y++) {
    const down = (y * height) / size.height;
    for (let x = 0; x < size.width; x++) {
      const across = (x * width) / size.width;
      const [cellY, cellX] = [Math.floor(down), Math.floor(across)];
      const edge =
        Math.floor(((y - 1) * height) / size.height) !== cellY || Math.floor(((x - 1) * width) / size.width) !== cellX;
      const element = Math.floor((down - cellY) * rows) * columns + Math.floor((across - cellX) * columns);
      const cell = cellY * width + cellX;
      const winner = pooled[cell] === 0 ? emptyColour : switchColour;
      const colour = edge ? lineColour : element === data[cell] ? winner : windowColour;
      out.set([...colour, 255], (y * size.width + x) * 4);
    }
  }
  return { data: out, ...size };
}
