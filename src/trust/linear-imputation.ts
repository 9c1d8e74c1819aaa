import { InternalError } from "../errors";
import type { SlicePlaces } from "../view/volume-slices";

/** The residual's length, as a share of the right side's, at which the values are taken: far below the noise that hides them. */
const tolerance = 1e-5;

/** How much of what the incomplete factorisation drops is taken from its diagonal: with all of it, rounding could make a pivot zero. */
const kept = 0.99;

/**
 * An input with removed places filled by the weighted means of the places around them, of which some are removed themselves: a
 * system of linear equations. A neighbour beside, above or below weighs 1/6, a diagonal one 1/12; at the border those weights count
 * that are there. The paper is about pictures: of a volume the same place of the slices before and after weighs 1/6 too.
 *
 *   Σ_j w_j · (v_i − v_j) = 0    for each removed place i, j around it
 *
 * Rong et al. 2022, https://arxiv.org/abs/2202.00449: noisy linear imputation, here without the noise; `setup_sparse_system` of
 * pytorch-grad-cam's `metrics/road.py`. The system is symmetric and positive definite as long as one place is left. It is solved
 * in float64 by conjugate gradients with an incomplete factorisation that keeps row sums (Saad 2003, algorithm 9.1 and section 10.3.5)
 * until the residual is 1e-5 of the right side: sums and products in one order, the same bits everywhere.
 *
 * @param x        channels innermost
 * @param removed  1 for each place that is filled; at least one place is left
 * @param pause    awaited between steps
 */
export async function imputed(
  x: Float32Array,
  removed: Uint8Array,
  places: SlicePlaces,
  pause: () => Promise<void>,
): Promise<Float32Array> {
  const channels = x.length / removed.length;
  const { grid, ...system } = systemOf(removed, places, channels);
  // The equations hold for any shift; about zero the tolerance is one of differences.
  const middle = meansOfKept(x, removed);
  const known = new Float64Array(system.diagonal.length);
  for (let i = 0; i < x.length; i++) {
    if (!removed[Math.floor(i / channels)]) known[grid[i]] = x[i] - middle[i % channels];
  }
  const right = new Float64Array(known.length);
  for (const p of system.unknowns) right[p] = around(system, known, p);
  const values = await solved(system, right, pause);
  return x.map((value, i) => (removed[Math.floor(i / channels)] ? values[grid[i]] + middle[i % channels] : value));
}

/**
 * The equations of all channels, which do not know of each other, on a grid with a border of one place: channels innermost, and
 * every vector zero outside the unknowns. Weights are times 12.
 */
interface System {
  /** The unknowns on the grid, rising. */
  readonly unknowns: Uint32Array;
  /** From one place to the next, from one row, and from one slice; 0 where there is one slice. */
  readonly column: number;
  readonly row: number;
  readonly slice: number;
  /** What the neighbours of each unknown weigh together. */
  readonly diagonal: Float64Array;
  /** One over the pivots of the factorisation; zero outside the unknowns. */
  readonly inverse: Float64Array;
}

/** @returns also where each value of the input lies on the grid */
function systemOf(
  removed: Uint8Array,
  { depth, height, width }: SlicePlaces,
  channels: number,
): System & { readonly grid: Uint32Array } {
  const column = channels;
  const row = column * (width + 2);
  const area = row * (height + 2);
  const [border, slice] = depth > 1 ? [1, area] : [0, 0];
  const size = area * (depth + 2 * border);
  const grid = Uint32Array.from({ length: removed.length * channels }, (_, i) => {
    const place = Math.floor(i / channels);
    const [x, y, z] = [place % width, Math.floor(place / width) % height, Math.floor(place / (width * height))];
    return (z + border) * area + (y + 1) * row + (x + 1) * column + (i % channels);
  });
  const unknowns = grid.filter((_, i) => removed[Math.floor(i / channels)] !== 0);
  const [inside, unknown] = [new Float64Array(size), new Float64Array(size)];
  for (const p of grid) inside[p] = 1;
  for (const p of unknowns) unknown[p] = 1;
  const steps = { column, row, slice };
  const diagonal = new Float64Array(size);
  for (const p of unknowns) diagonal[p] = around(steps, inside, p);
  return { grid, unknowns, ...steps, diagonal, inverse: inversePivots({ unknowns, ...steps, diagonal }, unknown) };
}

/**
 * Of the incomplete factorisation (D + L)·D⁻¹·(D + U) without fill, where L and U are the system's own triangles and D is chosen so
 * that rows sum to what those of the system do, nearly (Gustafsson 1978): smooth errors, the slow ones, then die in few steps.
 *
 * @param unknown  1 where there is an unknown
 */
