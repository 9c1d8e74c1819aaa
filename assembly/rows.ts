import { exp } from "./exp";
import { highDoubles, loadLanes, lowDoubles, storeLanes, sumOfDoubles } from "./lanes";

/**
 * Every row normalised: y = (x − m)·r with r = 1/√(mean((x − m)²) + epsilon), in float64, in two passes: x − m cancels where
 * the mean is large.
 *
 * @param centred  m is the mean of the row, or 0 (root mean square)
 * @param x        f32[rows][columns]
 * @param y        f32[rows][columns]; may be x
 */
export function normalizeRows(centred: bool, x: usize, y: usize, rows: i32, columns: i32, epsilon: f32): void {
  const rowBytes = <usize>columns << 2;
  for (; rows > 0; rows--) {
    const mean = centred ? sumOfRow(x, columns) / <f64>columns : 0;
    const m = f64x2.splat(mean);
    const r = f64x2.splat(deviation(x, m, columns, epsilon));
    for (let left = columns, at: usize = 0; left > 0; left -= 4, at += 16) {
      const v = loadLanes(x + at, left);
      const low = f64x2.mul(f64x2.sub(lowDoubles(v), m), r);
      const high = f64x2.mul(f64x2.sub(highDoubles(v), m), r);
      storeLanes(y + at, narrowed(low, high), left);
    }
    x += rowBytes;
    y += rowBytes;
  }
}

/**
 * Its adjoint, with the normalised h = (x − m)·r and means over the row; the middle term only where rows are centred:
 *
 *   dx = r·(dy − mean(dy) − h·mean(dy·h))
 *
 * @param x   f32[rows][columns]
 * @param dy  f32[rows][columns]
 * @param dx  f32[rows][columns]; may be dy
 */
export function normalizeRowsBackward(
  centred: bool, x: usize, dy: usize, dx: usize, rows: i32, columns: i32, epsilon: f32,
): void {
  const rowBytes = <usize>columns << 2;
  for (; rows > 0; rows--) {
    const m = f64x2.splat(centred ? sumOfRow(x, columns) / <f64>columns : 0);
    const r = f64x2.splat(deviation(x, m, columns, epsilon));
    const dyMean = f64x2.splat(centred ? sumOfRow(dy, columns) / <f64>columns : 0);
    let sum = f64x2.splat(0);
    for (let left = columns, at: usize = 0; left > 0; left -= 4, at += 16) {
      const v = loadLanes(x + at, left);
      const d = loadLanes(dy + at, left);
      // What fills up the last vector has dy = 0.
      sum = f64x2.add(sum, f64x2.mul(lowDoubles(d), f64x2.sub(lowDoubles(v), m)));
      sum = f64x2.add(sum, f64x2.mul(highDoubles(d), f64x2.sub(highDoubles(v), m)));
    }
    // h·mean(dy·h) = (x − m)·r²·mean(dy·(x − m))
    const slope = f64x2.mul(f64x2.mul(r, r), f64x2.splat(sumOfDoubles(sum) / <f64>columns));
    for (let left = columns, at: usize = 0; left > 0; left -= 4, at += 16) {
      const v = loadLanes(x + at, left);
      const d = loadLanes(dy + at, left);
      const low = f64x2.sub(f64x2.sub(lowDoubles(d), dyMean), f64x2.mul(f64x2.sub(lowDoubles(v), m), slope));
      const high = f64x2.sub(f64x2.sub(highDoubles(d), dyMean), f64x2.mul(f64x2.sub(highDoubles(v), m), slope));
      storeLanes(dx + at, narrowed(f64x2.mul(low, r), f64x2.mul(high, r)), left);
    }
    x += rowBytes;
    dy += rowBytes;
    dx += rowBytes;
  }
}

@inline
function narrowed(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

function sumOfRow(x: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; count > 0; count -= 4) {
    const v = loadLanes(x, count);
    low = f64x2.add(low, lowDoubles(v));
    high = f64x2.add(high, highDoubles(v));
    x += 16;
  }
  return sumOfDoubles(f64x2.add(low, high));
}

