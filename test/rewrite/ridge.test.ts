import { expect, it } from "vitest";
import { addSample, fitRidge, noMoments } from "../../src/rewrite/ridge";
import { randomIntegers } from "../graph/build";

const random = randomIntegers(3);
const draw = (length: number): number[] => Array.from({ length }, () => random(-1000, 1000) / 500);

/** n samples of 4 features and 2 targets that depend on them, with noise. */
function samples(n: number): { f: Float64Array; t: number[] }[] {
  return Array.from({ length: n }, () => {
    const [a, b, c, d] = draw(4);
    const [e, g] = draw(2);
    return { f: Float64Array.of(a, b + 3, c, d), t: [a - 2 * b + 1 + e / 4, c / 2 + g / 3] };
  });
}

const momentsOf = (data: ReturnType<typeof samples>) => {
  const moments = noMoments(4, 2);
  for (const { f, t } of data) addSample(moments, f, t);
  return moments;
};

it("the fit is where the gradient of the penalised error is zero", async () => {
  const data = samples(30);
  const lambda = 0.3;
  const { weights, bias } = await fitRidge(momentsOf(data), lambda);
  for (let k = 0; k < 2; k++) {
    const errors = data.map(({ f, t }) => bias[k] + f.reduce((sum, x, i) => sum + weights[k * 4 + i] * x, 0) - t[k]);
    expect(errors.reduce((a, b) => a + b) / 30).toBeCloseTo(0, 12);
    for (let i = 0; i < 4; i++) {
      const slope = errors.reduce((sum, error, s) => sum + error * data[s].f[i], 0) / 30;
      expect(slope + lambda * weights[k * 4 + i]).toBeCloseTo(0, 12);
    }
  }
});

it("without a penalty worth the name it finds the line that the targets lie on", async () => {
  const data = samples(12).map(({ f }) => ({ f, t: [2 * f[0] - f[3] + 5, f[1]] }));
  const { weights, bias } = await fitRidge(momentsOf(data), 1e-12);
  const expected = [2, 0, 0, -1, 0, 1, 0, 0];
  weights.forEach((weight, i) => {
    expect(weight).toBeCloseTo(expected[i], 8);
  });
  expect(bias[0]).toBeCloseTo(5, 8);
  expect(bias[1]).toBeCloseTo(0, 8);
});

it("generalised cross-validation picks the penalty that its definition ranks first", async () => {
  const data = samples(9);
  const { lambda } = await fitRidge(momentsOf(data));
  // By the definition: residuals of the fit, and the degrees of freedom as the trace of the map from targets to fits.
  const loss = async (candidate: number): Promise<number> => {
    const { weights, bias } = await fitRidge(momentsOf(data), candidate);
    let residual = 0;
    for (const { f, t } of data) {
      for (let k = 0; k < 2; k++) {
        residual += (bias[k] + f.reduce((sum, x, i) => sum + weights[k * 4 + i] * x, 0) - t[k]) ** 2;
      }
    }
    let degrees = 0;
    for (let s = 0; s < data.length; s++) {
      const unit = data.map(({ f }, i) => ({ f, t: [Number(i === s), 0] }));
      const fit = await fitRidge(momentsOf(unit), candidate);
      degrees += fit.bias[0] + data[s].f.reduce((sum, x, i) => sum + fit.weights[i] * x, 0);
    }
    return residual / 9 / (1 - degrees / 9) ** 2;
  };
  const chosen = await loss(lambda);
  for (const factor of [10 ** -0.5, 10 ** -0.25, 10 ** 0.25, 10 ** 0.5]) {
    expect(await loss(lambda * factor)).toBeGreaterThanOrEqual(chosen);
  }
});

it("features that depend on each other, or never vary, do no harm", async () => {
  const data = samples(20).map(({ f, t }) => ({ f: Float64Array.of(f[0], 2 * f[0], 0, f[3]), t }));
  const { weights, bias, lambda } = await fitRidge(momentsOf(data));
  expect([...weights, ...bias, lambda].every(Number.isFinite)).toBe(true);
  expect(weights[2]).toBe(0);
});

it("says so where no feature varies at all", async () => {
  const moments = noMoments(2, 1);
  for (let i = 0; i < 4; i++) addSample(moments, Float64Array.of(3, -1), [i]);
  await expect(fitRidge(moments)).rejects.toThrow(/the pooled features are the same for all images/);
});
