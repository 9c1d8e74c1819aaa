import { multiplyPanel } from "./conv";
import { MatMulGeometry, PackGeometry } from "./geometry";
import { interleaveFour, zeros } from "./lanes";
import { packWeights } from "./pack";

/**
 * Products of matrices of any strides, one for each entry of a table:
 *
 *   c[i][j] = Σ_k a[i][k] · b[k][j], or added to what is there
 *
 * A block of rows of a is gathered in fours and b in panels of eight columns, as `conv` has them, so a sum has the bits
 * of a convolution: in the order of k, in one accumulator that starts at 0.
 *
 * @param table    i32[count][4]: where the matrices begin in a, b and c, in floats, and 1 where c is added to
 * @param scratch  blockTiles·(48 + 4·inner) + ⌈columns/8⌉·8·inner floats
 * @param pack     how b becomes panels: columns are its outChannels, inner its channels
 */
export function matMul(
  a: usize, b: usize, c: usize, table: usize, count: i32, scratch: usize, pack: PackGeometry, g: MatMulGeometry,
): void {
  const inner = g.inner;
  const columns = g.columns;
  const block = g.blockTiles << 2;
  const staging = scratch + (<usize>block << 4);
  const packed = staging + (<usize>block << 5);
  const panels = packed + ((<usize>block * inner) << 2);
  const panelBytes = <usize>inner << 5;
  let inPanels = -1;
  for (; count > 0; count--) {
    const from = a + (<usize>load<i32>(table) << 2);
    const place = load<i32>(table, 4);
    const to = c + (<usize>load<i32>(table, 8) << 2);
    const adds = load<i32>(table, 12) != 0;
    const direct = g.cColumn == 1 && !adds;
    table += 16;
    // Matrices that share b follow one another.
    if (place != inPanels) packWeights(b + (<usize>place << 2), panels, pack);
    inPanels = place;
    for (let first = 0; first < g.rows; first += block) {
      const rows = min(block, g.rows - first);
      packFours(from + (<usize>(first * g.aRow) << 2), packed, rows, g);
      const end = scratch + (<usize>((rows + 3) & ~3) << 4);
      const target = to + (<usize>(first * g.cRow) << 2);
      const step = direct ? g.cRow << 2 : 32;
      // The rows that fill up the last four are computed and stored again.
      for (let i = 0, at = scratch; at < end; i++, at += 16) store<i32>(at, min(i, rows - 1) * step);
      let panel = panels;
      for (let n = 0; n < columns; n += 8) {
        const out = direct ? target + (<usize>n << 2) : staging;
        multiplyPanel(packed, panel, panelBytes, zeros, out, scratch, end, columns - n, -Infinity, Infinity);
        if (!direct) scatter(staging, target + (<usize>(n * g.cColumn) << 2), rows, min(columns - n, 8), adds, g);
        panel += panelBytes;
      }
    }
  }
}

/** Rows in fours, f32[⌈rows/4⌉][inner][4]; the last one fills up the last four. */
function packFours(from: usize, to: usize, rows: i32, g: MatMulGeometry): void {
  const rowBytes = <usize>g.aRow << 2;
  const innerBytes = <usize>g.aInner << 2;
  const inner = g.inner;
  for (; rows > 0; rows -= 4) {
    let p0 = from;
    let p1 = rows > 1 ? p0 + rowBytes : p0;
    let p2 = rows > 2 ? p1 + rowBytes : p1;
    let p3 = rows > 3 ? p2 + rowBytes : p2;
    if (innerBytes == 4) {
      interleaveFour(p0, p1, p2, p3, to, inner);
      to += <usize>inner << 4;
    } else if (rowBytes == 4 && rows > 3) {
      for (let k = 0; k < inner; k++) {
        v128.store(to, v128.load(p0));
        p0 += innerBytes;
        to += 16;
      }
    } else {
      for (let k = 0; k < inner; k++) {
        store<f32>(to, load<f32>(p0));
        store<f32>(to, load<f32>(p1), 4);
        store<f32>(to, load<f32>(p2), 8);
        store<f32>(to, load<f32>(p3), 12);
        p0 += innerBytes;
        p1 += innerBytes;
        p2 += innerBytes;
        p3 += innerBytes;
        to += 16;
      }
    }
    from += rowBytes << 2;
  }
}

/** Up to eight columns, f32[rows][8], to their places. */
function scatter(from: usize, to: usize, rows: i32, lanes: i32, adds: bool, g: MatMulGeometry): void {
  const step = <usize>g.cColumn << 2;
  const rowBytes = <usize>g.cRow << 2;
  if (lanes == 8 && !adds) {
    for (; rows > 0; rows--) {
      storeApart(v128.load(from), to, step);
      storeApart(v128.load(from, 16), to + (step << 2), step);
      from += 32;
      to += rowBytes;
    }
    return;
  }
  for (; rows > 0; rows--) {
    let at = to;
    for (let lane = from, end = from + (<usize>lanes << 2); lane < end; lane += 4) {
      store<f32>(at, adds ? load<f32>(at) + load<f32>(lane) : load<f32>(lane));
      at += step;
    }
    from += 32;
    to += rowBytes;
  }
}

/** Four floats, `step` bytes apart. */
@inline
function storeApart(v: v128, to: usize, step: usize): void {
  v128.store32_lane(to, v, 0);
  to += step;
  v128.store32_lane(to, v, 1);
  to += step;
  v128.store32_lane(to, v, 2);
  v128.store32_lane(to + step, v, 3);
}