/** 1/√(mean((x − m)²) + epsilon). */
function deviation(x: usize, m: v128, columns: i32, epsilon: f32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let count = columns;
  for (; count >= 4; count -= 4) {
    const v = v128.load(x);
    const a = f64x2.sub(lowDoubles(v), m);
    const b = f64x2.sub(highDoubles(v), m);
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
    x += 16;
  }
  let sum = sumOfDoubles(f64x2.add(low, high));
  for (; count > 0; count--) {
    const a = <f64>load<f32>(x) - f64x2.extract_lane(m, 0);
    sum += a * a;
    x += 4;
  }
  return 1 / Math.sqrt(sum / <f64>columns + <f64>epsilon);
}

/** The codes of `Reduce` in src/wasm/kernels.ts. */
enum Reduce {
  max,
  min,
  l1,
  l2,
  sumSquare,
  logSum,
  logSumExp,
  product,
}

/**
 * One number for every row: the largest, the smallest, Σ|x|, √Σx², Σx², ln Σx, ln Σeˣ, Πx; in float64.
 *
 * @param x  f32[rows][columns], columns ≥ 1
 * @param y  f32[rows]
 */
export function reduceRows(kind: i32, x: usize, y: usize, rows: i32, columns: i32): void {
  const rowBytes = <usize>columns << 2;
  for (; rows > 0; rows--) {
    store<f32>(y, reduced(kind, x, x + rowBytes));
    x += rowBytes;
    y += 4;
  }
}

function reduced(kind: i32, x: usize, end: usize): f32 {
  if (kind == Reduce.max || kind == Reduce.logSumExp) {
    const peak = largest(x, end, 1);
    if (kind == Reduce.max || Math.abs(<f64>peak) == Infinity) return peak;
    let sum: f64 = 0;
    for (; x < end; x += 4) sum += <f64>exponential(load<f32>(x) - peak);
    return <f32>(<f64>peak + Math.log(sum));
  }
  if (kind == Reduce.min) return -largest(x, end, -1);
  let sum: f64 = kind == Reduce.product ? 1 : 0;
  for (; x < end; x += 4) {
    const v = <f64>load<f32>(x);
    if (kind == Reduce.l1) sum += Math.abs(v);
    else if (kind == Reduce.logSum) sum += v;
    else if (kind == Reduce.product) sum *= v;
    else sum += v * v;
  }
  if (kind == Reduce.l2) return <f32>Math.sqrt(sum);
  return <f32>(kind == Reduce.logSum ? Math.log(sum) : sum);
}

/** The largest of sign·x; NaN if there is one. */
function largest(x: usize, end: usize, sign: f32): f32 {
  let peak: f32 = -Infinity;
  for (; x < end; x += 4) peak = max(peak, sign * load<f32>(x));
  return peak;
}

function exponential(x: f32): f32 {
  return f32x4.extract_lane(exp(f32x4.splat(x)), 0);
}

/**
 * Adjoint of the derivative of `reduceRows`; of equal extrema the first one gets all.
 *
 * @param x   f32[rows][columns]
 * @param y   f32[rows], the result
 * @param dy  f32[rows]
 * @param dx  f32[rows][columns]
 */
export function reduceRowsBackward(kind: i32, x: usize, y: usize, dy: usize, dx: usize, rows: i32, columns: i32): void {
  const rowBytes = <usize>columns << 2;
  for (; rows > 0; rows--) {
    const result = load<f32>(y);
    const slope = load<f32>(dy);
    let found = false;
    const end = x + rowBytes;
    const begin = x;
    for (; x < end; x += 4) {
      const v = load<f32>(x);
      let d: f64 = 0;
      if (kind <= Reduce.min) {
        if (!found && v == result) {
          found = true;
          d = 1;
        }
      } else if (kind == Reduce.l1) d = v > 0 ? 1 : v < 0 ? -1 : 0;
      else if (kind == Reduce.l2) d = result > 0 ? <f64>v / <f64>result : 0;
      else if (kind == Reduce.sumSquare) d = 2 * <f64>v;
      else if (kind == Reduce.logSum) d = 1 / <f64>exponential(result);
      else if (kind == Reduce.logSumExp) d = <f64>exponential(v - result);
      else d = v != 0 ? <f64>result / <f64>v : others(begin, end, x);
      store<f32>(dx, <f32>(d * <f64>slope));
      dx += 4;
    }
    y += 4;
    dy += 4;
  }
}

/** The product of a row without one of its elements. */
function others(x: usize, end: usize, without: usize): f64 {
  let product: f64 = 1;
  for (; x < end; x += 4) if (x != without) product *= <f64>load<f32>(x);
  return product;
}
