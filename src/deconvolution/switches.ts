import { isUint8Array, isUint16Array } from "../bytes";
import { InputError, OptionError, ShapeError } from "../errors";
import type { Node } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { windowGeometry } from "../graph/window";
import { imageShape } from "../operation/layout";
import { maxPoolRefusal, type PoolWindow, poolWindow } from "../operators/pool-window";
import { showShape, sizeOf } from "../tensor";
import { channelsFirst, type PerAxis, padsOf, perAxis } from "./per-axis";

/** The window of a max-pool; the rules are PyTorch's. */
export interface PoolOptions {
  /** Extent of the window: one number for all axes, or one per axis. */
  readonly kernel: PerAxis;
  /** Steps between windows; default: the kernel. */
  readonly stride?: PerAxis;
  /** Padding, which never wins: one number, one per axis, or all beginnings and all ends; default 0. */
  readonly pad?: PerAxis;
  /** Default 1. */
  readonly dilation?: PerAxis;
  /** Rounds the number of windows up instead of down (PyTorch `ceil_mode`); default false. */
  readonly ceil?: boolean;
}

/** Where a max-pool found its maxima. */
export interface Switches {
  /**
   * One per pooled value, in the order of its data: the offset of the maximum inside its window, row-major; of equal values
   * the first counts. Bytes where the window has up to 256 elements.
   */
  readonly offsets: Uint8Array | Uint16Array;
  /** Shape of the pooled tensor. */
  readonly shape: readonly number[];
  /** Shape of the tensor that was pooled. */
  readonly inputShape: readonly number[];
  /** Rows and columns; a signal has one row. */
  readonly window: PoolWindow;
}

const isShape = (shape: unknown): boolean =>
  Array.isArray(shape) && shape.length <= 4 && shape.every((extent) => Number.isInteger(extent) && extent >= 0);

const pairs = ["kernel", "stride", "dilation", "padBegin"] as const;

/** Everything about switches but the switches. */
export type PoolPlan = Omit<Switches, "offsets">;

/**
 * @param inputShape  `[N, H, W, C]` or `[N, C, L]`
 * @throws {ShapeError} or {OptionError} if the window does not fit
 */
export function planPool(inputShape: Shape, options: PoolOptions): PoolPlan {
  const axes = isShape(inputShape) ? inputShape.length - 2 : 0;
  if (axes !== 1 && axes !== 2) {
    throw new ShapeError(`Max-pooling takes [N, H, W, C] or [N, C, L], got ${showShape(inputShape)}.`);
  }
  if (sizeOf(inputShape) === 0) throw new InputError(`The tensor ${showShape(inputShape)} is empty.`);
  if (typeof options !== "object" || options === null || options.kernel === undefined) {
    throw new OptionError("Max-pooling needs the extent of its window, for example { kernel: 2 }.");
  }
  const { stride = options.kernel, pad = 0, dilation = 1, ceil = false } = options;
  const kernel = perAxis("kernel", options.kernel, axes, 1);
  const node: Node = {
    ...{ name: "maxPool", op: "MaxPool", inputs: [], outputs: [] },
    attributes: new Map<string, number | readonly number[]>([
      ["kernel_shape", kernel],
      ["strides", perAxis("stride", stride, axes, 1)],
      ["dilations", perAxis("dilation", dilation, axes, 1)],
      ["pads", padsOf(pad, axes)],
      ["ceil_mode", Number(ceil)],
    ]),
  };
  const [n, c, ...spatial] = channelsFirst(inputShape);
  const { out } = windowGeometry(node, spatial, kernel);
  const window = poolWindow(node, spatial);
  const refusal = maxPoolRefusal(window, imageShape([n, c, ...spatial]), imageShape([n, c, ...out]));
  if (refusal) throw new OptionError(`Max-pooling ${showShape(inputShape)}: ${refusal}. Use less padding.`);
  return { shape: axes === 2 ? [n, ...out, c] : [n, c, ...out], inputShape, window };
}

/** @throws {ShapeError} or {OptionError} if the parts of switches do not belong together */
export function checkSwitches(switches: Switches): void {
  const offsets = switches?.offsets;
  if (!(isUint8Array(offsets) || isUint16Array(offsets))) {
    throw new OptionError("Switches are what maxPool returned, or what switchesFromIndices made.");
  }
  const { shape, inputShape, window } = switches;
  const isPair = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isInteger);
  if (!isShape(shape) || !isShape(inputShape) || !pairs.every((key) => isPair(window?.[key]))) {
    throw new OptionError("Switches are what maxPool returned, whole: shape, inputShape or window is damaged.");
  }
  if (offsets.length !== sizeOf(shape)) {
    throw new ShapeError(`There are ${offsets.length} switches for a pooled tensor ${showShape(shape)}.`);
  }
  const elements = window.kernel[0] * window.kernel[1];
  const wrong = offsets.findIndex((offset) => offset >= elements);
  if (wrong >= 0) {
    throw new OptionError(
      `Switch ${wrong} is ${offsets[wrong]}; a window of ${window.kernel.join("×")} has elements 0 to ${elements - 1}.`,
    );
  }
}

/** A pooled value: its place in the data of the tensor and its first window element in the input. */
export interface PooledPlace {
  readonly at: number;
  /** Index of its channel's plane among all samples' channels. */
  readonly plane: number;
  readonly top: number;
  readonly left: number;
}

/** All pooled values in the order N, C, H, W. */
export function* pooledPlaces({ shape, window }: PoolPlan): Generator<PooledPlace> {
  const { n, c, h, w } = imageShape(channelsFirst(shape));
  const { stride, padBegin } = window;
  for (let plane = 0; plane < n * c; plane++) {
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const at = shape.length === 4 ? ((Math.floor(plane / c) * h + y) * w + x) * c + (plane % c) : plane * w + x;
        yield { at, plane, top: y * stride[0] - padBegin[0], left: x * stride[1] - padBegin[1] };
      }
    }
  }
}
