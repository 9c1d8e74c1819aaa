/** Instance masks as targets: against a plain loop in float64, its finite differences, and onnxruntime. */
import { describe, expect, it } from "vitest";
import {
  type Detection,
  detect,
  dRise,
  drawDetections,
  explain,
  gradCam,
  loadModel,
  occlusion,
  rise,
  saliency,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { rawYoloV8Pairs, segGraph, yoloPose, yoloV8 } from "./networks";
import { cornersOf, iou, outputsOf } from "./reference";

const file = writeOnnx(segGraph);
const x = new Tensor(
  Float32Array.from({ length: 64 * 64 * 3 }, (_, i) => Math.sin(i * 0.7) + Math.cos(i * 0.013)),
  [1, 64, 64, 3],
);
const model = await loadModel(file, { labels: ["cat", "dog", "bird"] });
const found = await detect(model, x, { threshold: 0, iou: 1 });
/** A box of some size, which random weights do not make. */
const sized = (detection: Detection): Detection => ({ ...detection, box: { x: 9, y: 20.5, width: 31, height: 24 } });
const best = sized(found[0]);

it("masks of maps that are not decoded are of the coefficients in a map of their own", async () => {
  const raw = rawYoloV8Pairs(8);
  const outputs = await outputsOf(raw, x);
  const withMasks = await detect(await loadModel(raw), x, { threshold: 0, iou: 1, masks: true });
  const [{ anchor, mask }] = withMasks.filter((each) => each.anchor < 64 && each.mask !== undefined);
  const { region, data } = mask ?? { region: { x: 0, y: 0 }, data: [] };
  let sum = 0;
  for (let k = 0; k < 8; k++) {
    sum += outputs.m8.data[k * 64 + anchor] * outputs.proto.data[k * 256 + region.y * 4 + region.x / 4];
  }
  expect(data[0]).toBeCloseTo(1 / (1 + Math.exp(-sum)), 4);
});

it("detect gives the mask of each box, as a plain loop over onnxruntime's output has it, and drawDetections colours it", async () => {
  const { output0, output1 } = await outputsOf(file, x);
  const withMasks = await detect(model, x, { threshold: 0, iou: 1, masks: true, head: { units: "relative" } });
  const [large] = withMasks
    .filter(({ mask }) => mask !== undefined)
    .sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
  expect(withMasks.map(({ anchor }) => anchor)).toEqual(found.map(({ anchor }) => anchor));
  for (const { mask, anchor, box } of withMasks.slice(0, 20)) {
    const inside = (at: number, from: number, extent: number): boolean => at * 4 >= from && at * 4 < from + extent;
    const [rows, columns] = [
      [...Array(16).keys()].filter((y) => inside(y, box.y, box.height)),
      [...Array(16).keys()].filter((column) => inside(column, box.x, box.width)),
    ];
    if (rows.length * columns.length === 0) {
      expect(mask).toBeUndefined();
      continue;
    }
    expect(mask).toMatchObject({ width: columns.length, height: rows.length });
    expect(mask?.region).toEqual({
      ...{ x: columns[0] * 4, y: rows[0] * 4, width: columns.length * 4, height: rows.length * 4 },
    });
    const plain = rows.flatMap((y) =>
      columns.map((column) => {
        let sum = 0;
        for (let k = 0; k < 8; k++)
          sum += output0.data[(7 + k) * 84 + anchor] * output1.data[k * 256 + y * 16 + column];
        return 1 / (1 + Math.exp(-sum));
      }),
    );
    plain.forEach((probability, i) => {
      expect(Math.abs((mask?.data[i] ?? 0) - probability)).toBeLessThan(1e-4);
    });
  }
  const grey = Uint8ClampedArray.from({ length: 64 * 64 * 4 }, (_, i) => (i % 4 === 3 ? 255 : 100));
  const ground = { data: grey, width: 64, height: 64 };
  const data = Float32Array.of(1, 0, 0, 0);
  const region = { x: 16, y: 16, width: 32, height: 32 };
  const box = { x: 10, y: 10, width: 40, height: 40 };
  const drawn = await drawDetections(ground, [{ box, index: 0, mask: { data, width: 2, height: 2, region } }], {
    caption: () => "",
  });
  const red = (px: number, py: number): number => drawn.data[(py * 64 + px) * 4];
  // 0.55 · 100 + 0.45 · 255 where the mask is, and the picture where it is not.
  expect([red(20, 20), red(44, 20), red(20, 44), red(5, 5)]).toEqual([170, 100, 100, 100]);
  const odd = { ...large, mask: { data, width: 3, height: 3, region } };
  await expect(drawDetections(ground, [odd])).rejects.toThrow(
    "detections[0].mask must be { data, width, height, region }",
  );
  const plainHead = await loadModel(yoloV8(0));
  await expect(detect(plainHead, x, { masks: true })).rejects.toThrow(
    "masks: true is of detectors with instance masks, and this head has none",
  );
  await expect(detect(model, x, { masks: 1 as never })).rejects.toThrow("masks must be true or false, got 1");
});

const weights = (name: string): Float32Array => segGraph.constants.get(name)?.floats() as Float32Array;

/** A convolution over squares at one place, of x in channels-last order, in float64. */
function square(data: ArrayLike<number>, name: string, side: number, channel: number, [py, px]: readonly number[]) {
  const [w, b] = name === "p" ? ["p.w", "p.b"] : [`${name}.w${side}`, `${name}.b${side}`];
  let sum = weights(b)[channel];
  for (let c = 0; c < 3; c++) {
    for (let i = 0; i < side * side; i++) {
      const [dy, dx] = [Math.floor(i / side), i % side];
      const at = ((py * side + dy) * 64 + px * side + dx) * 3 + c;
      sum += weights(w)[(channel * 3 + c) * side * side + i] * Math.fround(0.1) * data[at];
    }
  }
  return sum;
}

/** The scale of a candidate and its place there. */
function placeOf(anchor: number): { readonly side: number; readonly place: readonly number[] } {
  let rest = anchor;
  for (const side of [8, 16, 32]) {
    const columns = 64 / side;
    if (rest < columns ** 2) return { side, place: [Math.floor(rest / columns), rest % columns] };
    rest -= columns ** 2;
  }
  throw new Error("There is no such candidate.");
}

/** Σ over the cells of four pixels from left to right edge of Σ coefficient · x σ(x). */
function maskSum(data: ArrayLike<number>, anchor: number): number {
  const { side, place } = placeOf(anchor);
  let sum = 0;
  for (let k = 0; k < 8; k++) {
    const coefficient = square(data, "m", side, k, place);
    // 9 / 4 = 2.25 and 40 / 4 = 10; 20.5 / 4 = 5.125 and 44.5 / 4 = 11.125.
    for (let y = 6; y <= 11; y++) {
      for (let column = 3; column <= 9; column++) {
        const value = square(data, "p", 4, k, [y, column]);
        sum += (coefficient * value) / (1 + Math.exp(-value));
      }
    }
  }
  return sum;
}

/** What following a box goes by. */
const share = (each: Detection, wanted: Detection): number =>
  iou(cornersOf(each), cornersOf(wanted)) * (each.index === wanted.index ? each.score : 0);

describe("the instance mask of a detection", () => {
  it("is recognised behind the classes, beside its prototypes", () => {
    expect(found[0].family).toBe("yolo-v8");
    expect(found[0].head.masks).toEqual({ at: 7, prototypes: "output1" });
    expect(found[0].head.keypoints).toBeUndefined();
  });

  it.each([found[0], found[7], found[30]])("has the score and the slopes of a plain loop in float64", async (one) => {
    const detection = sized(one);
    const { target, values, notes } = await saliency(model, x, { target: { detection, of: "mask" } });
    const plain = maskSum(x.data, detection.anchor);
    expect(Math.abs(target.score - plain)).toBeLessThan(1e-4 * Math.max(1, Math.abs(plain)));
    expect(target).toMatchObject({ index: detection.index, label: `${detection.label}, mask` });
    expect(notes.map(({ code }) => code)).toContain("box-evidence");
    // A step that float64 resolves to nine digits of such a smooth function.
    const step = 1e-4;
    const { side, place } = placeOf(detection.anchor);
    const own = ((place[0] * side + 2) * 64 + place[1] * side + 3) * 3;
    const largest = values.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // Of the candidate's own square, of places in the box and of its edges, and of others that nothing depends on.
    for (const at of [
      own,
      own + 1,
      (24 * 64 + 12) * 3,
      (47 * 64 + 39) * 3 + 2,
      (23 * 64 + 30) * 3,
      (30 * 64 + 40) * 3,
      5,
    ]) {
      const moved = (by: number) =>
        maskSum(
          Float64Array.from(x.data, (value, i) => value + (i === at ? by : 0)),
          detection.anchor,
        );
      const slope = (moved(step) - moved(-step)) / (2 * step);
      expect(Math.abs(values.data[at] - slope) / largest, `number ${at}`).toBeLessThan(1e-5);
    }
    expect(values.data.filter((value) => value !== 0).length).toBeGreaterThan(3 * 16 * 42 - 1);
  });

  it("is what onnxruntime's outputs make", async () => {
    const { output0, output1 } = await outputsOf(file, x);
    let sum = 0;
    for (let k = 0; k < 8; k++) {
      for (let y = 6; y <= 11; y++)
        for (let column = 3; column <= 9; column++)
          sum += output0.data[(7 + k) * 84 + best.anchor] * output1.data[(k * 16 + y) * 16 + column];
    }
    const { target } = await saliency(model, x, { target: { detection: best, of: "mask" } });
    expect(Math.abs(target.score / sum - 1)).toBeLessThan(1e-5);
  });

  it("is that of whichever candidate holds the box, where the input is changed", async () => {
    // Rows of a box around the middle, of about half the picture.
    const raw = new Tensor(
      x.data.map((value) => value * 0.05),
      x.shape,
    );
    const head = { ...found[0].head, decode: "yolox", strides: [8, 16, 32] } as const;
    const all = await detect(model, raw, { head, threshold: 0, iou: 1 });
    const whole = all.find(({ anchor }) => anchor === 81) as Detection;
    expect(whole.box.width).toBeGreaterThan(8);
    const target = { detection: whole, of: "mask" } as const;
    const { score } = (await saliency(model, raw, { target })).target;
    for (const method of ["rise", "occlusion", "lime"] as const) {
      const options = { method, target, masks: 3, samples: 4, window: 32, stride: 32 } as const;
      expect((await explain(model, raw, options)).target.score).toBeCloseTo(score, 3);
    }
    const covered = await occlusion(model, raw, { target, window: 64, stride: 64 });
    const empty = new Tensor(new Float32Array(raw.data.length), raw.shape);
    const { data, shape } = (await model.run(empty, { capture: ["output1"] })).activations.get("output1") as Tensor;
    expect(shape).toEqual([1, 16, 16, 8]);
    // Of nothing every prototype is the same everywhere: places × Σ coefficient · prototype of the candidate that overlaps it best.
    const held = await detect(model, empty, { head, threshold: 0, iou: 1 });
    const left = held.reduce((best, each) => (share(each, whole) > share(best, whole) ? each : best));
    const rows = (await model.run(empty)).output.data;
    const places = [0, 1].map((axis) => {
      const [from, extent] = axis === 0 ? [whole.box.x, whole.box.width] : [whole.box.y, whole.box.height];
      return Array.from({ length: 16 }, (_, at) => 4 * at).filter((at) => at >= from && at < from + extent).length;
    });
    let sum = 0;
    for (let k = 0; k < 8; k++) sum += rows[(7 + k) * 84 + left.anchor] * data[k] * places[0] * places[1];
    expect(covered.values.data[0]).toBeCloseTo(score - sum, 3);
  });

  it("is a target of class activation maps, contrasts and other threads' recipes", async () => {
    const target = { detection: best, of: "mask" } as const;
    const map = await gradCam(model, x, { target });
    // What the last convolution before the prototypes reads.
    expect(map.layer).toBe("p.x");
    expect(map.values.data.some((value) => value !== 0)).toBe(true);
    const again = await explain(model, x, {
      ...(JSON.parse(JSON.stringify(map.recipe.options)) as object),
      method: "grad-cam",
    });
    expect(again.values).toEqual(map.values);
    const other = { detection: sized(found[30]), of: "mask" } as const;
    const [a, b, both] = await saliency(model, x, { targets: [target, other, { contrast: [target, other] }] });
    expect(both.target.score).toBeCloseTo(a.target.score - b.target.score, 3);
  });

  it("is said of heads that are not recognised, and refused where there is none", async () => {
    const head = { boxes: "output0", layout: "columns", classes: 3, masks: { at: 7, prototypes: "output1" } } as const;
    const said = (await detect(model, x, { head, threshold: 0, iou: 1 })).find(({ anchor }) => anchor === best.anchor);
    const ask = (detection: Detection, which = model) =>
      saliency(which, x, { target: { detection, of: "mask" } }).then(({ target }) => target.score);
    expect(await ask(sized(said as Detection))).toBe(await ask(best));
    // The first row and column at an edge are inside, those at the other edge are not: one place of four pixels.
    const one = { ...best, box: { x: 8, y: 24, width: 4, height: 4 } };
    const same = { ...best, box: { x: 6.5, y: 22.5, width: 3, height: 3 } };
    const next = { ...best, box: { x: 10.5, y: 22.5, width: 3, height: 3 } };
    expect(await ask(one)).toBe(await ask(same));
    expect(await ask(one)).not.toBe(await ask(next));
    const off = { ...best, box: { x: 90, y: 0, width: 9, height: 9 } };
    await expect(ask(off)).rejects.toThrow("holds no place of the masks, of which the network has 16×16");
    await expect(rise(model, x, { target: { detection: off, of: "mask" }, masks: 1 })).rejects.toThrow(
      "holds no place",
    );
    for (const other of [yoloV8(0), yoloPose]) {
      const maskless = await loadModel(other);
      const [box] = await detect(maskless, x, { threshold: 0 });
      await expect(ask(box, maskless)).rejects.toThrow('of: "mask" is of detectors with instance masks');
      await expect(occlusion(maskless, x, { target: { detection: box, of: "mask" } })).rejects.toThrow(
        "this head has none",
      );
    }
    await expect(dRise(model, x, { target: { detection: best, of: "mask" } } as never)).rejects.toThrow(/a whole box/);
    const wrong = (masks: unknown) => detect(model, x, { head: { ...head, masks } as never });
    await expect(wrong("output1")).rejects.toThrow("head.masks must be { at, prototypes }, got string");
    await expect(wrong({ at: 7, prototype: "output1" })).rejects.toThrow('Did you mean "prototypes"?');
    await expect(wrong({ at: 7 })).rejects.toThrow("head.masks.prototypes must be the name of the output");
    await expect(wrong({ at: -1, prototypes: "output1" })).rejects.toThrow("head.masks.at must be a whole number");
    await expect(wrong({ at: 8, prototypes: "output1" })).rejects.toThrow(
      'take channels 8 to 15, "output0" (1×15×84) has 15',
    );
    await expect(wrong({ at: 7, prototypes: "output0" })).rejects.toThrow("maps [1, K, h, w] are expected");
    await expect(wrong({ at: 7, prototypes: "output2" })).rejects.toThrow('no output "output2". Did you mean');
  });

  it("lies in the box of the picture, however that was padded", async () => {
    const padded = await loadModel(file, { preprocess: { fit: "pad" } });
    const wide = { data: new Uint8Array(32 * 16 * 3).map((_, i) => (i * 37) % 256), width: 32, height: 16 };
    const [one] = await detect(padded, wide, { threshold: 0 });
    // Twice as large in the input, and sixteen rows lower.
    const inPicture = { ...one, box: { x: 4.5, y: 2.25, width: 15.5, height: 12 } };
    const { placement: _, ...rest } = one;
    const inInput = { ...rest, box: { x: 9, y: 20.5, width: 31, height: 24 } };
    const ask = async (detection: Detection) =>
      (await saliency(padded, padded.preprocess(wide), { target: { detection, of: "mask" } })).target.score;
    expect(await ask(inPicture)).toBe(await ask(inInput));
  });
});
