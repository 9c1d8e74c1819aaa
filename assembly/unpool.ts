import { PoolGeometry } from "./geometry";
import { loadLanes, storeLanes } from "./lanes";
import { endInside, firstInside, inputImageBytes } from "./window";

/** What happens at the position a switch points at. `pooled` is [outH][outW], `full` is [inH][inW]. */
enum Route {
  add, // full += pooled
  put, // full = pooled
  fetch, // pooled = full
}

/**
 * Adjoint of max pooling: dx[position(switch)] += dy; overlapping windows accumulate.
 *
 * @param dy        f32[samples][outH][outW][channels]
 * @param switches  u8[samples][outH][outW][channels]
 * @param dx        f32[samples][inH][inW][channels]; zeroed here
 */
export function maxPoolBackward(dy: usize, switches: usize, dx: usize, g: PoolGeometry): void {
  memory.fill(dx, 0, <usize>g.samples * inputImageBytes(g));
  route<u8>(Route.add, dy, switches, dx, g);
}

/** `maxPoolBackward` with u16 switches. */
export function maxPoolWideBackward(dy: usize, switches: usize, dx: usize, g: PoolGeometry): void {
  memory.fill(dx, 0, <usize>g.samples * inputImageBytes(g));
  route<u16>(Route.add, dy, switches, dx, g);
}

/**
 * Unpooling: y[position(switch)] = x, zero elsewhere; where windows overlap, the last one in row-major order stays.
 *
 * @param x         f32[samples][outH][outW][channels]
 * @param switches  u8[samples][outH][outW][channels]
 * @param y         f32[samples][inH][inW][channels]; zeroed here
 */
export function maxUnpool(x: usize, switches: usize, y: usize, g: PoolGeometry): void {
  memory.fill(y, 0, <usize>g.samples * inputImageBytes(g));
  route<u8>(Route.put, x, switches, y, g);
}

/** `maxUnpool` with u16 switches. */
export function maxUnpoolWide(x: usize, switches: usize, y: usize, g: PoolGeometry): void {
  memory.fill(y, 0, <usize>g.samples * inputImageBytes(g));
  route<u16>(Route.put, x, switches, y, g);
}

/**
 * Adjoint of unpooling where windows do not overlap: dx = dy[position(switch)].
 *
 * @param dy        f32[samples][inH][inW][channels]
 * @param switches  u8[samples][outH][outW][channels]
 * @param dx        f32[samples][outH][outW][channels]
 */
export function maxUnpoolBackward(dy: usize, switches: usize, dx: usize, g: PoolGeometry): void {
  route<u8>(Route.fetch, dx, switches, dy, g);
}

/** `maxUnpoolBackward` with u16 switches. */
export function maxUnpoolWideBackward(dy: usize, switches: usize, dx: usize, g: PoolGeometry): void {
  route<u16>(Route.fetch, dx, switches, dy, g);
}

/**
 * Visits every element of every window and acts where the switch names it. A scatter by address would be a scalar loop
 * with a division per value; masks cost no more than the pooling did.
 */
