import { PoolGeometry } from "./geometry";

/** The part of a pooling window, along one axis, that lies inside the input. */

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

/** Bytes of one image at the pool input. */
@inline
export function inputImageBytes(g: PoolGeometry): usize {
  return <usize>(g.inH * g.inW * g.channels) << 2;
}
