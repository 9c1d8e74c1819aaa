/**
 * Element-wise operators over operands of every rank: each value as onnxruntime has it, each gradient as the numeric one of the same
 * sum in float64. Operands are parts of one input under shapes of their own, or constants.
 */

import { describe, expect, it } from "vitest";
import { Constant, type Graph, type Node } from "../../src/graph/ir";
import { broadcastWalk, rowMajorLoops, visitPairs } from "../../src/graph/regions";
import { broadcastShapes } from "../../src/graph/shape-rule";
import { sizeOf } from "../../src/tensor";
import fc from "../seeded";
import { dot, Runner, reference, values, worst } from "./harness";

type Shape = readonly number[];

interface Operand {
  readonly shape: Shape;
  readonly computed: boolean;
}

interface Operator {
  readonly op: string;
  readonly f: (a: number, b: number) => number;
  /** How many operands; default 2. */
  readonly operands?: number;
  /** True where one constant number for all is what the other operand must be. */
  readonly oneNumber?: boolean;
  /** True where the constant must come last. */
  readonly ordered?: boolean;
}

const operators: readonly Operator[] = [
  { op: "Add", f: (a, b) => a + b },
  { op: "Sub", f: (a, b) => a - b },
  { op: "Mul", f: (a, b) => a * b },
  { op: "Div", f: (a, b) => a / b },
  { op: "Sum", f: (a, b) => a + b, operands: 3 },
  { op: "Max", f: Math.max, oneNumber: true },
  { op: "Min", f: Math.min, oneNumber: true },
  { op: "Pow", f: (a, b) => a ** b, oneNumber: true, ordered: true },
];

const node = (op: string, inputs: string[], output: string, attributes: Node["attributes"] = new Map()): Node => ({
  name: output,
  op,
  inputs,
  outputs: [output],
  attributes,
});

const ints = (numbers: Shape): Constant => Constant.fromNumbers("int", numbers, [numbers.length]);

/** Away from zero, where quotients and powers are steep, and from one another. */
const content = (count: number, seed: number): Float32Array =>
  values([count], seed).map((value) => Math.sign(value) * (Math.abs(value) + 0.5));

/** The operator, its computed operands cut out of one input x one after the other. */
function build({ op, oneNumber }: Operator, operands: readonly Operand[], seed: number) {
  const nodes: Node[] = [];
  const constants = new Map<string, Constant>();
  let next = 0;
  operands.forEach(({ shape, computed }, i) => {
    const size = sizeOf(shape);
    if (!computed) {
      const numbers = oneNumber ? new Float32Array(size).fill(2) : content(size, seed + i);
      constants.set(`operand${i}`, Constant.fromFloats(numbers, shape));
      return;
    }
    constants
      .set(`from${i}`, ints([next]))
      .set(`to${i}`, ints([next + size]))
      .set(`shape${i}`, ints(shape));
    nodes.push(node("Slice", ["x", `from${i}`, `to${i}`], `part${i}`));
    nodes.push(node("Reshape", [`part${i}`, `shape${i}`], `operand${i}`));
    next += size;
  });
  nodes.push(
    node(
      op,
      operands.map((_, i) => `operand${i}`),
      "y",
    ),
  );
  const graph: Graph = {
    name: op,
    opset: 17,
    inputs: [{ name: "x", shape: [next] }],
    outputs: ["y"],
    nodes,
    constants,
    metadata: new Map(),
  };
  return { graph, size: next };
}

/** The same in float64. */
function evaluated({ f }: Operator, operands: readonly Operand[], constants: Graph["constants"], x: Float64Array) {
  const out = broadcastShapes(
    node("Add", [], "y"),
    operands.map(({ shape }) => shape),
  );
  let next = 0;
  const spread = operands.map(({ shape, computed }, i) => {
    const own = computed ? x.slice(next, next + sizeOf(shape)) : (constants.get(`operand${i}`)?.floats() ?? []);
    if (computed) next += own.length;
    const copies = new Float64Array(sizeOf(out));
    visitPairs(rowMajorLoops({ extents: out, from: broadcastWalk(shape, out) }, shape, out), (from, to) => {
      copies[to] = own[from];
    });
    return copies;
  });
  return spread.reduce((sum, one) => sum.map((value, i) => f(value, one[i])));
}

