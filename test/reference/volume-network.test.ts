/** A classifier of volumes under every kind of method, and its pictures. */
import { expect, it } from "vitest";
import { coarseFirst, patchesOf } from "../../src/attribution/covering/patches";
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
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
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

const extents = [6, 5, 7] as const;
/** A linear score of 2×6×5×7 numbers: what covering a place takes away is w·x there. */
const linear = (random: ReturnType<typeof randomIntegers>) => {
  const weight = randomFloats(random, [420, 2]);
  const graph = graphOf({
    inputs: { x: [1, 2, ...extents] },
    constants: { w: weight, b: floats([2], [0, 0]) },
    nodes: [
      ["Flatten", ["x"], ["flat"]],
      ["Gemm", ["flat", "w", "b"], ["y"]],
    ],
  });
  const x = new Tensor(randomFloats(random, [420]).floats(), [1, 2, ...extents]);
  const gives = (place: number): number =>
    [0, 210].reduce((sum, channel) => sum + x.data[channel + place] * weight.floats()[2 * (channel + place) + 1], 0);
  return { bytes: writeOnnx(graph), x, gives };
};

it("occlusion covers a volume with cuboids", async () => {
  const { bytes, x, gives } = linear(randomIntegers(4));
  using model = await loadModel(bytes);
  const [D, H, W] = extents;
  for (const [window, stride, given] of [
    [[3, 2, 4], [2, 1, 3], undefined],
    [[2, 2, 2], [1, 1, 1], 2],
  ] as const) {
    const options = given === undefined ? { window, stride } : { window: given, stride: 1 };
    const { values, recipe } = await occlusion(model, x, { target: 1, ...options });
    expect(recipe.options).toMatchObject({ window, stride, engine: "full" });
    const [drop, cover] = [new Float64Array(210), new Float64Array(210)];
    const starts = (axis: 0 | 1 | 2) =>
      Array.from({ length: Math.ceil((extents[axis] - window[axis]) / stride[axis]) + 1 }, (_, k) => k * stride[axis]);
    for (const d of starts(0)) {
      for (const h of starts(1)) {
        for (const w of starts(2)) {
          const places: number[] = [];
          for (let z = d; z < Math.min(d + window[0], D); z++)
            for (let y = h; y < Math.min(h + window[1], H); y++)
              for (let u = w; u < Math.min(w + window[2], W); u++) places.push((z * H + y) * W + u);
          const taken = places.reduce((sum, place) => sum + gives(place), 0);
          for (const place of places) {
            drop[place] += taken;
            cover[place] += 1;
          }
        }
      }
    }
    const worst = Math.max(...values.data.map((value, i) => Math.abs(value - drop[i % 210] / cover[i % 210])));
    expect(worst).toBeLessThan(1e-5);
  }
  const usual = await occlusion(model, x, { target: 1 });
  expect(usual.recipe.options).toMatchObject({ window: [1, 1, 1], stride: [1, 1, 1] });
  for (const [window, message] of [
    [[2, 2], "window must be a whole number of at least 1, or three (slices, rows, columns), got"],
    [[7, 2, 2], "window 7×2×2 is larger than the input, 6×5×7."],
    [[0, 2, 2], "window must be a whole number of at least 1, or three (slices, rows, columns), got"],
  ] as const) {
    const broken = occlusion(model, x, { window: window as unknown as [number, number] });
    await expect(broken).rejects.toThrow(message);
  }
  await expect(occlusion(model, x, { engine: "incremental" })).rejects.toThrow(
    'engine "incremental" follows rectangles of maps; of a volume whole passes are made. Leave the option out.',
  );
  await expect(occlusion(model, x, { window: 2, stride: [1, 3, 1] })).rejects.toThrow(
    "stride 1×3×1 is larger than the window, 2×2×2: voxels between the patches would never be covered.",
  );
});

