/** What works row by row, over any axes of values of every rank: against its definition in float64, and onnxruntime where it knows it. */

import { describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import { unravel } from "../../src/graph/regions";
import { sizeOf } from "../../src/tensor";
import fc from "../seeded";
import { type Case, graphOf, Runner, reference, values, worst } from "./harness";

const tolerance = 2e-5;

type Row = readonly number[];
type OfRow = (row: Row) => number[];

const sum = (row: Row): number => row.reduce((total, value) => total + value, 0);
const mean = (row: Row): number => sum(row) / row.length;

const normalised =
  (centred: boolean, epsilon: number): OfRow =>
  (row) => {
    const m = centred ? mean(row) : 0;
    const deviation = Math.sqrt(mean(row.map((value) => (value - m) ** 2)) + epsilon);
    return row.map((value) => (value - m) / deviation);
  };

const reductions: Readonly<Record<string, (row: Row) => number>> = {
  ReduceL1: (row) => sum(row.map(Math.abs)),
  ReduceL2: (row) => Math.hypot(...row),
  ReduceLogSum: (row) => Math.log(sum(row)),
  ReduceLogSumExp: (row) => Math.log(sum(row.map(Math.exp))),
  ReduceMax: (row) => Math.max(...row),
  ReduceMin: (row) => Math.min(...row),
  ReduceProd: (row) => row.reduce((product, value) => product * value, 1),
  ReduceSumSquare: (row) => sum(row.map((value) => value ** 2)),
};

const softmax: OfRow = (row) => {
  const all = sum(row.map(Math.exp));
  return row.map((value) => Math.exp(value) / all);
};

/** The value with every row along some axes replaced; reduced axes keep one element. */
function alongAxes(x: Float64Array, shape: Row, axes: Row, of: OfRow): Float64Array {
  const rows = new Map<string, number[]>();
  const keyOf = (i: number): string =>
    unravel(i, shape)
      .map((index, axis) => (axes.includes(axis) ? 0 : index))
      .join();
  x.forEach((_, i) => {
    const key = keyOf(i);
    rows.set(key, [...(rows.get(key) ?? []), i]);
  });
  const out = new Float64Array(x.length);
  const made = [...rows.values()].map((places) => ({ places, row: of(places.map((i) => x[i])) }));
  if (made[0].row.length !== made[0].places.length) return Float64Array.from(made.map(({ row }) => row[0]));
  for (const { places, row } of made) {
    places.forEach((i, k) => {
      out[i] = row[k];
    });
  }
  return out;
}

interface Trial {
  readonly given: Case;
  /** In float64. */
  readonly definition: (x: Float64Array) => Float64Array;
  readonly inOrt: boolean;
  readonly positive?: boolean;
}

const int = (min: number, max: number) => fc.integer({ min, max });
const shapes = fc
  .array(fc.constantFrom(1, 2, 3, 4, 5, 9), { minLength: 1, maxLength: 5 })
  .filter((s) => sizeOf(s) <= 150);

const normalisation: fc.Arbitrary<Trial> = fc
  .record({
    shape: shapes,
    axis: int(0, 4),
    negative: fc.boolean(),
    scaled: fc.constantFrom("all", "all", "last", "one"),
    bias: fc.boolean(),
    centred: fc.boolean(),
    seed: int(0, 1e6),
  })
  .map(({ shape, axis: asked, negative, scaled, bias, centred, seed }): Trial => {
    const axis = asked % shape.length;
    const own = scaled === "all" ? shape.slice(axis) : scaled === "last" ? shape.slice(-1) : [1];
    const constantOf = (n: number): Constant => Constant.fromFloats(values(own, seed + n), own);
    const constants = [constantOf(0), ...(bias && centred ? [constantOf(1)] : [])];
    const [scale, shift] = constants.map((constant) => constant.floats());
    const axes = shape.flatMap((_, i) => (i < axis ? [] : [i]));
    return {
      given: {
        ...{ op: centred ? "LayerNormalization" : "RMSNormalization", opset: centred ? 17 : 23, shape, constants },
        attributes: { axis: negative ? axis - shape.length : axis, epsilon: 1e-3 },
      },
      definition: (x) =>
        alongAxes(x, shape, axes, normalised(centred, Math.fround(1e-3))).map(
          (value, i) => value * scale[i % scale.length] + (shift?.[i % shift.length] ?? 0),
        ),
      inOrt: centred && scaled === "all",
    };
  });

const reduction: fc.Arbitrary<Trial> = fc
  .record({
    shape: shapes,
    op: fc.constantFrom(...Object.keys(reductions)),
    picked: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
    keepdims: int(0, 1),
  })
  .map(({ shape, op, picked, keepdims }): Trial => {
    const some = shape.flatMap((_, axis) => (picked[axis] ? [axis] : []));
    const axes = some.length > 0 ? some : [0];
    return {
      given: { op, shape, attributes: { axes, keepdims }, opset: 13 },
      definition: (x) => alongAxes(x, shape, axes, (row) => [reductions[op](row)]),
      inOrt: true,
      positive: op === "ReduceLogSum",
    };
  });

const softmaxes: fc.Arbitrary<Trial> = fc.record({ shape: shapes, axis: int(0, 4) }).map(({ shape, axis: asked }) => {
  const axis = asked % shape.length;
  return {
    given: { op: "Softmax", shape, attributes: { axis } },
    definition: (x: Float64Array) => alongAxes(x, shape, [axis], softmax),
    inOrt: true,
  };
});

describe("row by row: values, gradients and the bits of batches", () => {
  for (const [name, trials] of Object.entries({ normalisation, reduction, softmaxes })) {
    it(name, { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(trials, int(0, 1e6), async ({ given, definition, inOrt, positive }, seed) => {
          const graph = graphOf(given);
          const runner = new Runner(graph);
          const x = values(given.shape, seed).map((value) => (positive ? Math.abs(value) + 0.1 : value));
          const y = runner.forward(x);
          const exact = definition(Float64Array.from(x));
          expect(worst(y, Float32Array.from(exact))).toBeLessThan(tolerance);
          if (inOrt) {
            const expected = (await reference(graph, x)).get("y0");
            expect(runner.shapeOf("y0")).toEqual([...(expected?.dims ?? [])]);
            expect(worst(y, expected?.data ?? new Float32Array())).toBeLessThan(tolerance);
          }

          const dy = values([y.length], seed + 1);
          const dx = runner.backward(x, dy);
          const step = 1e-6;
          const slopes = Float32Array.from(x, (_, i) => {
            const moved = [step, -step].map((by) => {
              const at = Float64Array.from(x);
              at[i] += by;
              return definition(at).reduce((total, value, j) => total + value * dy[j], 0);
            });
            return (moved[0] - moved[1]) / (2 * step);
          });
          // Where a row is nearly constant its normalisation is steep, and differences say less.
          expect(worst(dx, slopes)).toBeLessThan(1e-3);

          const three = Float32Array.from([...x.map((value) => value * 0.5), ...x, ...x.map((value) => value * 2)]);
          const dys = Float32Array.from([...dy, ...dy, ...dy]);
          expect(runner.forward(three, "y0", 3).slice(y.length, 2 * y.length)).toEqual(y);
          const back = runner.backward(three, dys, undefined, "y0", 3);
          expect(back.slice(x.length, 2 * x.length)).toEqual(dx);
        }),
        { numRuns: 60 },
      );
    });
  }

  it("sends the gradient of a product through its zeros, of a norm of zeros nowhere, of equal extrema to the first", () => {
    const backwardOf = (op: string, x: Float32Array): number[] => [
      ...new Runner(graphOf({ op, shape: [x.length], attributes: { axes: [0], keepdims: 0 }, opset: 13 })).backward(
        x,
        Float32Array.of(1),
      ),
    ];
    expect(backwardOf("ReduceProd", Float32Array.of(2, 0, 5))).toEqual([0, 10, 0]);
    expect(backwardOf("ReduceL2", new Float32Array(3))).toEqual([0, 0, 0]);
    expect(backwardOf("ReduceMax", Float32Array.of(1, 3, 3))).toEqual([0, 1, 0]);
  });

  it("keeps the sum of exponentials finite", () => {
    const graph = graphOf({ op: "ReduceLogSumExp", shape: [3], attributes: { axes: [0], keepdims: 0 }, opset: 13 });
    const runner = new Runner(graph);
    const [large] = runner.forward(Float32Array.of(1000, 1000, 0));
    expect(large).toBeCloseTo(1000 + Math.log(2), 3);
    const all = Number.NEGATIVE_INFINITY;
    expect([...runner.forward(Float32Array.of(all, all, all))]).toEqual([all]);
  });
});
