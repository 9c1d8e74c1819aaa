import { expect, it } from "vitest";
import {
  classMap,
  classMapImage,
  deconvnet,
  explain,
  gradCam,
  guidedBackprop,
  inspect,
  loadModel,
  type Model,
  methodNames,
  OptionError,
  occlusion,
  ShapeError,
  saliency,
  Tensor,
} from "../../src/index";
import { readOnnx } from "../../src/onnx/reader";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, randomFloats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

const random = randomIntegers(8);

/** Two maps, pooled to half the size, scored per class, and back to the full size. */
const segmenter = () =>
  graphOf({
    inputs: { x: [1, 1, 4, 6] },
    constants: {
      edge: floats([2, 1, 1, 1], [1, -1]),
      w: floats([3, 2, 1, 1], [2, 0, 0, 3, -1, 1]),
      spread: floats([3, 1, 2, 2], new Array(12).fill(1)),
    },
    nodes: [
      ["Conv", ["x", "edge"], ["c"]],
      ["Relu", ["c"], ["r"]],
      ["MaxPool", ["r"], ["maps"], { kernel_shape: [2, 2], strides: [2, 2] }],
      ["Conv", ["maps", "w"], ["s"]],
      ["ConvTranspose", ["s", "spread"], ["y"], { strides: [2, 2], group: 3 }],
    ],
  });

it("Grad-CAM of a region is Seg-Grad-CAM: the mean of the region's scores, at the smallest maps", async () => {
  const model = await loadModel(writeOnnx(segmenter()));
  const x = Tensor.fromNCHW(randomFloats(random, [1, 1, 4, 6]).floats(), [1, 1, 4, 6]);
  const { output, activations } = await model.run(x, { capture: ["maps"] });
  const segmentation = classMap(output);
  const maps = (activations.get("maps") as Tensor).data;
  const weights = [
    [2, 0],
    [0, 3],
    [-1, 1],
  ];
  for (const channel of [0, 1, 2]) {
    const mask = Uint8Array.from({ length: 24 }, (_, pixel) => Number(pixel % 3 === channel || pixel < 2));
    for (const layer of [undefined, "maps"]) {
      const attribution = await gradCam(model, x, { target: { mask, channel }, layer });
      // ∂(mean of the region)/∂A_k sums to w_ck over the places, so its mean over the 2×3 places is w_ck / 6.
      const expected = Array.from({ length: 6 }, (_, place) =>
        weights[channel].reduce((sum, w, k) => sum + (w * maps[place * 2 + k]) / 6, 0),
      );
      expect(attribution.values.shape).toEqual([1, 2, 3, 1]);
      attribution.values.data.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i], 5);
      });
      const score = output.data.reduce(
        (sum, value, i) => sum + (i % 3 === channel ? value * mask[(i - channel) / 3] : 0),
        0,
      );
      expect(attribution.target.score).toBeCloseTo(score / mask.reduce((a, b) => a + b), 5);
    }
  }
  expect(inspect(model).camLayers[0].layer).toBe("s");
  expect(segmentation.counts.reduce((a, b) => a + b)).toBe(24);
});

it("classMap names the class of each pixel, and makes the masks that targets take", async () => {
  const output = new Tensor(Float32Array.from([1, 2, 2, 5, 0, 0, 0, 0, 3, -3, -2, -1]), [1, 2, 2, 3]);
  const map = classMap(output);
  expect([...map.classes]).toEqual([1, 0, 2, 2]);
  expect(map).toMatchObject({ width: 2, height: 2, counts: [1, 1, 2] });
  expect([...map.mask(2)]).toEqual([0, 0, 1, 1]);
  const single = classMap(new Tensor(Float32Array.of(0.4, 0.5, 0.9, 0), [1, 1, 4, 1]));
  expect([...single.classes]).toEqual([0, 1, 1, 0]);
  expect(single.counts).toEqual([2, 2]);
  expect([...classMap(new Tensor(Float32Array.of(-1, 2), [1, 1, 2, 1]), { threshold: 0 }).mask(1)]).toEqual([0, 1]);
  expect(() => map.mask(3)).toThrow(OptionError);
  expect(() => classMap(new Tensor(new Float32Array(4), [1, 4]))).toThrow(ShapeError);
  const picture = classMapImage(map);
  expect([...picture.data.slice(4, 8)]).toEqual([0, 0, 0, 255]);
  expect(picture.data.slice(8, 12)).toEqual(picture.data.slice(12, 16));
  expect(picture.data.slice(0, 4)).not.toEqual(picture.data.slice(8, 12));
});

/**
 * ∂s/∂x of single values against (s(x + ε) − s(x − ε)) / 2ε of onnxruntime. The score jumps where a pooling position
 * changes, because unpooling moves with it, so some differences say nothing: the median does.
 */
