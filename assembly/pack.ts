import { PackGeometry } from "./geometry";
import { loadLanes, transposeFour } from "./lanes";

/**
 * Gathers weights into panels:
 *
 *   panels[n/8][tap][c][n%8] = source[n·outStride + offset(tap) + c·channelStride], zero where n ≥ outChannels
 *
 * @param source  f32 weights in any layout
 * @param panels  f32[⌈outChannels/8⌉][taps][channels][8]
 */
export function packWeights(source: usize, panels: usize, g: PackGeometry): void {
  const channels = g.channels;
  if (g.taps == 1 && g.outStride == 1) return packRows(source + (<usize>load<i32>(g.tapTable) << 2), panels, g);
  const outStride = (<usize>g.outStride) << 2;
  const channelStride = (<usize>g.channelStride) << 2;
  for (let n = 0; n < g.outChannels; n += 8) {
    const present = min(g.outChannels - n, 8);
    const first = source + <usize>n * outStride;
    for (let tap = 0; tap < g.taps; tap++) {
      let from = first + ((<usize>load<i32>(g.tapTable + ((<usize>tap) << 2))) << 2);
      let c = 0;
      if (present == 8 && channelStride == 4) {
        for (; c + 4 <= channels; c += 4) {
          transposeRows(from, outStride, panels);
          transposeRows(from + (outStride << 2), outStride, panels + 16);
          from += 16;
          panels += 128;
        }
      }
      if (present == 8) {
        for (; c < channels; c++) {
          v128.store(panels, gather4(from, outStride));
          v128.store(panels, gather4(from + (outStride << 2), outStride), 16);
          from += channelStride;
          panels += 32;
        }
      }
      for (; c < channels; c++) {
        let lane = from;
        for (let i = 0; i < 8; i++) {
          store<f32>(panels + (<usize>i << 2), i < present ? load<f32>(lane) : 0);
          // Stays inside the source: an absent output is never addressed.
          if (i + 1 < present) lane += outStride;
        }
        from += channelStride;
        panels += 32;
      }
    }
  }
}

/** Outputs next to each other, one tap: sixteen rows of the source at a time, each read from left to right. */
function packRows(source: usize, panels: usize, g: PackGeometry): void {
  const rowBytes = <usize>g.channelStride << 2;
  const panelBytes = <usize>g.channels << 5;
  for (let c = 0; c < g.channels; c += 16) {
    const count = min(g.channels - c, 16);
    let to = panels;
    for (let n = 0; n < g.outChannels; n += 8) {
      const lanes = g.outChannels - n;
      let from = source + (<usize>n << 2);
      for (const end = to + (<usize>count << 5); to < end; to += 32) {
        v128.store(to, loadLanes(from, lanes));
        v128.store(to, lanes > 4 ? loadLanes(from + 16, lanes - 4) : f32x4.splat(0), 16);
        from += rowBytes;
      }
      to += panelBytes - (<usize>count << 5);
    }
    source += rowBytes << 4;
    panels += 512;
  }
}

/** Four floats `stride` bytes apart. */
@inline
function gather4(source: usize, stride: usize): v128 {
  let v = v128.load32_zero(source);
  source += stride;
  v = v128.load32_lane(source, v, 1);
  source += stride;
  v = v128.load32_lane(source, v, 2);
  return v128.load32_lane(source + stride, v, 3);
}

/** A 4×4 block: target[c][n] = source[n][c], target rows 32 bytes apart. */
function transposeRows(source: usize, rowBytes: usize, target: usize): void {
  const r0 = v128.load(source);
  source += rowBytes;
  const r1 = v128.load(source);
  source += rowBytes;
  const r2 = v128.load(source);
  transposeFour(r0, r1, r2, v128.load(source + rowBytes), target, 32);
}