/** Shapes of up to rank 6 that fit together; every axis either has the common extent or repeats. */
const shapes = (count: number) =>
  fc
    .record({
      extents: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 6, maxLength: 6 }),
      ranks: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: count, maxLength: count }),
      // Mostly the whole extent: as many elements under another rank is where layouts differ.
      repeats: fc.array(fc.array(fc.constantFrom(false, false, false, true), { minLength: 6, maxLength: 6 }), {
        minLength: count,
        maxLength: count,
      }),
      leading: fc.integer({ min: 0, max: 6 }),
    })
    .map(({ extents, ranks, repeats, leading }) => {
      const common = extents.map((extent, axis) => (axis < leading ? 1 : extent));
      return ranks.map((rank, i) => common.slice(6 - rank).map((extent, axis) => (repeats[i][axis] ? 1 : extent)));
    })
    .filter((all) => sizeOf(broadcastShapes(node("Add", [], "y"), all)) <= 600);

const cases = (operator: Operator) =>
  fc
    .record({
      shapes: shapes(operator.operands ?? 2),
      computed: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      swapped: fc.boolean(),
      seed: fc.integer({ min: 0, max: 1e6 }),
    })
    .map(({ shapes, computed, swapped, seed }) => {
      const operands = shapes.map(
        (shape, i): Operand => ({
          shape,
          computed: operator.oneNumber ? i === 0 : i === 0 || computed[i],
        }),
      );
      return { operands: swapped && !operator.ordered ? operands.reverse() : operands, seed };
    });

describe("element-wise operators over ranks 0 to 6", () => {
  for (const operator of operators) {
    it(operator.op, async () => {
      await fc.assert(
        fc.asyncProperty(cases(operator), async ({ operands, seed }) => {
          const { graph, size } = build(operator, operands, seed);
          const runner = new Runner(graph);
          const x = content(size, seed + 9);
          const y = runner.forward(x);
          const expected = (await reference(graph, x)).get("y") as { data: Float32Array; dims: Shape };
          expect(runner.shapeOf("y")).toEqual([...expected.dims]);
          expect(worst(y, expected.data)).toBeLessThan(1e-6);

          const dy = values([y.length], seed + 11);
          const score = (at: Float64Array): number =>
            evaluated(operator, operands, graph.constants, at).reduce((sum, value, i) => sum + value * dy[i], 0);
          const numeric = Float32Array.from(x, (value, i) => {
            const at = (sign: number): number => score(Float64Array.from(x).fill(value + sign * 1e-5, i, i + 1));
            return (at(1) - at(-1)) / 2e-5;
          });
          expect(worst(runner.backward(x, dy), numeric)).toBeLessThan(1e-5);

          // Samples do not mix, and three at once give the bits of three one by one.
          const others = [x, content(size, seed + 12), content(size, seed + 13)];
          const batch = Float32Array.from(others.flatMap((sample) => [...sample]));
          const together = runner.forward(batch, "y", 3);
          const gradients = runner.backward(batch, Float32Array.from([...dy, ...dy, ...dy]), undefined, "y", 3);
          others.forEach((sample, i) => {
            expect(together.slice(i * y.length, (i + 1) * y.length)).toEqual(runner.forward(sample));
            expect(gradients.slice(i * size, (i + 1) * size)).toEqual(runner.backward(sample, dy));
          });
          expect(dot(y, dy)).toBeCloseTo(score(Float64Array.from(x)), 2);
        }),
        { numRuns: 60, seed: 4, endOnFailure: true },
      );
    }, 120_000);
  }
});
