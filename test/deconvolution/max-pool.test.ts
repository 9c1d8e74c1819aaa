import { describe, expect, it } from "vitest";
import {
  InputError,
  loadModel,
  maxPool,
  maxUnpool,
  OptionError,
  type PoolOptions,
  poolingPicture,
  ShapeError,
  switchesFromIndices,
  switchIndices,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";
import fc from "../seeded";

const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const tensorOf = (data: Float32Array, shape: readonly number[]): Tensor =>
  shape.length === 4 ? Tensor.fromNCHW(data, shape) : new Tensor(data, shape);
const channelsFirst = (tensor: Tensor): Float32Array => (tensor.shape.length === 4 ? tensor.toNCHW() : tensor.data);
const noise = (seed: number, shape: readonly number[]): Float32Array =>
  randomFloats(randomIntegers(seed), shape).floats();

/** Geometries that onnxruntime takes too: less padding than half the window, no window in the padding alone. */
const cases = fc
  .record({
    axes: fc.array(
      fc.record({ extent: int(3, 9), kernel: int(1, 4), stride: int(1, 4), dilation: int(1, 2), pad: int(0, 1) }),
      { minLength: 1, maxLength: 2 },
    ),
    samples: int(1, 2),
    channels: int(1, 19),
    ceil: fc.boolean(),
    seed: int(0, 1e6),
  })
  .filter(({ axes }) =>
    axes.every(({ extent, kernel, dilation, pad }) => {
      const reach = (kernel - 1) * dilation + 1;
      return reach <= extent && 2 * pad <= kernel - 1 && pad * dilation < reach;
    }),
  );

describe("maxPool", () => {
  it("equals onnxruntime: maxima and indices, 1-D and 2-D, and unpooling by them", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ axes, samples, channels, ceil, seed }) => {
        const shape = [samples, channels, ...axes.map(({ extent }) => extent)];
        const of = (key: "kernel" | "stride" | "dilation" | "pad"): number[] => axes.map((axis) => axis[key]);
        const options: PoolOptions = {
          ...{ kernel: of("kernel"), stride: of("stride"), dilation: of("dilation"), pad: of("pad"), ceil },
        };
        const x = noise(seed, shape);
        const graph = graphOf({
          inputs: { x: shape },
          nodes: [
            [
              "MaxPool",
              ["x"],
              ["y", "indices"],
              {
                kernel_shape: of("kernel"),
                strides: of("stride"),
                dilations: of("dilation"),
                pads: [...of("pad"), ...of("pad")],
                ceil_mode: Number(ceil),
              },
            ],
          ],
        });
        const expected = await runReference(graph, { x: floats(shape, x) });
        const indices = Array.from(expected.indices.data as BigInt64Array, Number);
        const { pooled, switches } = await maxPool(tensorOf(x, shape), options);
        expect(channelsFirst(pooled)).toEqual(Float32Array.from(expected.y.data as Float32Array));
        expect(Array.from(switchIndices(switches, "onnx"))).toEqual(indices);
        const plane = axes.reduce((area, { extent }) => area * extent, 1);
        expect(Array.from(switchIndices(switches, "pytorch"))).toEqual(indices.map((index) => index % plane));
        // And back.
        const inputShape = tensorOf(x, shape).shape;
        expect(switchesFromIndices(expected.indices.data as BigInt64Array, "onnx", inputShape, options)).toEqual(
          switches,
        );
        const pytorch = switchIndices(switches, "pytorch");
        expect(switchesFromIndices(pytorch, "pytorch", inputShape, options)).toEqual(switches);
        // Unpooling by flat indices, in the order N, C, H, W: the last one stays, or all add up.
        const values = noise(seed + 1, expected.y.dims);
        const [assigned, added] = [new Float32Array(x.length), new Float32Array(x.length)];
        indices.forEach((index, i) => {
          assigned[index] = values[i];
          added[index] += values[i];
        });
        const given = tensorOf(values, expected.y.dims);
        expect(channelsFirst(await maxUnpool(given, switches))).toEqual(assigned);
        const sum = channelsFirst(await maxUnpool(given, switches, { overlap: "accumulate" }));
        sum.forEach((value, i) => {
          expect(value).toBeCloseTo(added[i], 5);
        });
        // The adjoint: ⟨pool(x), y⟩ = ⟨x, unpool(y)⟩ for the switches of x.
        const inner = (a: Float32Array, b: Float32Array): number =>
          a.reduce((total, value, i) => total + value * b[i], 0);
        expect(inner(channelsFirst(pooled), values)).toBeCloseTo(inner(x, sum), 4);
      }),
      { numRuns: 80, seed: 5 },
    );
  });

  it("takes windows of more than 256 elements", async () => {
    const x = noise(3, [1, 2, 20, 20]);
    x[399] = 5;
    const { pooled, switches } = await maxPool(Tensor.fromNCHW(x, [1, 2, 20, 20]), { kernel: 20 });
    expect(switches.offsets).toBeInstanceOf(Uint16Array);
    expect(switches.offsets[0]).toBe(399);
    const back = (await maxUnpool(pooled, switches)).toNCHW();
    expect(back[399]).toBe(5);
    expect(back.filter((value) => value !== 0)).toHaveLength(2);
  });

  it("networks unpool such windows as well", async () => {
    const pool = { kernel_shape: [17, 17], strides: [17, 17] };
    const graph = graphOf({
      inputs: { x: [1, 2, 17, 34] },
      constants: { shape: ints(1, 2, 17, 34) },
      nodes: [
        ["MaxPool", ["x"], ["p", "i"], pool],
        ["MaxUnpool", ["p", "i", "shape"], ["y"], pool],
      ],
    });
    const x = noise(8, [1, 2, 17, 34]);
    const expected = await runReference(graph, { x: floats([1, 2, 17, 34], x) });
    const { output } = await (await loadModel(writeOnnx(graph))).run(Tensor.fromNCHW(x, [1, 2, 17, 34]));
    expect(output.toNCHW()).toEqual(Float32Array.from(expected.y.data as Float32Array));
  });

  it("names what overlap means where two windows share a maximum", async () => {
    const x = new Tensor(Float32Array.of(0, 3, 9, 2, 0), [1, 1, 5]);
    const { pooled, switches } = await maxPool(x, { kernel: 3, stride: 2 });
    expect(Array.from(pooled.data)).toEqual([9, 9]);
    expect(Array.from(switches.offsets)).toEqual([2, 0]);
    const values = new Tensor(Float32Array.of(10, 1), [1, 1, 2]);
    expect(Array.from((await maxUnpool(values, switches)).data)).toEqual([0, 0, 1, 0, 0]);
    const added = await maxUnpool(values, switches, { overlap: "accumulate" });
    expect(Array.from(added.data)).toEqual([0, 0, 11, 0, 0]);
  });

  it("says what is wrong", async () => {
    const x = new Tensor(new Float32Array(36), [1, 6, 6, 1]);
    await expect(maxPool(x, {} as never)).rejects.toThrow(/needs the extent of its window/);
    await expect(maxPool(x, { kernel: [2] })).rejects.toThrow(
      /kernel takes one whole number of at least 1 or 2 \(rows, columns\), got \[2\]/,
    );
    await expect(maxPool(x, { kernel: 7 })).rejects.toThrow(/window 7×7 .* is larger than the padded input 6×6/);
    await expect(maxPool(x, { kernel: 2, pad: 2 })).rejects.toThrow(/some of its windows lie in the padding alone/);
    await expect(maxPool([1, 2] as never, { kernel: 2 })).rejects.toThrow(InputError);
    await expect(maxPool(new Tensor(new Float32Array(4), [2, 2]), { kernel: 2 })).rejects.toThrow(ShapeError);
    const { pooled, switches } = await maxPool(x, { kernel: 2 });
    await expect(maxUnpool(x, switches)).rejects.toThrow(/takes a Tensor of the switches' shape 1×3×3×1, got 1×6×6×1/);
    await expect(maxUnpool(pooled, {} as never)).rejects.toThrow(/Switches are what maxPool returned/);
    await expect(maxUnpool(pooled, switches, { overlap: "max" as never })).rejects.toThrow(
      /overlap .* is none of assign, accumulate/,
    );
    const broken = { ...switches, offsets: switches.offsets.map(() => 4) };
    await expect(maxUnpool(pooled, broken)).rejects.toThrow(/Switch 0 is 4; a window of 2×2 has elements 0 to 3/);
    expect(() => switchIndices(switches, "numpy" as never)).toThrow(OptionError);
    const indices = switchIndices(switches, "onnx");
    expect(() => switchesFromIndices(indices, "onnx", [1, 6, 6, 1], { kernel: 3 })).toThrow(/9 indices for 4 pooled/);
    expect(() =>
      switchesFromIndices(
        indices.map((i) => i + 2),
        "onnx",
        [1, 6, 6, 1],
        { kernel: 2 },
      ),
    ).toThrow(/does not lie in its window/);
  });
});

