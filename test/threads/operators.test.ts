/** Several threads give the bits of one, in every operator and both directions, whatever is divided among them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Graph } from "../../src/graph/ir";
import { gradientRules } from "../../src/operation/operation";
import { dataOf, networkOf } from "../operators/agreement";
import { convolutionCases } from "../operators/convolution-cases";
import { graphOf, Runner, values } from "../operators/harness";
import type { Sample } from "../operators/sample";
import { arrangementSamples } from "../operators/samples/arrangements";
import { layerSamples } from "../operators/samples/layers";
import { pairSamples } from "../operators/samples/pairs";
import { pointwiseSamples } from "../operators/samples/pointwise";
import { stepSamples } from "../operators/samples/steps";
import fc from "../seeded";
import { type TestThreads, threadsOf } from "./team";

let threads: TestThreads;
beforeAll(async () => {
  threads = await threadsOf(3);
});
afterAll(() => threads.end());

const bitsOf = (data: Float32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function agrees(graph: Graph, x: Float32Array, batches: readonly number[]): void {
  const one = new Runner(graph);
  const several = new Runner(graph, { ...threads, memory: threads.fresh() });
  for (const name of graph.outputs) {
    for (const batch of batches) {
      const data = values([batch * x.length], 11).map((value, i) => (i < x.length ? x[i] : value));
      const y = one.forward(data, name, batch);
      expect(Buffer.compare(bitsOf(several.forward(data, name, batch)), bitsOf(y)), `${name} of ${batch}`).toBe(0);
      const dy = values([y.length], 29);
      for (const rectifier of ["gradient", "deconvnet", "guided"] as const) {
        const rules = { ...gradientRules, rectifier };
        const dx = one.backward(data, dy, rules, name, batch);
        const found = several.backward(data, dy, rules, name, batch);
        expect(Buffer.compare(bitsOf(found), bitsOf(dx)), `gradient of ${name}, ${batch}`).toBe(0);
      }
    }
  }
}

const groups = [arrangementSamples, layerSamples, pairSamples, pointwiseSamples, stepSamples];
const samples = new Map<string, fc.Arbitrary<Sample>[]>();
for (const group of groups) {
  for (const [op, sample] of Object.entries(group)) samples.set(op, [...(samples.get(op) ?? []), sample]);
}

describe("the bits of one thread, in", () => {
  for (const [op, kinds] of samples) {
    it(op, () => {
      fc.assert(
        fc.property(fc.oneof(...kinds), (sample) => agrees(networkOf(sample), dataOf(sample, 7), [1, 3])),
        { numRuns: 10, endOnFailure: true },
      );
    });
  }

  it("convolutions of every algorithm", () => {
    fc.assert(
      fc.property(convolutionCases, (sample) => agrees(graphOf(sample), values(sample.shape, 5), [1, 2])),
      { numRuns: 60, endOnFailure: true },
    );
  });
});
