/** Resize by scales and sizes of every kind: the pixels that onnxruntime takes, and their adjoint. */

import { describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import { loadModel, Tensor } from "../../src/index";
import { sizeOf } from "../../src/tensor";
import { floats, randomFloats, randomIntegers, runReference } from "../graph/build";
import fc from "../seeded";
import { describeShared, readShared } from "../shared-folder";
import { type Case, dot, graphOf, Runner, reference, values, worst } from "./harness";

const coordinates = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
];
const roundings = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];

/** Scales that exporters write, whole ones and any others. */
const scale = fc.oneof(
  fc.constantFrom(1 / 3, 2 / 3, 1.7, 2.5, 0.6, 0.45, 0.7, 1.1, 4 / 3, 1, 2, 3, 0.5, 0.25, 0.3, 0.9),
  fc.double({ min: 0.12, max: 4, noNaN: true }),
);
const place = fc.record({
  extents: fc.tuple(fc.integer({ min: 9, max: 40 }), fc.integer({ min: 9, max: 40 })),
  scales: fc.tuple(scale, scale),
  sizes: fc.option(fc.tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }))),
  channels: fc.constantFrom(1, 2, 5),
});

const list = (numbers: readonly number[]): Constant =>
  Constant.fromFloats(Float32Array.from(numbers), [numbers.length]);
const ints = (numbers: readonly number[]): Constant => Constant.fromNumbers("int", numbers, [numbers.length]);

async function check(given: Case, exact: boolean): Promise<void> {
  const graph = graphOf(given);
  const runner = new Runner(graph);
  // Every pixel has a number of its own, so that a pixel beside the right one is far away.
  const x = Float32Array.from({ length: sizeOf(given.shape) }, (_, i) => i + 1);
  const expected = (await reference(graph, x)).get("y0") as { data: Float32Array; dims: readonly number[] };
  expect(runner.shapeOf("y0")).toEqual([...expected.dims]);
  const y = runner.forward(x);
  if (exact) expect(y).toEqual(expected.data);
  else expect(worst(y, expected.data)).toBeLessThan(2e-5);
  const dy = values(runner.shapeOf("y0"), 11);
  const dx = runner.backward(x, dy);
  if (exact) {
    // Every output is one pixel, so what came to it is the sum over the outputs that show it.
    const sums = new Float64Array(x.length);
    expected.data.forEach((pixel, i) => {
      sums[pixel - 1] += dy[i];
    });
    expect(worst(dx, Float32Array.from(sums))).toBeLessThan(1e-5);
  }
  const noise = values(given.shape, 5);
  const scaled = Math.sqrt(dot(dx, dx) * dot(noise, noise)) + 1;
  expect(Math.abs(dot(runner.forward(noise), dy) - dot(noise, dx)) / scaled).toBeLessThan(2e-5);
}

const few = { seed: 12, endOnFailure: true } as const;

describe("Resize", () => {
  for (const coordinate of coordinates) {
    it(`nearest, ${coordinate}: onnxruntime's pixel by every rounding, scale and size`, async () => {
      await fc.assert(
        fc.asyncProperty(
          place,
          fc.constantFrom(...roundings),
          fc.constantFrom(11, 13, 19),
          async ({ extents, scales, sizes, channels }, nearest, opset) => {
            const shape = [1, channels, ...extents];
            await check(
              {
                op: "Resize",
                shape,
                opset,
                attributes: { mode: "nearest", coordinate_transformation_mode: coordinate, nearest_mode: nearest },
                constants: sizes
                  ? [list([]), list([]), ints([1, channels, ...sizes])]
                  : [list([]), list([1, 1, ...scales])],
              },
              true,
            );
          },
        ),
        { ...few, numRuns: 40 },
      );
    }, 60_000);
  }

  it("nearest before operator set 11: Upsample, and a Resize that rounds up where it shrinks", async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.constantFrom("Resize", "Upsample"), async ({ extents, scales, channels }, op) => {
        const usable = op === "Upsample" ? scales.map((factor) => Math.max(1, factor)) : scales;
        await check(
          {
            op,
            shape: [1, channels, ...extents],
            opset: op === "Upsample" ? 9 : 10,
            attributes: { mode: "nearest" },
            constants: [list([1, 1, ...usable])],
          },
          true,
        );
      }),
      { ...few, numRuns: 25 },
    );
  });

  for (const mode of ["linear", "cubic"]) {
    it(`${mode} by fractions`, async () => {
      await fc.assert(
        fc.asyncProperty(
          place,
          fc.constantFrom(...coordinates.slice(0, 5)),
          async ({ extents, scales, sizes, channels }, coordinate) => {
            await check(
              {
                op: "Resize",
                shape: [1, channels, ...extents],
                attributes: { mode, coordinate_transformation_mode: coordinate },
                constants: sizes
                  ? [list([]), list([]), ints([1, channels, ...sizes])]
                  : [list([]), list([1, 1, ...scales])],
              },
              false,
            );
          },
        ),
        { ...few, numRuns: 25 },
      );
    });
  }

  it("to the shape it has does nothing, whatever the scale", async () => {
    for (const mode of ["nearest", "linear"]) {
      for (const opset of [11, 18]) {
        const constants = [list([]), list([1, 1, 1.05, 1.1])];
        await check({ op: "Resize", shape: [1, 2, 9, 9], opset, attributes: { mode }, constants }, true);
      }
      await check(
        { op: "Upsample", shape: [1, 2, 9, 9], opset: 9, attributes: { mode }, constants: [list([1, 1, 1.1, 1.05])] },
        true,
      );
    }
  });
});

describeShared("cases/resize-nearest-fraction", () => {
  it("takes the pixels 0 3 6 9", async () => {
    const bytes = readShared("cases/resize-nearest-fraction/model.onnx");
    const model = await loadModel(bytes);
    const [, height, width, channels] = model.input.shape;
    const shape = [1, channels, height, width] as const;
    const pixels = randomFloats(randomIntegers(3), shape).floats();
    const { output } = await model.run(Tensor.fromNCHW(pixels, shape));
    const [expected] = Object.values(await runReference(bytes, { x: floats(shape, pixels) }));
    expect(Array.from(output.toNCHW())).toEqual(Array.from(expected.data));
  });
});