@inline
function route<S>(how: i32, pooled: usize, switches: usize, full: usize, g: PoolGeometry): void {
  const channels = g.channels;
  const columnBytes = <usize>(g.dilationW * channels) << 2;
  const rowBytes = <usize>(g.dilationH * g.inW * channels) << 2;
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      const top = oy * g.strideH - g.padTop;
      const kyFirst = firstInside(top, g.dilationH);
      const kyEnd = endInside(top, g.dilationH, g.kernelH, g.inH);
      for (let ox = 0; ox < g.outW; ox++) {
        const left = ox * g.strideW - g.padLeft;
        const kxFirst = firstInside(left, g.dilationW);
        const kxEnd = endInside(left, g.dilationW, g.kernelW, g.inW);
        const iy = top + kyFirst * g.dilationH;
        const ix = left + kxFirst * g.dilationW;
        const corner = full + (<usize>((iy * g.inW + ix) * channels) << 2);
        let c = 0;
        for (; c + 16 <= channels; c += 16) {
          let v0 = f32x4.splat(0), v1 = v0, v2 = v0, v3 = v0;
          if (how != Route.fetch) {
            v0 = v128.load(pooled);
            v1 = v128.load(pooled, 16);
            v2 = v128.load(pooled, 32);
            v3 = v128.load(pooled, 48);
          }
          const i0 = loadSwitches<S>(switches);
          const i1 = loadSwitches<S>(switches + 4 * sizeof<S>());
          const i2 = loadSwitches<S>(switches + 8 * sizeof<S>());
          const i3 = loadSwitches<S>(switches + 12 * sizeof<S>());
          let row = corner + (<usize>c << 2);
          for (let ky = kyFirst; ky < kyEnd; ky++) {
            let p = row;
            for (let k = ky * g.kernelW + kxFirst, end = ky * g.kernelW + kxEnd; k < end; k++) {
              const here = i32x4.splat(k);
              v0 = meet(how, p, v0, i32x4.eq(i0, here), 4);
              v1 = meet(how, p + 16, v1, i32x4.eq(i1, here), 4);
              v2 = meet(how, p + 32, v2, i32x4.eq(i2, here), 4);
              v3 = meet(how, p + 48, v3, i32x4.eq(i3, here), 4);
              p += columnBytes;
            }
            row += rowBytes;
          }
          if (how == Route.fetch) {
            v128.store(pooled, v0);
            v128.store(pooled, v1, 16);
            v128.store(pooled, v2, 32);
            v128.store(pooled, v3, 48);
          }
          pooled += 64;
          switches += 16 * sizeof<S>();
        }
        for (; c < channels; c += 4) {
          const lanes = channels - c;
          let v = how == Route.fetch ? f32x4.splat(0) : loadLanes(pooled, lanes);
          const i = lanes >= 4 ? loadSwitches<S>(switches) : loadSwitchesPart<S>(switches, lanes);
          let row = corner + (<usize>c << 2);
          for (let ky = kyFirst; ky < kyEnd; ky++) {
            let p = row;
            for (let k = ky * g.kernelW + kxFirst, end = ky * g.kernelW + kxEnd; k < end; k++) {
              v = meet(how, p, v, i32x4.eq(i, i32x4.splat(k)), lanes);
              p += columnBytes;
            }
            row += rowBytes;
          }
          if (how == Route.fetch) storeLanes(pooled, v, lanes);
          const step = <usize>min(lanes, 4);
          pooled += step << 2;
          switches += step * sizeof<S>();
        }
      }
    }
    full += inputImageBytes(g);
  }
}

/** One element of the window: acts on `full` at p where `chosen`, and returns the pooled value. */
@inline
function meet(how: i32, p: usize, pooled: v128, chosen: v128, lanes: i32): v128 {
  const full = loadLanes(p, lanes);
  if (how == Route.fetch) return v128.bitselect(full, pooled, chosen);
  if (how == Route.add) storeLanes(p, f32x4.add(full, v128.and(pooled, chosen)), lanes);
  else storeLanes(p, v128.bitselect(pooled, full, chosen), lanes);
  return pooled;
}

/** Four switches as i32. */
@inline
function loadSwitches<S>(source: usize): v128 {
  if (sizeof<S>() == 1) {
    return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(source)));
  }
  return v128.load_ext<u16>(source);
}

/** The first `lanes` (1…3) switches as i32. */
@inline
function loadSwitchesPart<S>(source: usize, lanes: i32): v128 {
  let v = i32x4.splat(<i32>load<S>(source));
  if (lanes > 1) v = i32x4.replace_lane(v, 1, <i32>load<S>(source + sizeof<S>()));
  if (lanes > 2) v = i32x4.replace_lane(v, 2, <i32>load<S>(source + 2 * sizeof<S>()));
  return v;
}
