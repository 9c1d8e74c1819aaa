/** Every method with every target that a detection can be part of: finite maps or a typed refusal, and answers that agree with each other. */
import { describe, expect, it } from "vitest";
import {
  type Detection,
  detect,
  explain,
  loadModel,
  type MethodName,
  methodNames,
  saliency,
  type Target,
  Tensor,
} from "../../src/index";
import { detr, ultraFace, yoloPose, yoloV8 } from "./networks";
import { querySelection } from "./query-selection";

let state = 5;
const next = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};
const shape = [1, 64, 64, 3];
const picture = (value: (i: number) => number): Tensor =>
  new Tensor(
    Float32Array.from({ length: 64 * 64 * 3 }, (_, i) => value(i)),
    shape,
  );
const x = picture(() => next() * 2 - 1);

const edges = ["left", "top", "right", "bottom"] as const;
const files: Readonly<Record<string, Uint8Array>> = {
  YOLO: yoloV8(0),
  "-pose": yoloPose,
  SSD: ultraFace,
  DETR: detr,
  "queries picked inside": querySelection("elements"),
};

/** They ask for a network of another kind, and say so. */
const refuses = (method: MethodName, name: string): RegExp | undefined =>
  method === "cam"
    ? /CAM needs a network that ends in global average pooling/
    : name === "queries picked inside" && method.startsWith("deep-lift")
      ? /it jumps by what is computed of several numbers/
      : undefined;

describe.each(Object.entries(files))("%s", (name, file) => {
  const found = async () => {
    const model = await loadModel(file);
    const [a, b] = await detect(model, x, { threshold: 0, iou: 1, top: 50 });
    return { model, a, b };
  };
  const targetsOf = (a: Detection, b: Detection): readonly Target[] => [
    { detection: a },
    ...edges.map((of) => ({ detection: a, of })),
    ...(a.keypoints ? [{ detection: a, of: { keypoint: 0, axis: "x" } } as const] : []),
    { contrast: [{ detection: a }, { detection: b }] },
    { sum: [{ detection: a }, { detection: b }] },
  ];

  it.each(methodNames.filter((method) => method !== "d-rise"))("%s", async (method) => {
    const { model, a, b } = await found();
    const cheap = { masks: 4, samples: 2, nSteps: 2, grid: 2, window: 32, stride: 32 };
    for (const target of targetsOf(a, b)) {
      const asked = explain(model, x, { method, target, ...cheap });
      const refusal = refuses(method, name);
      if (refusal) {
        await expect(asked).rejects.toThrow(refusal);
        continue;
      }
      const { values, target: told } = await asked;
      expect(values.data.every(Number.isFinite)).toBe(true);
      expect(Number.isFinite(told.score)).toBe(true);
    }
  });

  it("several targets have the bits of single ones, sums and contrasts are those of their parts", async () => {
    const { model, a, b } = await found();
    const [one, other] = [{ detection: a }, { detection: b }];
    const all = await saliency(model, x, { targets: [one, other, { sum: [one, other] }, { contrast: [one, other] }] });
    const [own, its, sum, contrast] = all.map(({ values }) => values.data);
    const alone = (await saliency(model, x, { target: one })).values.data;
    let [same, worst, most] = [true, 0, 0];
    own.forEach((value, i) => {
      same &&= Object.is(value, alone[i]);
      worst = Math.max(worst, Math.abs(value + its[i] - sum[i]), Math.abs(value - its[i] - contrast[i]));
      most = Math.max(most, Math.abs(value));
    });
    expect(same).toBe(true);
    expect(worst / most).toBeLessThan(1e-6);
  });

  it("edges move as their gradients say", async () => {
    const { model, a } = await found();
    const direction = x.data.map(() => next() - 0.5);
    for (const of of edges) {
      const target = { detection: a, of };
      const at = async (by: number): Promise<number> =>
        (
          await saliency(
            model,
            picture((i) => x.data[i] + by * direction[i]),
            { target },
          )
        ).target.score;
      const slope = ((await at(1e-3)) - (await at(-1e-3))) / 2e-3;
      const { values } = await saliency(model, x, { target });
      const [along, length] = values.data.reduce(
        ([dot, squares], value, i) => [dot + value * direction[i], squares + value * value],
        [0, 0],
      );
      expect(Math.abs(slope - along) / Math.sqrt(length)).toBeLessThan(0.05);
    }
  });
});
