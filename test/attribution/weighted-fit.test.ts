/** Weighted least squares, against what they are by definition. */
import { Matrix, pseudoInverse } from "ml-matrix";
import { expect, it } from "vitest";
import { weightedFit } from "../../src/attribution/covering/weighted-fit";
import { randomIntegers } from "../graph/build";

const random = randomIntegers(11);
const draw = (): number => random(1, 1000) / 997;

/** β = (W^½ A)⁺ W^½ t, without the normal equations. */
function shortest(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  weights: readonly number[],
): number[] {
  const root = weights.map(Math.sqrt);
  const scaled = new Matrix(rows.map((row, i) => row.map((value) => value * root[i])));
  return pseudoInverse(scaled, 1e-9)
    .mmul(Matrix.columnVector(targets.map((value, i) => value * root[i])))
    .getColumn(0);
}

for (const [what, features, samples, alike] of [
  ["more samples than features", 6, 20, false],
  ["one sample fewer than features", 8, 7, false],
  ["far fewer samples than features", 12, 7, false],
  ["features that are always there together", 9, 30, true],
] as const) {
  it(what, async () => {
    for (let round = 0; round < 100; round++) {
      const rows = Array.from({ length: samples }, () => {
        const row = Array.from({ length: features }, () => random(0, 1));
        if (alike) row[3] = row[7] = row[1];
        return row;
      });
      const [targets, weights] = [rows.map(draw), rows.map(draw)];
      const expected = shortest(rows, targets, weights);
      (await weightedFit({ rows, targets, weights }, 0)).forEach((value, i) => {
        expect(value, `round ${round}, feature ${i}`).toBeCloseTo(expected[i], 6);
      });
    }
  });
}

it("shrinks by the penalty", async () => {
  const samples = { rows: [[1], [1]], targets: [3, 5], weights: [1, 3] };
  expect([...(await weightedFit(samples, 0))][0]).toBeCloseTo(18 / 4, 12);
  expect([...(await weightedFit(samples, 2))][0]).toBeCloseTo(18 / 6, 12);
});
