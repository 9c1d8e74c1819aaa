/** Which inputs the windows of convolutions and pools reach. */
import { numberAttribute } from "../../graph/ir";
import { transposeGeometry, windowGeometry } from "../../graph/shapes";
import { poolKernel, type WindowGeometry } from "../../graph/shapes/window";
import { type AxisMask, type DependenceRule, everything, mapMask, marked, type Region } from "./region";

/** Positions from which a window at output position o reads: o·stride − pad + t·dilation. */
function underWindows(mask: AxisMask, extent: number, g: WindowGeometry, axis: number): AxisMask {
  const taps = Array.from({ length: g.kernel[axis] }, (_, t) => t * g.dilation[axis] - g.padBegin[axis]);
  return mapMask(mask, extent, (position) => taps.map((tap) => position * g.stride[axis] + tap));
}

/** Positions whose window writes to output position o of a transposed convolution. */
function writingTo(mask: AxisMask, extent: number, g: WindowGeometry, axis: number): AxisMask {
  return Uint8Array.from({ length: extent }, (_, position) => {
    const start = position * g.stride[axis] - g.padBegin[axis];
    for (let t = 0; t < g.kernel[axis]; t++) if (mask[start + t * g.dilation[axis]]) return 1;
    return 0;
  });
}

/** All channels of every group that has a marked channel on the other side. */
function groupChannels(mask: AxisMask, channels: number, groups: number): AxisMask {
  const [here, there] = [mask.length / groups, channels / groups];
  const touched = new Set(marked(mask).map((channel) => Math.floor(channel / here)));
  return Uint8Array.from({ length: channels }, (_, channel) => Number(touched.has(Math.floor(channel / there))));
}

type Reach = typeof underWindows;

const spatial = (out: Region, extents: readonly number[], g: WindowGeometry, reach: Reach): Region =>
  extents.map((extent, axis) => reach(out[axis + 2], extent, g, axis));

export const conv: DependenceRule = ({ node, out, shapes: [x, weight] }) => {
  const g = windowGeometry(node, x.slice(2), weight.slice(2));
  const channels = groupChannels(out[1], x[1], numberAttribute(node, "group", 1));
  return [[out[0], channels, ...spatial(out, x.slice(2), g, underWindows)]];
};

export const convTranspose: DependenceRule = ({ node, out, shapes: [x, weight] }) => {
  const g = transposeGeometry(node, x.slice(2), weight.slice(2));
  const channels = groupChannels(out[1], x[1], numberAttribute(node, "group", 1));
  return [[out[0], channels, ...spatial(out, x.slice(2), g, writingTo)]];
};

/** Values and, of a max-pool, their places have the same windows. */
export const pool: DependenceRule = ({ node, out, shapes: [x] }) => {
  const extents = x.slice(2);
  return [
    [out[0], out[1], ...spatial(out, extents, windowGeometry(node, extents, poolKernel(node, extents)), underWindows)],
  ];
};

export const globalPool: DependenceRule = ({ out, shapes: [x] }) => [[out[0], out[1], ...x.slice(2).map(everything)]];

/** A value may come out anywhere in the window it was pooled from; where, the places decide. */
export const maxUnpool: DependenceRule = ({ node, out, shapes: [x] }) => {
  const extents = x.slice(2);
  const g = transposeGeometry(node, extents, poolKernel(node, extents));
  const read = [out[0], out[1], ...spatial(out, extents, g, writingTo)];
  return [read, read];
};
