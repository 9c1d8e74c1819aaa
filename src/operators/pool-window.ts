/** The window of a pooling: its geometry, and what it takes to remember a place in it. */

import { type Node, numbersAttribute } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";
import { windowGeometry } from "../graph/window";
import type { ImageShape } from "../operation/layout";
import type { GeometryRecord } from "../wasm/geometry";

/** Windows of more elements than a byte can tell apart take two bytes per switch. */
const narrowWindow = 256;
const wideWindow = 65536;

/** A window over rows and columns. */
export interface PoolWindow {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padBegin: readonly [number, number];
  readonly padEnd: readonly [number, number];
}

/** A signal is an image of height one. */
const pair = (values: readonly number[], missing: number): [number, number] =>
  values.length === 1 ? [missing, values[0]] : [values[0], values[1]];

/** The window of a pooling node over an input with these spatial extents. */
export function poolWindow(node: Node, spatial: Shape): PoolWindow {
  if (node.op.startsWith("Global")) {
    const [h, w] = pair(spatial, 1);
    return { kernel: [h, w], stride: [1, 1], dilation: [1, 1], padBegin: [0, 0], padEnd: [0, 0] };
  }
  const g = windowGeometry(node, spatial, numbersAttribute(node, "kernel_shape"));
  return {
    kernel: pair(g.kernel, 1),
    stride: pair(g.stride, 1),
    dilation: pair(g.dilation, 1),
    padBegin: pair(g.padBegin, 0),
    padEnd: pair(g.padEnd, 0),
  };
}

/** The record of a pool from one shape to another. */
export const poolGeometry = (
  from: ImageShape,
  to: ImageShape,
  window: PoolWindow,
  samples: number,
  countIncludePad = 0,
): GeometryRecord<"PoolGeometry"> => ({
  samples,
  inH: from.h,
  inW: from.w,
  channels: from.c,
  outH: to.h,
  outW: to.w,
  kernelH: window.kernel[0],
  kernelW: window.kernel[1],
  strideH: window.stride[0],
  strideW: window.stride[1],
  dilationH: window.dilation[0],
  dilationW: window.dilation[1],
  padTop: window.padBegin[0],
  padLeft: window.padBegin[1],
  padBottom: window.padEnd[0],
  padRight: window.padEnd[1],
  countIncludePad,
});

/** Bytes of one switch of a window of this size, by the rule of the kernels. */
export const switchBytes = ({ kernel: [rows, columns] }: PoolWindow): 1 | 2 => (rows * columns > narrowWindow ? 2 : 1);

/** Why a max-pool cannot run: a switch could not name its element, or a window would have none. */
export function maxPoolRefusal(window: PoolWindow, from: ImageShape, to: ImageShape): string | undefined {
  const elements = window.kernel[0] * window.kernel[1];
  if (elements > wideWindow) return `its window of ${elements} elements is larger than ${wideWindow}`;
  const empty = [
    [from.h, to.h],
    [from.w, to.w],
  ].some(([extent, positions], axis) => hasEmptyWindow(window, axis, extent, positions));
  return empty ? "some of its windows lie in the padding alone and have no maximum" : undefined;
}

/** Whether one of the windows along an axis meets nothing of the input. One that begins inside the input meets its first element. */
function hasEmptyWindow(window: PoolWindow, axis: number, extent: number, positions: number): boolean {
  const [kernel, stride, dilation, pad] = [window.kernel, window.stride, window.dilation, window.padBegin].map(
    (list) => list[axis],
  );
  if ((positions - 1) * stride - pad >= extent) return true;
  for (let start = -pad; start < 0 && start <= (positions - 1) * stride - pad; start += stride) {
    const first = Math.ceil(-start / dilation);
    if (first >= kernel || start + first * dilation >= extent) return true;
  }
  return false;
}
