import { GridGeometry } from "./geometry";
import { loadStep, stepOf, storeStep } from "./lanes";
import { madd } from "./madd";

/** How what lies around is seen, by the codes of `GridGeometry.padding`. */
enum Around {
  zeros,
  border,
  reflection,
}

/** How fast the place of the last `placeOf` moves with the grid's number. */
let slope: f32 = 0;

/** The place in pixels that a number of the grid, −1 at one edge and 1 at the other, stands for. */
function placeOf(n: f32, extent: i32, g: GridGeometry): f32 {
  const length = <f32>extent;
  const last = length - 1;
  let x = g.alignCorners ? ((n + 1) / 2) * last : ((n + 1) * length - 1) / 2;
  slope = (g.alignCorners ? last : length) / 2;
  if (g.padding == Around.zeros) return x;
  if (g.padding == Around.reflection) {
    const low: f32 = g.alignCorners ? 0 : -0.5;
    x = reflected(x, low, g.alignCorners ? last : last + <f32>0.5);
  }
  // At the edges themselves too a step outwards changes nothing.
  if (x <= 0 || x >= last) slope = 0;
  return min(max(x, 0), last);
}

function reflected(x: f32, low: f32, high: f32): f32 {
  const range = high - low;
  if (range <= 0) {
    slope = 0;
    return low;
  }
  const beyond = x < low ? low - x : x > high ? x - high : <f32>0;
  if (beyond == 0) return x;
  const times = floor(beyond / range);
  const rest = beyond - times * range;
  // Turned round an odd number of times, the place moves against the grid.
  const isTurned = times % 2 == 0;
  if (isTurned) slope = -slope;
  return (x < low) == isTurned ? low + rest : high - rest;
}

/**
 * y[oy][ox][c] = x at the place that grid[oy][ox] names, blended of the four pixels around it, or of the nearest one.
 *
 * @param x     f32[samples][inH][inW][channels]
 * @param grid  f32, places by the strides of g: across, then down
 * @param y     f32[samples][outH][outW][channels]
 */
export function gridSample(x: usize, grid: usize, y: usize, g: GridGeometry): void {
  memory.fill(y, 0, <usize>(g.samples * g.outH * g.outW * g.channels) << 2);
  transfer(false, x, grid, y, 0, 0, g);
}

/**
 * Its adjoint.
 *
 * @param dx     f32[samples][inH][inW][channels], zeroed here; 0 where nobody asks
 * @param dGrid  f32, as grid lies; 0 where nobody asks
 */
export function gridSampleBackward(x: usize, grid: usize, dy: usize, dx: usize, dGrid: usize, g: GridGeometry): void {
  if (dx) memory.fill(dx, 0, <usize>(g.samples * g.inH * g.inW * g.channels) << 2);
  transfer(true, x, grid, dy, dx, dGrid, g);
}

/** Both directions over the same pixels. */
function transfer(backward: bool, x: usize, grid: usize, y: usize, dx: usize, dGrid: usize, g: GridGeometry): void {
  const pixelBytes = <usize>g.channels << 2;
  const image = <usize>(g.inH * g.inW) * pixelBytes;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      for (let ox = 0; ox < g.outW; ox++) {
        const at = <usize>(oy * g.gridRow + ox * g.gridColumn) << 2;
        const down = at + (<usize>g.gridPart << 2);
        const px = placeOf(load<f32>(grid + at), g.inW, g);
        const slopeX = slope;
        const py = placeOf(load<f32>(grid + down), g.inH, g);
        const slopeY = slope;
        let byX: f32 = 0;
        let byY: f32 = 0;
        if (g.nearest) {
          pixel(backward, x, y, dx, nearest(py), nearest(px), 1, g);
        } else {
          const left = floor(px), top = floor(py);
          const fx = px - left, fy = py - top;
          for (let i = 0; i < 4; i++) {
            const right = i & 1, bottom = i >> 1;
            const wx = right ? fx : 1 - fx, wy = bottom ? fy : 1 - fy;
            const dot = pixel(backward, x, y, dx, top + <f32>bottom, left + <f32>right, wx * wy, g);
            byX += right ? dot * wy : -dot * wy;
            byY += bottom ? dot * wx : -dot * wx;
          }
        }
        if (dGrid) {
          store<f32>(dGrid + at, byX * slopeX);
          store<f32>(dGrid + down, byY * slopeY);
        }
        y += pixelBytes;
      }
    }
    x += <usize>g.xSample << 2;
    grid += <usize>g.gridSample << 2;
    if (dx) dx += image;
    if (dGrid) dGrid += <usize>g.gridSample << 2;
  }
}

/** One pixel's part: y += w·x, or dx += w·dy; backwards also Σ dy·x. Outside there is nothing. */
function pixel(backward: bool, x: usize, y: usize, dx: usize, row: f32, column: f32, w: f32, g: GridGeometry): f32 {
  // A place that is not a number is nowhere.
  if (!(row >= 0 && row < <f32>g.inH && column >= 0 && column < <f32>g.inW)) return 0;
  const at = <usize>((<i32>row * g.inW + <i32>column) * g.channels) << 2;
  const weight = f32x4.splat(w);
  let sum: f64 = 0;
  for (let c = 0, step = 0; c < g.channels; c += step) {
    step = stepOf(g.channels - c);
    const here = at + (<usize>c << 2);
    const there = y + (<usize>c << 2);
    const value = loadStep(x + here, step);
    if (!backward) {
      storeStep(there, madd(weight, value, loadStep(there, step)), step);
      continue;
    }
    const dy = loadStep(there, step);
    if (dx) storeStep(dx + here, madd(weight, dy, loadStep(dx + here, step)), step);
    const product = f32x4.mul(dy, value);
    sum += f32x4.extract_lane(product, 0);
    if (step == 4) {
      sum += f32x4.extract_lane(product, 1);
      sum += f32x4.extract_lane(product, 2);
      sum += f32x4.extract_lane(product, 3);
    }
  }
  return <f32>sum;
}