async function expectSlopes(model: Model, file: Uint8Array, x: Tensor, target: { mask: Uint8Array; channel: number }) {
  const { values } = await saliency(model, x, { target });
  const [, h, w, c] = x.shape;
  const scoreWith = async (at: number, change: number): Promise<number> => {
    const moved = new Tensor(x.data.slice(), x.shape);
    moved.data[at] += change;
    const out = await runReference(file, { [model.input.name]: floats([1, c, h, w], moved.toNCHW()) });
    const map = Tensor.fromNCHW(Float32Array.from(Object.values(out)[0].data, Number), [1, 12, h, w]);
    return meanInside(map, target);
  };
  const strongest = Array.from(values.data.keys()).sort((a, b) => Math.abs(values.data[b]) - Math.abs(values.data[a]));
  const errors: number[] = [];
  for (const at of strongest.filter((_, rank) => rank % 40 === 0).slice(0, 5)) {
    const epsilon = 1e-4;
    const slope = ((await scoreWith(at, epsilon)) - (await scoreWith(at, -epsilon))) / (2 * epsilon);
    errors.push(Math.abs(slope / values.data[at] - 1));
  }
  expect(errors.sort((a, b) => a - b)[2]).toBeLessThan(0.05);
}

describeShared("segmenters of others", () => {
  const street = (): Tensor => {
    // Road below, sky above, a post in between: nothing of the kind was in training, but it makes several classes.
    const pixels = Float32Array.from({ length: 64 * 96 * 3 }, (_, i) => {
      const [y, x, c] = [Math.floor(i / 288), Math.floor(i / 3) % 96, i % 3];
      const noise = (Math.imul(i + 1, 2654435761) >>> 8) / 2 ** 24 / 10;
      if (x > 40 && x < 48 && y > 12) return 0.35 + noise;
      return noise + (y < 28 ? [0.75, 0.8, 0.9][c] : 0.3);
    });
    return new Tensor(pixels, [1, 64, 96, 3]);
  };

  it("ENet: masks per class, per pixel, every method, gradients as onnxruntime's slopes", async () => {
    const file = readShared("models/enet-camvid-maxunpool-bn.onnx");
    const model = await loadModel(file, { inputShape: [1, 3, 64, 96] });
    const x = street();
    const { output } = await model.run(x);
    const reference = Object.values(
      await runReference(file, { [model.input.name]: floats([1, 3, 64, 96], x.toNCHW()) }),
    )[0];
    const largest = Math.max(...Array.from(reference.data, (value) => Math.abs(Number(value))));
    output.toNCHW().forEach((value, i) => {
      expect(Math.abs(value - Number(reference.data[i]))).toBeLessThan(1e-4 * largest);
    });
    const map = classMap(output);
    const present = map.counts.flatMap((count, index) => (count > 200 ? [index] : []));
    expect(present.length).toBeGreaterThanOrEqual(2);
    for (const channel of present.slice(0, 2)) {
      const target = { mask: map.mask(channel), channel };
      if (channel === present[0]) await expectSlopes(model, file, x, target);
      const attribution = await gradCam(model, x, { target });
      expect(attribution.values.shape).toEqual([1, 8, 12, 1]);
      expect(attribution.target.index).toBe(channel);
    }
    const [channel] = present;
    const target = { mask: map.mask(channel), channel };
    // DeepLIFT has no rule for max-unpooling.
    for (const method of methodNames.filter((name) => name !== "cam" && !name.startsWith("deep-lift"))) {
      const options = { method, target, nSteps: 4, samples: 4, window: [32, 32], stride: [32, 32] } as const;
      const { values, target: report } = await explain(model, x, options);
      expect(values.data.every(Number.isFinite), method).toBe(true);
      expect(
        values.data.some((value) => value !== 0),
        method,
      ).toBe(true);
      expect(report.score, method).toBeCloseTo(meanInside(output, target), 3);
    }
    for (const method of [saliency, deconvnet, guidedBackprop, gradCam]) {
      const { values, target: report } = await method(model, x, { target: { position: [40, 10], channel } });
      expect(report.score).toBeCloseTo(output.data[(40 * 96 + 10) * output.shape[3] + channel], 4);
      expect(values.data.some((value) => value !== 0)).toBe(true);
    }
  });

  it("selfie segmenter: the default layer's map lies where the mask does, and covering changes it", async () => {
    const file = readShared("models/mediapipe-selfie-segmentation-256.onnx");
    const model = await loadModel(file);
    const input = Tensor.fromNCHW(
      new Float32Array(readShared("goldens/selfie-segmentation/admiral/input.bin").slice().buffer),
      [1, 3, 256, 256],
    );
    const { output } = await model.run(input);
    const map = classMap(output);
    const mask = map.mask(1);
    expect(map.counts[1]).toBeGreaterThan(1000);
    const target = { mask, channel: 0 };
    // The mask is the file's sigmoid, the target the score before it.
    expect(model.output.shape).toEqual(output.shape);
    const attribution = await gradCam(model, input, { target });
    const [, h, w] = attribution.values.shape;
    expect(h).toBe(w);
    expect(h).toBeLessThanOrEqual(16);
    const drops = await occlusion(model, input, { target, window: [64, 64], stride: [64, 64] });
    expect(drops.values.data.reduce((a, b) => Math.max(a, b))).toBeGreaterThan(0.1);
    expect(readOnnx(file).outputs).toHaveLength(1);
  });
});

function meanInside(output: Tensor, { mask, channel }: { mask: Uint8Array; channel: number }): number {
  let sum = 0;
  mask.forEach((inside, pixel) => {
    if (inside) sum += output.data[pixel * output.shape[3] + channel];
  });
  return sum / mask.reduce((a, b) => a + b, 0);
}
