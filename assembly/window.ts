import { PoolGeometry } from "./geometry";

/**
 * Visits the windows in row-major order. `full` is [samples][inH][inW], `pooled` and `switches` are [samples][outH][outW].
 *
 * @typeParam V  what is done with a window: a class with the method `visit`, which takes
 *   corner    the first element of the window that lies inside the input
 *   pooled    the window's pixel of the output, f32[channels]
 *   switches  its switches, u8[channels] or u16[channels] as `areSwitchesWide` says
 *   first     offset of the first element, ky·kernelW + kx
 *   rows      rows of the window inside the input; not positive where there are none
 *   columns   columns of the window inside the input
 *   count     elements that an average divides by
 *   g         the record
 */
@inline
export function forEachWindow<V>(full: usize, pooled: usize, switches: usize, g: PoolGeometry): void {
  const pixelBytes = <usize>g.channels << 2;
  const switchBytes = <usize>g.channels << <usize>areSwitchesWide(g);
  for (let sample = 0; sample < g.samples; sample++) {
    for (let oy = 0; oy < g.outH; oy++) {
      const top = oy * g.strideH - g.padTop;
      const firstRow = firstInside(top, g.dilationH);
      const rows = endInside(top, g.dilationH, g.kernelH, g.inH) - firstRow;
      const countY = g.countIncludePad ? endInside(top, g.dilationH, g.kernelH, g.inH + g.padBottom) : rows;
      for (let ox = 0; ox < g.outW; ox++) {
        const left = ox * g.strideW - g.padLeft;
        const firstColumn = firstInside(left, g.dilationW);
        const columns = endInside(left, g.dilationW, g.kernelW, g.inW) - firstColumn;
        const countX = g.countIncludePad ? endInside(left, g.dilationW, g.kernelW, g.inW + g.padRight) : columns;
        const iy = top + firstRow * g.dilationH;
        const ix = left + firstColumn * g.dilationW;
        const corner = full + <usize>(iy * g.inW + ix) * pixelBytes;
        const first = firstRow * g.kernelW + firstColumn;
        changetype<V>(0).visit(corner, pooled, switches, first, rows, columns, countY * countX, g);
        pooled += pixelBytes;
        switches += switchBytes;
      }
    }
    full += inputImageBytes(g);
  }
}

/** Switches are u8, or u16 where a byte cannot tell the elements of a window apart. */
@inline
export function areSwitchesWide(g: PoolGeometry): bool {
  return g.kernelH * g.kernelW > 256;
}

/** Bytes between neighbouring columns of a window. */
@inline
export function columnStep(g: PoolGeometry): usize {
  return <usize>(g.dilationW * g.channels) << 2;
}

/** Bytes between neighbouring rows of a window. */
@inline
export function rowStep(g: PoolGeometry): usize {
  return <usize>(g.dilationH * g.inW * g.channels) << 2;
}

/** Bytes of one image at the pool input. */
@inline
export function inputImageBytes(g: PoolGeometry): usize {
  return <usize>(g.inH * g.inW * g.channels) << 2;
}

// The part of a window, along one axis, that lies inside the input:

/** First kernel element at or after coordinate 0. */
@inline
export function firstInside(start: i32, dilation: i32): i32 {
  return start < 0 ? (dilation - 1 - start) / dilation : 0;
}

/** One past the last kernel element before `extent`. */
@inline
export function endInside(start: i32, dilation: i32, kernel: i32, extent: i32): i32 {
  return start >= extent ? 0 : min(kernel, (extent - 1 - start) / dilation + 1);
}
