import { PadGeometry } from "./geometry";

/**
 * Zero border: y[s][top + i][left + j] = x[s][i][j], zero elsewhere. The border is written on every call, because y
 * may be re-used memory.
 *
 * @param x  f32[samples][height][width][channels]
 * @param y  f32[samples][top + height + bottom][left + width + right][channels]
 */
export function pad(x: usize, y: usize, g: PadGeometry): void {
  const pixelBytes = (<usize>g.channels) << 2;
  const rowBytes = <usize>g.width * pixelBytes;
  const leftBytes = <usize>g.left * pixelBytes;
  const rightBytes = <usize>g.right * pixelBytes;
  const paddedRowBytes = leftBytes + rowBytes + rightBytes;
  for (let sample = 0; sample < g.samples; sample++) {
    const topBytes = <usize>g.top * paddedRowBytes;
    memory.fill(y, 0, topBytes);
    y += topBytes;
    for (let row = 0; row < g.height; row++) {
      memory.fill(y, 0, leftBytes);
      memory.copy(y + leftBytes, x, rowBytes);
      memory.fill(y + leftBytes + rowBytes, 0, rightBytes);
      x += rowBytes;
      y += paddedRowBytes;
    }
    const bottomBytes = <usize>g.bottom * paddedRowBytes;
    memory.fill(y, 0, bottomBytes);
    y += bottomBytes;
  }
}
