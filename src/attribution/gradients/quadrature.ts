import { show } from "../../checks";
import { OptionError } from "../../errors";

/** How a path integral over [0, 1] becomes a weighted sum. */
export type QuadratureRule = "gauss-legendre" | "riemann-left" | "riemann-right" | "riemann-middle" | "trapezoid";

export interface Quadrature {
  /** Positions on [0, 1]. */
  readonly alphas: readonly number[];
  /** Weights; they sum to 1. */
  readonly weights: readonly number[];
}

/** @throws {OptionError} if the rule is unknown or the number of steps is no whole number of at least 1 (trapezoid: 2) */
export function quadrature(rule: QuadratureRule, steps: number): Quadrature {
  const least = rule === "trapezoid" ? 2 : 1;
  if (!Number.isInteger(steps) || steps < least) {
    throw new OptionError(
      `nSteps must be a whole number of at least ${least} for the rule ${show(rule)}, got ${show(steps)}.`,
    );
  }
  const even = (shift: number): Quadrature => ({
    alphas: Array.from({ length: steps }, (_, i) => (i + shift) / steps),
    weights: new Array<number>(steps).fill(1 / steps),
  });
  switch (rule) {
    case "gauss-legendre":
      return gaussLegendre(steps);
    case "riemann-left":
      return even(0);
    case "riemann-middle":
      return even(0.5);
    case "riemann-right":
      return even(1);
    case "trapezoid": {
      const gap = 1 / (steps - 1);
      return {
        alphas: Array.from({ length: steps }, (_, i) => i * gap),
        weights: Array.from({ length: steps }, (_, i) => (i === 0 || i === steps - 1 ? gap / 2 : gap)),
      };
    }
    default:
      throw new OptionError(
        `The rule ${show(rule)} is not one of gauss-legendre, riemann-left, riemann-right, riemann-middle, trapezoid.`,
      );
  }
}

/** The numbers from 0 to count − 1: the middle, then the middles of what is left between, and so on. */
export function halvingOrder(count: number): number[] {
  const order: number[] = [];
  const open: (readonly [number, number])[] = [[0, count]];
  // What is appended is visited too: all gaps of one width before those of half of it.
  for (const [first, end] of open) {
    if (first === end) continue;
    const middle = Math.floor((first + end) / 2);
    order.push(middle);
    open.push([first, middle], [middle + 1, end]);
  }
  return order;
}

/** The weights of all points, each given to the nearest of some of them; of two the first. Of all points their own. */
export function nearestShares(
  alphas: readonly number[],
  weights: readonly number[],
  known: readonly number[],
): number[] {
  const shares = new Array<number>(known.length).fill(0);
  let k = 0;
  alphas.forEach((alpha, point) => {
    while (k + 1 < known.length && Math.abs(alphas[known[k + 1]] - alpha) < Math.abs(alphas[known[k]] - alpha)) k++;
    shares[k] += weights[point];
  });
  return shares;
}

/** Gauss–Legendre nodes and weights moved from [−1, 1] to [0, 1]: Newton's method on the Legendre polynomial. */
function gaussLegendre(count: number): Quadrature {
  const alphas = new Array<number>(count);
  const weights = new Array<number>(count);
  for (let i = 0; i < count; i++) {
    let node = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 0;
    for (let iteration = 0; iteration < 100; iteration++) {
      let [previous, current] = [1, node];
      for (let degree = 2; degree <= count; degree++) {
        [previous, current] = [current, ((2 * degree - 1) * node * current - (degree - 1) * previous) / degree];
      }
      slope = (count * (node * current - previous)) / (node * node - 1);
      const step = current / slope;
      node -= step;
      if (Math.abs(step) < 1e-16) break;
    }
    // Nodes come out from +1 downwards; the path starts at the baseline.
    alphas[count - 1 - i] = (1 + node) / 2;
    weights[count - 1 - i] = 1 / ((1 - node * node) * slope * slope);
  }
  return { alphas, weights };
}