function inversePivots(system: Omit<System, "inverse">, unknown: Float64Array): Float64Array {
  const { unknowns, column, row, slice, diagonal } = system;
  const inverse = new Float64Array(diagonal.length);
  /** What the unknowns after each one weigh. */
  const after = new Float64Array(diagonal.length);
  for (const p of unknowns) after[p] = following(system, unknown, p);
  for (const p of unknowns) {
    let pivot = diagonal[p];
    const drop = (j: number, weight: number): void => {
      pivot -= weight * inverse[j] * (weight + kept * (after[j] - weight));
    };
    if (slice > 0) drop(p - slice, 2);
    drop(p - row - column, 1);
    drop(p - row, 2);
    drop(p - row + column, 1);
    drop(p - column, 2);
    inverse[p] = 1 / pivot;
  }
  return inverse;
}

type Steps = Pick<System, "column" | "row" | "slice">;

/** The weighted sum of what lies before a place, and of what lies after it. */
const preceding = ({ column, row, slice }: Steps, v: Float64Array, p: number): number =>
  v[p - row - column] + v[p - row + column] + 2 * (v[p - row] + v[p - column] + (slice > 0 ? v[p - slice] : 0));
const following = ({ column, row, slice }: Steps, v: Float64Array, p: number): number =>
  v[p + row - column] + v[p + row + column] + 2 * (v[p + row] + v[p + column] + (slice > 0 ? v[p + slice] : 0));
const around = (steps: Steps, v: Float64Array, p: number): number => preceding(steps, v, p) + following(steps, v, p);

function meansOfKept(x: Float32Array, removed: Uint8Array): Float64Array {
  const channels = x.length / removed.length;
  const sums = new Float64Array(channels);
  let count = 0;
  for (let place = 0; place < removed.length; place++) {
    if (removed[place]) continue;
    for (let channel = 0; channel < channels; channel++) sums[channel] += x[place * channels + channel];
    count++;
  }
  return sums.map((sum) => sum / count);
}

/** The system's solution by preconditioned conjugate gradients. */
async function solved(system: System, right: Float64Array, pause: () => Promise<void>): Promise<Float64Array> {
  const enough = tolerance ** 2 * dot(system, right, right);
  const state = { values: new Float64Array(right.length), residual: right.slice(), size: 0 };
  const work = { swept: right.slice(), direction: right.slice().fill(0), product: right.slice() };
  // In exact arithmetic there are no more steps than unknowns.
  for (let step = 0; step < 10 * system.unknowns.length + 100; step++) {
    if (dot(system, state.residual, state.residual) <= enough) return state.values;
    advance(system, state, work);
    await pause();
  }
  throw new InternalError(`The imputation of ${system.unknowns.length} values did not converge.`);
}

interface State {
  readonly values: Float64Array;
  /** The right side less what the values come to. */
  readonly residual: Float64Array;
  /** The residual's length by the factorisation, squared; 0 before the first step. */
  size: number;
}

/** One step along a direction that is conjugate to those before. */
function advance(
  system: System,
  state: State,
  { swept, direction, product }: Readonly<Record<"swept" | "direction" | "product", Float64Array>>,
): void {
  const { values, residual } = state;
  const { unknowns } = system;
  sweep(system, residual, swept);
  const size = dot(system, residual, swept);
  const ratio = state.size > 0 ? size / state.size : 0;
  for (let i = 0; i < unknowns.length; i++)
    direction[unknowns[i]] = swept[unknowns[i]] + ratio * direction[unknowns[i]];
  multiply(system, direction, product);
  const length = size / dot(system, direction, product);
  for (let i = 0; i < unknowns.length; i++) {
    values[unknowns[i]] += length * direction[unknowns[i]];
    residual[unknowns[i]] -= length * product[unknowns[i]];
  }
  state.size = size;
}

/** out = A·v */
function multiply(system: System, v: Float64Array, out: Float64Array): void {
  const { unknowns, diagonal, ...steps } = system;
  for (let i = 0; i < unknowns.length; i++) {
    const p = unknowns[i];
    out[p] = diagonal[p] * v[p] - around(steps, v, p);
  }
}

/** out = (D + U)⁻¹ · D · (D + L)⁻¹ · v: one sweep down and one up. What `out` held before is not read. */
function sweep(system: System, v: Float64Array, out: Float64Array): void {
  const { unknowns, inverse } = system;
  for (let i = 0; i < unknowns.length; i++) {
    const p = unknowns[i];
    out[p] = (v[p] + preceding(system, out, p)) * inverse[p];
  }
  for (let i = unknowns.length - 1; i >= 0; i--) {
    const p = unknowns[i];
    out[p] += following(system, out, p) * inverse[p];
  }
}

function dot({ unknowns }: System, a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < unknowns.length; i++) sum += a[unknowns[i]] * b[unknowns[i]];
  return sum;
}
