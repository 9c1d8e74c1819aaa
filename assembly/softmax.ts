import { exp, expPairs } from "./exp";
import { highDoubles, loadLanes, loadPart, loadStep, lowDoubles, stepOf, storeStep, sumOfDoubles } from "./lanes";

/**
 * y = e^(x − max x) / Σ e^(x − max x) per row, or its logarithm, x − max x − ln Σ e^(x − max x).
 *
 * @param log  whether the logarithm is wanted
 * @param x    f32[rows][columns]
 * @param y    f32[rows][columns]; not x: it holds the exponentials meanwhile
 */
export function softmax(log: bool, x: usize, y: usize, rows: i32, columns: i32): void {
  for (; rows > 0; rows--) {
    const peak = f32x4.splat(rowMaximum(x, columns));
    exponentials(x, y, columns, peak);
    const sum = rowSum(y, columns);
    const divisor = f32x4.splat(<f32>(log ? Math.log(sum) : sum));
    for (let c = 0, step = 0; c < columns; c += step) {
      step = stepOf(columns - c);
      const at = <usize>c << 2;
      const v = log
        ? f32x4.sub(f32x4.sub(loadStep(x + at, step), peak), divisor)
        : f32x4.div(loadStep(y + at, step), divisor);
      storeStep(y + at, v, step);
    }
    x += <usize>columns << 2;
    y += <usize>columns << 2;
  }
}

/**
 * dx = y·(dy − Σ y·dy) per row, or dx = dy − e^y·Σ dy where y is the logarithm.
 *
 * @param log  as `softmax` had it
 * @param y    f32[rows][columns], the result of softmax
 * @param dy   f32[rows][columns]
 * @param dx   f32[rows][columns]; may be dy
 */
export function softmaxBackward(log: bool, y: usize, dy: usize, dx: usize, rows: i32, columns: i32): void {
  for (; rows > 0; rows--) {
    const sum = f32x4.splat(<f32>(log ? rowSum(dy, columns) : rowProduct(y, dy, columns)));
    for (let c = 0, step = 0; c < columns; c += step) {
      step = stepOf(columns - c);
      const at = <usize>c << 2;
      const vy = loadStep(y + at, step);
      const vdy = loadStep(dy + at, step);
      storeStep(dx + at, log ? f32x4.sub(vdy, f32x4.mul(exp(vy), sum)) : f32x4.mul(vy, f32x4.sub(vdy, sum)), step);
    }
    y += <usize>columns << 2;
    dy += <usize>columns << 2;
    dx += <usize>columns << 2;
  }
}

/** y = e^(x − peak). */
function exponentials(x: usize, y: usize, columns: i32, peak: v128): void {
  const end = x + (<usize>columns << 2);
  const pairs = x + (<usize>(columns & ~7) << 2);
  const toY = y - x;
  while (x < end) {
    if (x < pairs) x = expPairs(x, x + toY, pairs, peak);
    // A pair that is far from the peak, or what is left at the end.
    for (const until = x < pairs ? x + 32 : end; x < until; ) {
      const step = stepOf(<i32>((end - x) >> 2));
      storeStep(x + toY, exp(f32x4.sub(loadStep(x, step), peak)), step);
      x += <usize>step << 2;
    }
  }
}

/** The largest of `count` ≥ 1 floats. Of a row with NaN it may be any: its sum is NaN whatever is taken off. */
@inline
function rowMaximum(x: usize, count: i32): f32 {
  let best = v128.load32_splat(x);
  for (; count >= 4; count -= 4) {
    best = f32x4.pmax(best, v128.load(x));
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
function rowSum(x: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; count >= 4; count -= 4) {
    const v = v128.load(x);
    low = f64x2.add(low, lowDoubles(v));
    high = f64x2.add(high, highDoubles(v));
    x += 16;
  }
  const rest = count ? loadPart(x, count) : f32x4.splat(0);
  return sumOfDoubles(f64x2.add(f64x2.add(low, lowDoubles(rest)), f64x2.add(high, highDoubles(rest))));
}

/** Σ x·y in float64; the product of two floats is exact there. */
function rowProduct(x: usize, y: usize, count: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; count > 0; count -= 4) {
    const a = loadLanes(x, count);
    const b = loadLanes(y, count);
    low = f64x2.add(low, f64x2.mul(lowDoubles(a), lowDoubles(b)));
    high = f64x2.add(high, f64x2.mul(highDoubles(a), highDoubles(b)));
    x += 16;
    y += 16;
  }
  return sumOfDoubles(f64x2.add(low, high));
}
