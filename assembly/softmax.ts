import { exp } from "./exp";
import { highDoubles, loadLanes, lowDoubles, storeLanes, sumOfDoubles } from "./lanes";

/**
 * y = e^(x − max x) / Σ e^(x − max x) per row.
 *
 * @param x  f32[rows][columns]
 * @param y  f32[rows][columns]; may be x
 */
export function softmax(x: usize, y: usize, rows: i32, columns: i32): void {
  for (; rows > 0; rows--) {
    const peak = f32x4.splat(rowMaximum(x, columns));
    let p = x;
    let q = y;
    for (let count = columns; count > 0; count -= 4) {
      storeLanes(q, exp(f32x4.sub(loadLanes(p, count), peak)), count);
      p += 16;
      q += 16;
    }
    const sum = f32x4.splat(<f32>rowSum(y, columns));
    q = y;
    for (let count = columns; count > 0; count -= 4) {
      storeLanes(q, f32x4.div(loadLanes(q, count), sum), count);
      q += 16;
    }
    x += (<usize>columns) << 2;
    y += (<usize>columns) << 2;
  }
}

/**
 * dx = y·(dy − Σ y·dy) per row.
 *
 * @param y   f32[rows][columns], the result of softmax
 * @param dy  f32[rows][columns]
 * @param dx  f32[rows][columns]; may be dy
 */
export function softmaxBackward(y: usize, dy: usize, dx: usize, rows: i32, columns: i32): void {
  for (; rows > 0; rows--) {
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    let at: usize = 0;
    for (let count = columns; count > 0; count -= 4) {
      const vy = loadLanes(y + at, count);
      const vdy = loadLanes(dy + at, count);
      low = f64x2.add(low, f64x2.mul(lowDoubles(vy), lowDoubles(vdy)));
      high = f64x2.add(high, f64x2.mul(highDoubles(vy), highDoubles(vdy)));
      at += 16;
    }
    const mean = f32x4.splat(<f32>sumOfDoubles(f64x2.add(low, high)));
    at = 0;
    for (let count = columns; count > 0; count -= 4) {
      storeLanes(dx + at, f32x4.mul(loadLanes(y + at, count), f32x4.sub(loadLanes(dy + at, count), mean)), count);
      at += 16;
    }
    y += (<usize>columns) << 2;
    dy += (<usize>columns) << 2;
    dx += (<usize>columns) << 2;
  }
}

/**
 * y = x − max x − ln Σ e^(x − max x) per row.
 *
 * @param x  f32[rows][columns]
 * @param y  f32[rows][columns]; not x: it holds the exponentials meanwhile
 */
export function logSoftmax(x: usize, y: usize, rows: i32, columns: i32): void {
  for (; rows > 0; rows--) {
    const peak = rowMaximum(x, columns);
    const shift = f32x4.splat(peak);
    let at: usize = 0;
    for (let count = columns; count > 0; count -= 4) {
      storeLanes(y + at, exp(f32x4.sub(loadLanes(x + at, count), shift)), count);
      at += 16;
    }
    const logSum = f32x4.splat(<f32>Math.log(rowSum(y, columns)));
    at = 0;
    for (let count = columns; count > 0; count -= 4) {
      storeLanes(y + at, f32x4.sub(f32x4.sub(loadLanes(x + at, count), shift), logSum), count);
      at += 16;
    }
    x += (<usize>columns) << 2;
    y += (<usize>columns) << 2;
  }
}

/**
 * dx = dy − e^y·Σ dy per row.
 *
 * @param y   f32[rows][columns], the result of logSoftmax
 * @param dy  f32[rows][columns]
 * @param dx  f32[rows][columns]; may be dy
 */
export function logSoftmaxBackward(y: usize, dy: usize, dx: usize, rows: i32, columns: i32): void {
  for (; rows > 0; rows--) {
    const sum = f32x4.splat(<f32>rowSum(dy, columns));
    let at: usize = 0;
    for (let count = columns; count > 0; count -= 4) {
      const probability = exp(loadLanes(y + at, count));
      storeLanes(dx + at, f32x4.sub(loadLanes(dy + at, count), f32x4.mul(probability, sum)), count);
      at += 16;
    }
    y += (<usize>columns) << 2;
    dy += (<usize>columns) << 2;
    dx += (<usize>columns) << 2;
  }
}

/** The largest of `count` ≥ 1 floats; NaN if there is one. */
@inline
function rowMaximum(x: usize, count: i32): f32 {
  let best = v128.load32_splat(x);
  for (; count >= 4; count -= 4) {
    best = f32x4.max(best, v128.load(x));
    x += 16;
  }
  let peak = max(
    max(f32x4.extract_lane(best, 0), f32x4.extract_lane(best, 1)),
    max(f32x4.extract_lane(best, 2), f32x4.extract_lane(best, 3)),
  );
  for (; count > 0; count--) {
    peak = max(peak, load<f32>(x));
    x += 4;
  }
  return peak;
}

/** Σ x in float64. */
@inline
function rowSum(x: usize, count: i32): f64 {
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
