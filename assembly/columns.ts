import { ColumnGeometry } from "./geometry";

/**
 * The scatter after a GEMM that gives the input gradient of a convolution with few input channels:
 *
 *   dx[oy·strideH − padTop + ky·dilationH][ox·strideW − padLeft + kx·dilationW][c] += columns[oy, ox][(ky, kx, c)]
 *
 * The sub-pixel phases would fill only `channels` of the eight output channels of a tile; here the kernel fills them.
 *
 * @param columns  f32[rows][outW][column], columns[p][(ky, kx, c)] = Σ_n dy[p][n] · w[n][ky][kx][c]
 * @param dx       f32[height][width][channels], one image
 */
export function scatterColumns(columns: usize, dx: usize, g: ColumnGeometry): void {
  const columnBytes = <usize>g.column << 2;
  for (let oy = g.firstRow; oy < g.firstRow + g.rows; oy++) {
    for (let ox = 0; ox < g.outW; ox++) {
      scatter(columns, dx, oy * g.strideH - g.padTop, ox * g.strideW - g.padLeft, g);
      columns += columnBytes;
    }
  }
}

/** Adds one column to the window of dx whose first element is (top, left), leaving out what falls into the padding. */
function scatter(column: usize, dx: usize, top: i32, left: i32, g: ColumnGeometry): void {
  const channels = g.channels;
  const whole = g.dilationW == 1 && left >= 0 && left + g.kernelW <= g.width;
  for (let ky = 0; ky < g.kernelH; ky++) {
    const iy = top + ky * g.dilationH;
    if (<u32>iy < <u32>g.height) {
      const row = iy * g.width;
      if (whole) {
        // Neighbouring kernel elements are neighbouring pixels: one run of kernelW·channels floats.
        addRun(column, dx + (<usize>((row + left) * channels) << 2), g.kernelW * channels);
      } else {
        for (let kx = 0; kx < g.kernelW; kx++) {
          const ix = left + kx * g.dilationW;
          if (<u32>ix < <u32>g.width) {
            addRun(column + (<usize>(kx * channels) << 2), dx + (<usize>((row + ix) * channels) << 2), channels);
          }
        }
      }
    }
    column += <usize>(g.kernelW * channels) << 2;
  }
}

/** Runs are short, and mostly not a multiple of four: 9 floats for a 3×3 kernel over RGB, 21 for 7×7. */
@inline
function addRun(from: usize, to: usize, count: i32): void {
  const end = to + (<usize>count << 2);
  for (; to + 16 <= end; to += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)));
    from += 16;
  }
  for (; to < end; to += 4) {
    store<f32>(to, load<f32>(to) + load<f32>(from));
    from += 4;
  }
}
