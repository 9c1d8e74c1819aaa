/** Operators on volumes [N, C, D, H, W] of random geometry: onnxruntime's values, the adjoint, and the same bits in a batch. */

import { describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import fc from "../seeded";
import { type Case, dot, graphOf, Runner, reference, values, worst } from "./harness";

const floats = (shape: readonly number[], seed: number): Constant => Constant.fromFloats(values(shape, seed), shape);
const ints = (numbers: readonly number[]): Constant => Constant.fromNumbers("int", numbers, [numbers.length]);
const int = (min: number, max: number) => fc.integer({ min, max });
const three = (min: number, max: number) => fc.tuple(int(min, max), int(min, max), int(min, max));
const six = (max: number) => fc.tuple(int(0, max), int(0, max), int(0, max), int(0, max), int(0, max), int(0, max));

const geometry = fc.record({
  channels: fc.constantFrom(1, 2, 3, 4, 8),
  size: three(4, 7),
  groups: fc.constantFrom(1, 1, 2, "depthwise" as const),
  perGroup: fc.constantFrom(1, 2, 3, 8, 9),
  kernel: three(1, 3),
  strides: three(1, 2),
  dilations: three(1, 2),
  pads: six(1),
  bias: fc.boolean(),
  flag: fc.boolean(),
  seed: int(0, 1e6),
});
type Geometry = typeof geometry extends fc.Arbitrary<infer G> ? G : never;

const grouped = ({ channels, groups, perGroup }: Geometry): [group: number, out: number] =>
  groups === "depthwise"
    ? [channels, channels]
    : groups === 2 && channels % 2 === 0
      ? [2, 2 * perGroup]
      : [1, perGroup];

const cases: Readonly<Record<string, (g: Geometry) => Case>> = {
  Conv: (g) => {
    const [group, out] = grouped(g);
    return {
      ...{ op: "Conv", shape: [1, g.channels, ...g.size.map((n) => n + 1)] },
      attributes: { group, strides: g.strides, dilations: g.dilations, pads: g.pads, kernel_shape: g.kernel },
      constants: [
        floats([out, g.channels / group, ...g.kernel], g.seed),
        ...(g.bias ? [floats([out], g.seed + 1)] : []),
      ],
    };
  },
  ConvTranspose: (g) => {
    const [group, out] = grouped(g);
    return {
      ...{ op: "ConvTranspose", shape: [1, g.channels, ...g.size.map((n) => n - 1)] },
      attributes: { group, strides: g.strides, dilations: g.dilations, pads: g.pads, kernel_shape: g.kernel },
      constants: [
        floats([g.channels, out / group, ...g.kernel], g.seed),
        ...(g.bias ? [floats([out], g.seed + 1)] : []),
      ],
    };
  },
  MaxPool: (g) => ({
    ...{ op: "MaxPool", shape: [1, g.channels, ...g.size] },
    attributes: {
      kernel_shape: g.kernel.map((n) => Math.max(2, n)),
      ...{ strides: g.strides, pads: g.pads, ceil_mode: Number(g.flag) },
    },
  }),
  AveragePool: (g) => ({
    ...{ op: "AveragePool", shape: [1, g.channels, ...g.size] },
    attributes: {
      kernel_shape: g.kernel.map((n) => Math.max(2, n)),
      ...{ strides: g.strides, pads: g.pads, count_include_pad: Number(g.flag) },
    },
  }),
  GlobalAveragePool: (g) => ({ op: "GlobalAveragePool", shape: [1, g.channels, ...g.size] }),
  GlobalMaxPool: (g) => ({ op: "GlobalMaxPool", shape: [1, g.channels, ...g.size] }),
  BatchNormalization: (g) => ({
    ...{ op: "BatchNormalization", shape: [1, g.channels, ...g.size] },
    constants: [
      ...[1, 2, 3].map((i) => floats([g.channels], g.seed + i)),
      Constant.fromFloats(
        values([g.channels], g.seed).map((value) => Math.abs(value) + 0.1),
        [g.channels],
      ),
    ],
  }),
  InstanceNormalization: (g) => ({
    ...{ op: "InstanceNormalization", shape: [1, g.channels, ...g.size] },
    constants: [floats([g.channels], g.seed), floats([g.channels], g.seed + 1)],
  }),
  "Resize, nearest": (g) => ({
    ...{ op: "Resize", shape: [1, g.channels, ...g.size] },
    attributes: { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
    constants: ["", "", ints([1, g.channels, ...g.size.map((n, i) => n + g.strides[i] * (g.flag ? 2 : -1))])],
  }),
  "Resize, linear": (g) => ({
    ...{ op: "Resize", shape: [1, g.channels, ...g.size] },
    attributes: { mode: "linear", coordinate_transformation_mode: g.flag ? "half_pixel" : "align_corners" },
    constants: ["", "", ints([1, g.channels, ...g.size.map((n, i) => n + g.strides[i])])],
  }),
  Pad: (g) => ({
    ...{ op: "Pad", shape: [1, g.channels, ...g.size] },
    attributes: { mode: g.flag ? "reflect" : "constant" },
    constants: [ints([0, 0, ...g.pads.slice(0, 3), 0, 0, ...g.pads.slice(3)])],
  }),
  Concat: (g) => ({
    ...{ op: "Concat", shape: [1, g.channels, ...g.size], attributes: { axis: 1 } },
    constants: [floats([1, 3, ...g.size], g.seed)],
  }),
  Slice: (g) => ({
    ...{ op: "Slice", shape: [1, g.channels, ...g.size] },
    constants: [ints([1, 0]), ints([3, 4]), ints([2, 4]), ints([1, 2])],
  }),
  Transpose: (g) => ({
    ...{ op: "Transpose", shape: [1, g.channels, ...g.size], attributes: { perm: [0, 2, 1, 4, 3] } },
  }),
};

describe("volumes", () => {
  for (const [name, make] of Object.entries(cases)) {
    it(name, { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(geometry, async (given) => {
          const graph = graphOf(make(given));
          const x = values(graph.inputs[0].shape as number[], given.seed + 7);
          let expected: Awaited<ReturnType<typeof reference>>;
          try {
            expected = await reference(graph, x);
          } catch {
            // A geometry that onnxruntime has no result for is no example.
            fc.pre(false);
            return;
          }
          const runner = new Runner(graph);
          const [{ data, dims }] = expected.values();
          expect(runner.shapeOf(runner.outputs[0])).toEqual([...dims]);
          expect(worst(runner.forward(x), data as Float32Array)).toBeLessThan(2e-5);
          const y = runner.forward(x);
          const three = new Float32Array(3 * x.length);
          for (const [i, sample] of [x, x.map((value) => -value), x].entries()) three.set(sample, i * x.length);
          const batch = runner.forward(three, runner.outputs[0], 3);
          expect(batch.subarray(0, y.length)).toEqual(y);
          expect(batch.subarray(2 * y.length)).toEqual(y);
          const dy = values([y.length], given.seed + 8);
          const dx = runner.backward(x, dy);
          const thrice = new Float32Array(3 * dy.length);
          for (let i = 0; i < 3; i++) thrice.set(dy, i * dy.length);
          const gradients = runner.backward(three, thrice, undefined, runner.outputs[0], 3);
          expect(gradients.subarray(0, x.length)).toEqual(dx);
          expect(gradients.subarray(2 * x.length)).toEqual(dx);
          const direction = values([x.length], given.seed + 9);
          const step = 1e-3;
          const [up, down] = [step, -step].map((by) => dot(runner.forward(x.map((v, i) => v + by * direction[i])), dy));
          const slope = (up - down) / (2 * step);
          const scale = Math.sqrt(dot(dx, dx) * dot(direction, direction)) + 1;
          // A maximum may change inside the step.
          const allowed = name.includes("Max") ? 5e-2 : 3e-3;
          expect(Math.abs(dot(dx, direction) - slope) / scale).toBeLessThan(allowed);
        }),
        { numRuns: 25, seed: 1 },
      );
    });
  }
});
