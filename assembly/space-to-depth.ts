import { SpaceToDepthGeometry } from "./geometry";

/**
 * z[i][j][(dy, dx, c)] = x[i·stride − padTop + dy][j·stride − padLeft + dx][c] for dy, dx < stride; zero outside of x.
 *
 * A convolution with this stride over x is one with stride 1 over z.
 *
 * @param x     f32[samples][inH][inW][channels]
 * @param z     f32[samples][outH][outW][stride²·channels]
 * @param line  f32[outW·stride·channels]: one row of x with its border
 */
export function spaceToDepth(x: usize, z: usize, line: usize, g: SpaceToDepthGeometry): void {
  const pixel = <usize>g.channels << 2;
  const run = pixel * g.stride;
  const block = run * g.stride;
  const row = pixel * g.inW;
  const border = pixel * g.padLeft;
  const shown = min(row, run * g.outW - border);
  memory.fill(line, 0, run * g.outW);
  for (let sample = 0; sample < g.samples; sample++) {
    for (let i = 0; i < g.outH; i++) {
      for (let dy = 0; dy < g.stride; dy++) {
        const y = i * g.stride - g.padTop + dy;
        if (<u32>y < <u32>g.inH) memory.copy(line + border, x + <usize>y * row, shown);
        else memory.fill(line + border, 0, shown);
        copyRuns(line, run, z + <usize>dy * run, block, run, g.outW);
      }
      z += block * g.outW;
    }
    x += row * g.inH;
  }
}

/**
 * Adjoint of `spaceToDepth`: x[y][…] = z[…], each element once; zero where z shows nothing of x.
 *
 * @param z     f32[samples][outH][outW][stride²·channels]
 * @param x     f32[samples][inH][inW][channels]; written whole
 * @param line  f32[outW·stride·channels]
 */
export function depthToSpace(z: usize, x: usize, line: usize, g: SpaceToDepthGeometry): void {
  const pixel = <usize>g.channels << 2;
  const run = pixel * g.stride;
  const block = run * g.stride;
  const row = pixel * g.inW;
  const border = pixel * g.padLeft;
  const shown = min(row, run * g.outW - border);
  for (let sample = 0; sample < g.samples; sample++) {
    for (let y = 0; y < g.inH; y++) {
      const i = (y + g.padTop) / g.stride;
      const dy = y + g.padTop - i * g.stride;
      let there: usize = 0;
      if (i < g.outH) {
        copyRuns(z + <usize>i * block * g.outW + <usize>dy * run, block, line, run, run, g.outW);
        memory.copy(x, line + border, shown);
        there = shown;
      }
      memory.fill(x + there, 0, row - there);
      x += row;
    }
    z += block * g.outW * g.outH;
  }
}

/** Copies `count` runs that lie `fromStep` bytes apart to places `toStep` bytes apart. */
function copyRuns(from: usize, fromStep: usize, to: usize, toStep: usize, run: usize, count: i32): void {
  for (; count > 0; count--) {
    copyRun(from, to, run);
    from += fromStep;
    to += toStep;
  }
}

/** Runs are short: 6 floats for stride 2 over RGB. */
@inline
function copyRun(from: usize, to: usize, bytes: usize): void {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(to + i, v128.load(from + i));
  for (; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i));
}
