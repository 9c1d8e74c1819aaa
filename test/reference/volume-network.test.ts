/** A classifier of volumes under every kind of method, and its pictures. */
import { expect, it } from "vitest";
import {
  fullGrad,
  gradCam,
  guidedBackprop,
  guidedGradCam,
  heatmap,
  inputXGradient,
  inspect,
  integratedGradients,
  kernelShap,
  layerCam,
  lime,
  loadModel,
  occlusion,
  rise,
  saliency,
  scoreCam,
  smoothGrad,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { describeShared, readShared, sharedPath } from "../shared-folder";

const file = "models/modern/conv3d";

describeShared("a network of volumes", () => {
  it("is explained by every kind of method, and drawn slice below slice", { timeout: 120_000 }, async () => {
    using model = await loadModel(sharedPath(`${file}.onnx`));
    const volume = new Tensor(new Float32Array(readShared(`${file}.in0.bin`).buffer), [1, 1, 16, 16, 16]);
    const [{ layer, shape }] = inspect(model).camLayers;
    const [cam, layered] = [await gradCam(model, volume), await layerCam(model, volume)];
    const scored = await scoreCam(model, volume);
    const full = await fullGrad(model, volume);
    expect(full.values.shape).toEqual([1, 16, 16, 16, 1]);
    expect(Math.abs(full.convergenceDelta as number)).toBeLessThan(1e-5 * Math.abs(full.target.score) + 1e-6);
    const attributions = [
      await saliency(model, volume),
      await inputXGradient(model, volume),
      await guidedBackprop(model, volume),
      await integratedGradients(model, volume, { nSteps: 64 }),
      await smoothGrad(model, volume, { samples: 2 }),
      await occlusion(model, volume, { window: 8, stride: 8 }),
      await rise(model, volume, { masks: 8 }),
      await lime(model, volume, { samples: 20 }),
      await kernelShap(model, volume, { samples: 20 }),
      await guidedGradCam(model, volume),
    ];
    for (const { method, values, inputSize } of attributions) {
      expect(values.shape, method).toEqual([1, 1, 16, 16, 16]);
      expect(inputSize, method).toEqual({ width: 16, height: 256, depth: 16 });
    }
    for (const attribution of [...attributions, cam, layered, scored, full]) {
      const { method, values } = attribution;
      expect(values.data.every(Number.isFinite), method).toBe(true);
      expect(
        values.data.some((value) => value !== 0),
        method,
      ).toBe(true);
      const all = heatmap(attribution);
      expect([all.width, all.height], method).toEqual([16, 256]);
      const slice = heatmap(attribution, { slice: 5 });
      expect([slice.width, slice.height], method).toEqual([16, 16]);
      expect(slice.data, method).toEqual(all.data.slice(5 * 256, 6 * 256));
    }
    expect(Math.abs(attributions[3].convergenceDelta ?? 1)).toBeLessThan(1e-3);
    expect(cam.values.shape.length, `${layer} ${shape}`).toBe(5);
    expect([cam.values.shape[0], cam.values.shape[4]]).toEqual([1, 1]);
    expect(() => heatmap(cam, { slice: 16 })).toThrow(/slice must be a whole number from 0 to 15/);
  });
});

/** Linear between places: those of the ends on each other, or half-pixel centres. */
const between = (i: number, from: number, to: number, corners: boolean): [number, number, number] => {
  const scaled = corners ? (to > 1 ? (i * (from - 1)) / (to - 1) : 0) : ((i + 0.5) * from) / to - 0.5;
  const at = Math.min(Math.max(scaled, 0), from - 1);
  const low = Math.min(Math.floor(at), from - 1);
  return [low, Math.min(low + 1, from - 1), at - low];
};

/** A map of d×h×w at D×H×W places, by loops over single numbers. */
function trilinear(map: ArrayLike<number>, [d, h, w]: number[], [D, H, W]: number[], corners: boolean): number[] {
  return Array.from({ length: D * H * W }, (_, i) => {
    const axes = [
      between(Math.floor(i / (H * W)), d, D, corners),
      between(Math.floor(i / W) % H, h, H, corners),
      between(i % W, w, W, corners),
    ];
    let sum = 0;
    for (let corner = 0; corner < 8; corner++) {
      const [z, y, x] = axes.map((axis, k) => axis[(corner >> k) & 1]);
      const share = axes.reduce((product, [, , far], k) => product * ((corner >> k) & 1 ? far : 1 - far), 1);
      sum += share * map[(z * h + y) * w + x];
    }
    return sum;
  });
}

it("Score-CAM and guided Grad-CAM enlarge maps between slices too", async () => {
  const random = randomIntegers(9);
  const graph = graphOf({
    inputs: { x: [1, 2, 6, 5, 7] },
    constants: {
      w: randomFloats(random, [3, 2, 3, 2, 3]),
      b: randomFloats(random, [3]),
      head: randomFloats(random, [108, 2]),
      from: ints(0),
      to: ints(3),
      axis: ints(2),
    },
    nodes: [
      ["Conv", ["x", "w", "b"], ["maps"], { kernel_shape: [3, 2, 3], strides: [1, 1, 2] }],
      ["Relu", ["maps"], ["active"]],
      ["Slice", ["active", "from", "to", "axis"], ["part"]],
      ["Flatten", ["part"], ["flat"]],
      ["Gemm", ["flat", "head"], ["y"]],
    ],
  });

  using model = await loadModel(writeOnnx(graph));
  const x = new Tensor(randomFloats(random, [420]).floats(), [1, 2, 6, 5, 7]);
  const layer = "active";
  const { activations } = await model.run(x, { capture: [layer] });
  const { data: A } = activations.get(layer) as Tensor;
  const [small, large] = [
    [4, 4, 3],
    [6, 5, 7],
  ];
  const scores: number[] = [];
  for (let k = 0; k < 3; k++) {
    const mask = trilinear(A.subarray(k * 48, (k + 1) * 48), small, large, true);
    const [low, high] = [Math.min(...mask), Math.max(...mask)];
    const seen = x.data.map((value, i) => (value * (mask[i % 210] - low)) / (high - low + 1e-8));
    scores.push((await model.run(new Tensor(seen, x.shape))).output.data[1]);
  }
  const powers = scores.map(Math.exp);
  const total = powers.reduce((a, b) => a + b);
  const scored = await scoreCam(model, x, { layer, target: 1 });
  expect(scored.values.shape).toEqual([1, 4, 4, 3, 1]);
  scored.values.data.forEach((value, place) => {
    const expected = powers.reduce((sum, power, k) => sum + (power / total) * A[k * 48 + place], 0);
    expect(value).toBeCloseTo(expected, 4);
  });
  const cam = await gradCam(model, x, { layer, target: 0, relu: true });
  const guided = await guidedBackprop(model, x, { target: 0 });
  for (const interpolation of ["bilinear", "nearest"] as const) {
    const { values } = await guidedGradCam(model, x, { layer, target: 0, interpolation });
    const map =
      interpolation === "bilinear"
        ? trilinear(cam.values.data, small, large, false)
        : Array.from({ length: 210 }, (_, i) => {
            const at = [Math.floor(i / 35), Math.floor(i / 7) % 5, i % 7].map((p, k) =>
              Math.floor((p * small[k]) / large[k]),
            );
            return cam.values.data[(at[0] * 4 + at[1]) * 3 + at[2]];
          });
    expect(values.shape).toEqual([1, 2, 6, 5, 7]);
    values.data.forEach((value, i) => void expect(value).toBeCloseTo(guided.values.data[i] * map[i % 210], 5));
    expect(values.data.some((value) => value !== 0)).toBe(true);
  }
});