it("occlusion of a volume that is given up early has the drop of the nearest cuboid", async () => {
  const { bytes, x, gives } = linear(randomIntegers(5));
  using model = await loadModel(bytes);
  const [D, H, W] = extents;
  const budget = { passes: 1 };
  const { values, refinement } = await occlusion(model, x, { target: 1, window: 1, stride: 1, batchSize: 1, budget });
  const frame = { depth: D, height: D * H, width: W, channels: 2, line: false };
  const patches = patchesOf(frame, [1, 1, 1], [1, 1, 1]);
  expect(refinement).toMatchObject({ total: patches.all.length });
  expect(patches.all.length).toBe(210);
  const { order } = coarseFirst(patches);
  expect(new Set(order).size).toBe(patches.all.length);
  const known = order.slice(0, refinement?.done).map((pass) => {
    const { front, back, top, bottom, left, right } = patches.all[pass];
    const middle = [front + back - 1, top + bottom - 1, left + right - 1].map((sum) => sum / 2);
    let taken = 0;
    for (let z = front; z < back; z++)
      for (let y = top; y < bottom; y++) for (let u = left; u < right; u++) taken += gives((z * H + y) * W + u);
    return { middle, taken };
  });
  expect(known.length).toBeLessThan(patches.all.length);
  for (let place = 0; place < D * H * W; place++) {
    const at = [Math.floor(place / (H * W)), Math.floor(place / W) % H, place % W];
    const distances = known.map(({ middle }) => middle.reduce((sum, m, axis) => sum + (m - at[axis]) ** 2, 0));
    const least = Math.min(...distances);
    const nearest = known
      .filter((_, i) => distances[i] === least)
      .map(({ taken }) => Math.abs(taken - values.data[place]));
    expect(Math.min(...nearest)).toBeLessThan(1e-5);
  }
});

it("masks of RISE are smooth along all three axes of a volume, and random along each", async () => {
  const { bytes, x } = linear(randomIntegers(6));
  using model = await loadModel(bytes);
  const [, H, W] = extents;
  const steps = [H * W, W, 1];
  const most = [0, 0, 0];
  for (let seed = 1; seed <= 6; seed++) {
    const { values, target } = await rise(model, x, { masks: 1, grid: 3, probability: 0.5, seed, target: 1 });
    const largest = Math.max(...values.data.slice(0, 210).map(Math.abs));
    if (largest === 0) continue;
    expect(Number.isFinite(target.score)).toBe(true);
    steps.forEach((step, axis) => {
      const cell = Math.ceil(extents[axis] / 3);
      // Between neighbours no more than the way from one place to the next in cells.
      const bound = 3 / (4 * cell);
      for (let place = 0; place + step < 210; place++) {
        if (Math.floor(place / step) % extents[axis] === extents[axis] - 1) continue;
        const change = Math.abs(values.data[place + step] - values.data[place]) / largest;
        expect(change).toBeLessThanOrEqual(bound / 0.5 + 1e-6);
        most[axis] = Math.max(most[axis], change);
      }
    });
  }
  for (const change of most) expect(change).toBeGreaterThan(0.1);
});

it("LIME and KernelSHAP take blocks of a volume away", async () => {
  const { bytes, x, gives } = linear(randomIntegers(8));
  using model = await loadModel(bytes);
  const { values, recipe } = await kernelShap(model, x, { target: 1, samples: 600 });
  expect(recipe.options.segments).toMatchObject({ made: "blocks", shape: extents });
  const { features } = recipe.options.segments as { features: number };
  expect(features).toBeGreaterThan(30);
  expect(features).toBeLessThan(70);
  // Of a linear score a block has what its places give.
  const [D, H, W] = extents;
  const counts = extents.map((extent) => Math.round(extent * Math.cbrt(50 / 210)));
  expect(counts[0] * counts[1] * counts[2]).toBe(features);
  const blockAt = (place: number): number =>
    [Math.floor(place / (H * W)), Math.floor(place / W) % H, place % W].reduce(
      (sum, at, axis) => sum * counts[axis] + Math.floor((at * counts[axis]) / [D, H, W][axis]),
      0,
    );
  const blocks = new Float64Array(features);
  for (let place = 0; place < 210; place++) blocks[blockAt(place)] += gives(place);
  const worst = Math.max(...Array.from({ length: 210 }, (_, i) => Math.abs(values.data[i] - blocks[blockAt(i)])));
  expect(worst).toBeLessThan(1e-3);
  await expect(lime(model, x, { segments: [0, 1] })).rejects.toThrow(
    "segments has 2 elements, one for each place is needed: 6×5×7 = 210 voxels.",
  );
});
