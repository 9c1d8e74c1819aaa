/** What newcomers and attackers hand to detectors: each is refused by name with what to do, or has an answer that is finite. */
import { expect, it } from "vitest";
import {
  type Detection,
  type DetectorHeadOption,
  detect,
  dRise,
  drawDetections,
  eigenCam,
  loadModel,
  rise,
  saliency,
} from "../../src/index";
import { rawYolo, rawYoloV8, ultraFace, yoloV8 } from "./networks";
import { randomPicture } from "./random-picture";

const x = randomPicture(64, 11);
const model = await loadModel(yoloV8(0));
const [best] = await detect(model, x, { threshold: 0 });

const heads: readonly (readonly [unknown, RegExp])[] = [
  [{ boxs: "output0" }, /head has no "boxs". Did you mean "boxes"\?/],
  [{ boxes: "output" }, /no output "output". Did you mean "output0"\?/],
  [{ decode: "yolov8" }, /head.decode "yolov8" is none of/],
  [{ decode: "yolo-v8" }, /head.decode "yolo-v8" is of maps \[1, C, h, w\], and "output0" is 1×7×84/],
  [{ decode: "yolo", anchors: [[1, 2]] }, /head.decode "yolo" is of maps/],
  [{ anchors: [[1, 2]] }, /head.anchors are of the maps of a YOLO that is not decoded.*"center" reads none/],
  [{ keypoints: [] }, /head.keypoints must be \{ at, count, numbers \}, got a list/],
  [{ masks: [] }, /head.masks must be \{ at, prototypes \}, got a list/],
  [[], /head must say how the outputs are read.*got an? .*list/],
  [[{ boxes: "output0" }], /head must say how the outputs are read/],
  [null, /head must say how the outputs are read.*got null/],
];

it.each(heads)("the head %j is refused", async (head, text) => {
  await expect(detect(model, x, { head: head as DetectorHeadOption })).rejects.toThrow(text);
});

it("a detection that another model found is no target of this one, whoever is asked", async () => {
  for (const file of [ultraFace, rawYoloV8]) {
    const [foreign] = await detect(await loadModel(file), x, { threshold: 0 });
    const target = { detection: foreign };
    const asked = [
      saliency(model, x, { target }),
      eigenCam(model, x, { target }),
      rise(model, x, { target, masks: 2 }),
      dRise(model, x, { detection: foreign, masks: 2 }),
    ];
    for (const each of asked) {
      const error = await Promise.resolve(each).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "TargetError" });
      expect(String(error)).toMatch(/does not fit the model .*: it was found by another model, or with another output/);
    }
  }
  // What the caller says of the head stays an option.
  const asked = dRise(model, x, { detection: best, head: { boxes: "none" }, masks: 2 });
  await expect(asked).rejects.toMatchObject({ name: "OptionError" });
  const raw = await loadModel(rawYolo);
  await expect(saliency(raw, x, { target: { detection: best } })).rejects.toThrow(/found by another model/);
});

it("boxes that are none are refused, and odd ones have finite maps and drawings", async () => {
  const of = (box: unknown): Detection => ({ ...best, box: box as Detection["box"] });
  const { box } = best;
  for (const odd of [
    { ...box, x: Number.NaN },
    { ...box, width: Number.POSITIVE_INFINITY },
    { ...box, y: "1" },
    undefined,
    5,
  ]) {
    const detection = of(odd);
    await expect(saliency(model, x, { target: { detection } })).rejects.toThrow(
      /box must be \{ x, y, width, height \}/,
    );
    await expect(rise(model, x, { target: { detection }, masks: 2 })).rejects.toThrow(/box must be/);
    await expect(dRise(model, x, { detection, masks: 2 })).rejects.toThrow(/detection must be \{ box/);
  }
  const photo = { data: new Uint8ClampedArray(64 * 64 * 4).fill(90), width: 64, height: 64 };
  const oddities = [
    { x: 20, y: 20, width: 1, height: 1 },
    { x: 20, y: 20, width: 0, height: 0 },
    { x: 20, y: 20, width: -9, height: -9 },
    { x: 5000, y: -5000, width: 9, height: 9 },
    { x: -1e9, y: -1e9, width: 2e9, height: 2e9 },
  ];
  for (const detection of oddities.map(of)) {
    const maps = [
      await saliency(model, x, { target: { detection } }),
      await eigenCam(model, x, { target: { detection } }),
      await rise(model, x, { target: { detection }, masks: 3 }),
      await dRise(model, x, { detection, masks: 3 }),
    ];
    for (const { values, notes } of maps) {
      expect(values.data.every(Number.isFinite)).toBe(true);
      for (const { message } of notes) expect(message).not.toMatch(/NaN|Infinity|undefined/);
    }
    expect((await drawDetections(photo, [detection])).width).toBe(64);
  }
});

it("of a picture without boxes there is nothing to ask about, and that is said", async () => {
  const [none] = await detect(model, x, { threshold: 1 });
  expect(none).toBeUndefined();
  await expect(saliency(model, x, { target: { detection: none } })).rejects.toThrow(/one of the list, got undefined/);
  await expect(saliency(model, x, { targets: [] })).rejects.toThrow(/at least one target, got an empty one/);
});
