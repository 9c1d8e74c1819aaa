/** Every method with every target that a detection can be part of: finite maps or a typed refusal, and answers that agree with each other. */
import { describe, expect, it } from "vitest";
import {
  detect,
  dRise,
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
const other = picture((i) => Math.sin(i / 50));

const edges = ["left", "top", "right", "bottom"] as const;
const files: Readonly<Record<string, Uint8Array>> = {
  YOLO: yoloV8(0),
  "-pose": yoloPose,
  SSD: ultraFace,
  DETR: detr,
  "queries picked inside": querySelection("elements"),
};

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, each, i) => sum + each * b[i], 0);
const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

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
    // A direction in all of the explained output, boxes and scores of every candidate, and what the network makes of another picture.
    const { output: reference } = await model.run(other);
    const weights = Float32Array.from(reference.data, (_, i) => Math.sin(i));
    return { model, a, b, weights, reference };
  };
  const targetsOf = ({ a, b, weights, reference }: Awaited<ReturnType<typeof found>>): readonly Target[] => [
    { weights },
    { similarTo: reference },
    { detection: a },
    ...edges.map((of) => ({ detection: a, of })),
    ...(a.keypoints ? [{ detection: a, of: { keypoint: 0, axis: "x" } } as const] : []),
    { contrast: [{ detection: a }, { detection: b }] },
    { sum: [{ detection: a }, { detection: b }] },
  ];

  it.each(methodNames.filter((method) => method !== "d-rise"))("%s", async (method) => {
    const asking = await found();
    const { model } = asking;
    const cheap = { masks: 4, samples: 2, nSteps: 2, grid: 2, window: 32, stride: 32 };
    for (const target of targetsOf(asking)) {
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

  it("dRise, of a box and of one drawn by hand", async () => {
    const { model, a } = await found();
    const drawn = { box: { x: 8, y: 8, width: 30, height: 24 }, index: a.index };
    for (const detection of [a, drawn]) {
      const { values, target } = await dRise(model, x, { detection, masks: 4, grid: 2, seed: 2 });
      expect(values.shape).toEqual(shape);
      expect(values.data.every(Number.isFinite)).toBe(true);
      expect(target.index).toBe(a.index);
      expect(target.score).toBeGreaterThanOrEqual(0);
    }
    await expect(dRise(model, x, { detection: { box: drawn.box }, masks: 4 })).rejects.toThrow(
      /detection must name its class/,
    );
    await expect(dRise(model, x, { target: { similarTo: a }, masks: 4 } as never)).rejects.toThrow(
      /its option is detection/,
    );
  });

  it("weights have the slopes of the sum that they are, and similarTo that of a cosine", async () => {
    const { model, weights, reference } = await found();
    const direction = x.data.map(() => next() - 0.5);
    // Of what goes through a softmax the scores before it are explained.
    const explained = name === "SSD" ? await loadModel(file, { output: "c" }) : model;
    for (const target of [{ weights }, { similarTo: reference }]) {
      const told = await saliency(model, x, { target });
      const at = async (by: number): Promise<number> => {
        const moved = await explained.run(picture((i) => x.data[i] + by * direction[i]));
        return "weights" in target ? dot(moved.output.data, weights) : cosine(moved.output.data, reference.data);
      };
      expect(Math.abs(told.target.score / (await at(0)) - 1)).toBeLessThan(1e-3);
      const slope = ((await at(1e-3)) - (await at(-1e-3))) / 2e-3;
      const length = Math.sqrt(dot(told.values.data, told.values.data));
      expect(Math.abs(slope - dot(told.values.data, direction)) / length).toBeLessThan(0.05);
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