describe("the picture of a pooling", () => {
  const at = (
    { data, width }: { data: Uint8Array | Uint8ClampedArray; width: number },
    x: number,
    y: number,
  ): number[] => Array.from(data.slice((y * width + x) * 4, (y * width + x) * 4 + 3));

  it("shows input, pooled, switches and unpooled in one scale", async () => {
    const x = new Float32Array(32);
    for (const place of [0, 3, 13, 10]) x[place] = 1;
    // Channel 1 stays dark; channel 0 is stronger and is chosen.
    const input = Tensor.fromNCHW(x, [1, 2, 4, 4]);
    const { pooled, switches } = await maxPool(input, { kernel: 2 });
    const unpooled = await maxUnpool(pooled, switches);
    const picture = poolingPicture({ input, pooled, switches, unpooled }, { side: 40 });
    expect([picture.width, picture.height]).toEqual([4 * 40 + 3 * 12, 40]);
    const [dark, bright] = [at(picture, 15, 5), at(picture, 5, 5)];
    expect(bright[0]).toBeGreaterThan(dark[0] + 100);
    // Pooled: the upper left quarter is bright all over; unpooled: only its first pixel.
    expect(at(picture, 52 + 15, 15)).toEqual(bright);
    expect(at(picture, 156 + 15, 15)).toEqual(dark);
    expect(at(picture, 156 + 5, 5)).toEqual(bright);
    // Switches: offsets 0, 1 of the upper windows, 1 and 0 of the lower ones.
    expect(Array.from(switches.offsets).filter((_, i) => i % 2 === 0)).toEqual([0, 1, 3, 0]);
    const lit = at(picture, 104 + 5, 5);
    expect(at(picture, 104 + 35, 5)).toEqual(lit);
    expect(at(picture, 104 + 15, 35)).toEqual(lit);
    expect(at(picture, 104 + 25, 25)).toEqual(lit);
    expect(at(picture, 104 + 15, 15)).not.toEqual(lit);
  });

  it("stacks the parts of a signal, and refuses what does not belong together", async () => {
    const input = new Tensor(Float32Array.of(1, 2, 3, 4, 5, 6, -1, 0), [1, 1, 8]);
    const { pooled, switches } = await maxPool(input, { kernel: 4 });
    const unpooled = await maxUnpool(pooled, switches);
    const picture = poolingPicture({ pooled, switches, unpooled }, { side: 64 });
    expect([picture.width, picture.height]).toEqual([64, 3 * 40 + 2 * 12]);
    expect(() => poolingPicture({ pooled: input, switches, unpooled })).toThrow(/do not belong to one pooling/);
    expect(() => poolingPicture({ pooled, switches, unpooled }, { channel: 1 })).toThrow(/has channels 0 to 0/);
  });
});
