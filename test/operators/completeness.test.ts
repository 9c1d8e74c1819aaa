/**
 * Every operator of the table, on random shapes, ranks and attributes: values against onnxruntime, gradients against central
 * differences, what is said of its reach against what moves, and batches against single passes. One without a sample fails.
 */

import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Constant, type Graph } from "../../src/graph/ir";
import { writeOnnx } from "../../src/onnx/writer";
import { evaluate } from "../../src/operators/evaluate";
import { operators } from "../../src/operators/table";
import fc from "../seeded";
import { agrees, staysWithinReach } from "./agreement";
import type { ConstantSample } from "./sample";
import { arithmeticSamples } from "./samples/arithmetic";
import { arrangementSamples } from "./samples/arrangements";
import { layerSamples } from "./samples/layers";
import { pairSamples } from "./samples/pairs";
import { pointwiseSamples } from "./samples/pointwise";
import { stepSamples } from "./samples/steps";

const groups = [arrangementSamples, layerSamples, pairSamples, pointwiseSamples, stepSamples];
/** Of some operators there are samples of several kinds. */
const samples = Object.fromEntries(
  [...new Set(groups.flatMap((group) => Object.keys(group)))].map((op) => [
    op,
    fc.oneof(...groups.flatMap((group) => group[op] ?? [])),
  ]),
);
const runs = { numRuns: 16, seed: 14, endOnFailure: true } as const;

async function folds(sample: ConstantSample): Promise<void> {
  const names = sample.inputs.map((_, i) => `c${i}`);
  const node = {
    name: sample.op,
    op: sample.op,
    inputs: names,
    outputs: ["y"],
    attributes: new Map(Object.entries(sample.attributes ?? {})),
  };
  const graph: Graph = {
    name: "constants",
    opset: sample.opset ?? 17,
    inputs: [],
    outputs: ["y"],
    nodes: [node],
    constants: new Map(sample.inputs.map((constant, i) => [names[i], constant])),
    metadata: new Map(),
  };
  const shapes = sample.inputs.map(({ shape }) => shape);
  const out = operators.get(sample.op)?.shape(node, shapes, sample.inputs, graph.opset) ?? [];
  const [result] = evaluate(node, sample.inputs, shapes, out) ?? [];
  expect(result).toBeInstanceOf(Constant);
  const found = Float64Array.from(result.kind === "float" ? result.floats() : result.numbers());
  if (sample.expected) {
    expect([...found]).toEqual([...sample.expected]);
    return;
  }
  const session = await ort.InferenceSession.create(writeOnnx(graph), {
    graphOptimizationLevel: "disabled",
    logSeverityLevel: 4,
  });
  const { y } = await session.run({});
  await session.release();
  expect([...result.shape]).toEqual([...y.dims]);
  const expected = Float64Array.from(y.data as ArrayLike<number | bigint>, Number);
  expect(found.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i], `element ${i}`).toBeCloseTo(value, 5);
}

it("has a sample for every operator, and for no other", () => {
  const sampled = new Set([...Object.keys(samples), ...Object.keys(arithmeticSamples)]);
  const without = [...operators.keys()].filter((op) => !sampled.has(op));
  expect(without, "operators without a sample in test/operators/samples/").toEqual([]);
  const unknown = [...sampled].filter((op) => !operators.has(op));
  expect(unknown, "samples of what src/operators/table.ts does not name").toEqual([]);
  const running = [...operators].filter(([, { build }]) => build).map(([op]) => op);
  expect(running.filter((op) => !Object.hasOwn(samples, op))).toEqual([]);
});

describe("values, gradients and batches of", () => {
  for (const [op, sample] of Object.entries(samples)) {
    it(op, () => fc.assert(fc.asyncProperty(sample, agrees), runs));
  }
});

describe("nothing moves outside of the reach of", () => {
  for (const [op, sample] of Object.entries(samples)) {
    it(op, () => {
      let seen = 0;
      fc.assert(
        fc.property(sample, (one) => {
          seen += staysWithinReach(one);
        }),
        { ...runs, numRuns: 8 },
      );
      expect(seen, "elements that moved").toBeGreaterThan(0);
    });
  }
});

describe("constants through", () => {
  for (const [op, sample] of Object.entries(arithmeticSamples)) {
    it(op, () => fc.assert(fc.asyncProperty(sample, folds), runs));
  }
});

describe("every meaning is sampled of", () => {
  for (const [op, { since = 1, changed = [] }] of operators) {
    if (changed.length === 0) continue;
    it(op, () => {
      const opsets = fc.sample(samples[op], { numRuns: runs.numRuns, seed: runs.seed }).map(({ opset = 17 }) => opset);
      const starts = [since, ...changed];
      const missing = starts.filter((from, i) => !opsets.some((n) => n >= from && n < (starts[i + 1] ?? 999)));
      expect(missing).toEqual([]);
    });
  }
});
