/**
 * Every operator of the table, on random shapes, ranks and attributes: values against onnxruntime, gradients against central
 * differences, what is said of its reach against what moves, and batches against single passes. One without a sample fails.
 */

import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Constant, type Graph, type Node } from "../../src/graph/ir";
import { unravel } from "../../src/graph/regions";
import { writeOnnx } from "../../src/onnx/writer";
import { evaluate } from "../../src/operators/evaluate";
import { dependsOn } from "../../src/operators/reach";
import { type Region, union } from "../../src/operators/region";
import { operators } from "../../src/operators/table";
import { dot, graphOf, Runner, reference, values, worst } from "../ops/harness";
import fc from "../seeded";
import type { ConstantSample, Sample } from "./sample";
import { arithmeticSamples } from "./samples/arithmetic";
import { arrangementSamples } from "./samples/arrangements";
import { layerSamples } from "./samples/layers";
import { pointwiseSamples } from "./samples/pointwise";

const samples = { ...arrangementSamples, ...layerSamples, ...pointwiseSamples };
const runs = { numRuns: 16, seed: 14, endOnFailure: true } as const;
const tolerance = 3e-5;

/** The operator between the input and the outputs; where it takes what another makes, that one stands before it. */
function networkOf(sample: Sample): Graph {
  const graph = graphOf(sample);
  if (!sample.after) return graph;
  const { op, attributes = {} } = sample.after;
  const before = { name: op, op, inputs: ["x"], outputs: ["a", "b"], attributes: new Map(Object.entries(attributes)) };
  return { ...graph, nodes: [before, { ...graph.nodes[0], inputs: ["a", "b"] }] };
}

const dataOf = ({ shape, domain }: Sample, seed: number): Float32Array =>
  values(shape, seed).map((value) => (domain === "positive" ? Math.abs(value) + 0.3 : value));

async function agrees(sample: Sample): Promise<void> {
  const graph = networkOf(sample);
  const runner = new Runner(graph);
  const x = dataOf(sample, 7);
  const outside = sample.expected ? undefined : await reference(graph, x);
  const direction = values(sample.shape, 31);
  const step = 1e-3;
  const moved = [1, -1].map((sign) => x.map((value, i) => value + sign * step * direction[i]));
  for (const name of graph.outputs) {
    const y = runner.forward(x, name);
    const answer = outside?.get(name);
    if (answer) expect(runner.shapeOf(name)).toEqual([...answer.dims]);
    const expected = answer?.data ?? (sample.expected as NonNullable<Sample["expected"]>)(x);
    expect(worst(y, expected), "values").toBeLessThan(tolerance);

    const dy = values(runner.shapeOf(name), 29);
    const dx = runner.backward(x, dy, undefined, name);
    // In float64 from here on: the engine's values rise and fall along a random direction as the gradient says.
    const [above, below] = moved.map((one) => runner.forward(one, name));
    const slope = above.reduce((sum, value, i) => sum + ((value - below[i]) / (2 * step)) * dy[i], 0);
    const scale = Math.sqrt(dot(dx, dx) * dot(direction, direction)) + Math.sqrt(dot(y, y)) * 1e-2 + 1e-3;
    expect(Math.abs(slope - dot(dx, direction)) / scale, "gradient").toBeLessThan(5e-3);

    const batch = Float32Array.from([...x, ...x.map((value) => value * 0.5), ...dataOf(sample, 8)]);
    const together = runner.forward(batch, name, 3);
    for (const i of [0, 1, 2]) {
      const single = runner.forward(batch.slice(i * x.length, (i + 1) * x.length), name);
      expect(together.slice(i * y.length, (i + 1) * y.length), `sample ${i} of a batch`).toEqual(single);
    }
  }
}

/** The elements of the input that an output's elements are said to be computed from, through what stands before the operator. */
function readOfInput(graph: Graph, node: Node, output: number, out: Region, runner: Runner): Region | undefined {
  const reads = dependsOn(operators.get(node.op), {
    node,
    opset: graph.opset,
    out,
    output,
    shapes: node.inputs.map((input) => (input ? runner.shapeOf(input) : [])),
    constants: node.inputs.map((input) => graph.constants.get(input)),
  });
  return node.inputs.reduce<Region | undefined>((known, input, i) => {
    const read = reads?.[i];
    const [before] = graph.nodes;
    const own =
      read && before !== node ? readOfInput(graph, before, before.outputs.indexOf(input), read, runner) : read;
    return own && (input === "x" || before !== node) ? union(known, own) : known;
  }, undefined);
}

/** Moves single elements of the input: whatever of the output moves with one must have been said to be computed from it. */
function staysWithinReach(sample: Sample): number {
  const graph = networkOf(sample);
  const runner = new Runner(graph);
  const node = graph.nodes[graph.nodes.length - 1];
  const x = dataOf(sample, 7);
  let seen = 0;
  for (const [output, name] of graph.outputs.entries()) {
    const shape = runner.shapeOf(name);
    const before = runner.forward(x, name);
    for (let pick = 0; pick < 4; pick++) {
      const element = (pick * 7919 + 3) % x.length;
      // Up and down: a maximum may notice one of them alone.
      for (const by of [2.5, 0.31, sample.domain ? 0.1 : -2.5]) {
        const changed = x.slice();
        changed[element] += by;
        const after = runner.forward(changed, name);
        const place = unravel(element, sample.shape);
        for (let i = 0; i < after.length; i++) {
          if (Object.is(after[i], before[i])) continue;
          seen++;
          const at = unravel(i, shape);
          const asked = shape.map((extent, axis) => new Uint8Array(extent).fill(1, at[axis], at[axis] + 1));
          const region = readOfInput(graph, node, output, asked, runner);
          expect(
            region?.every((mask, axis) => mask[place[axis]] === 1),
            `output ${at} moves with input ${place}`,
          ).toBe(true);
        }
      }
    }
  }
  return seen;
}

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
  expect([...operators.keys()].filter((op) => !sampled.has(op))).toEqual([]);
  expect([...sampled].filter((op) => !operators.has(op))).toEqual([]);
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
