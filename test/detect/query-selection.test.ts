/** Networks that pick their queries inside, as RT-DETR does: values are onnxruntime's, and every kind of method explains their boxes. */
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import {
  deepLift,
  detect,
  explain,
  gradCam,
  loadModel,
  type MethodName,
  saliency,
  Tensor,
  UnsupportedOperatorError,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { querySelection } from "./query-selection";
import { randomPicture } from "./random-picture";
import { cornersOf, iou } from "./reference";

const side = 64;
const ways = ["elements", "pairs", "quotient"] as const;

const picture = (seed: number): Tensor => randomPicture(side, seed);

async function outputsOf(file: Uint8Array, x: Tensor): Promise<Record<string, number[]>> {
  const session = await ort.InferenceSession.create(file, { logSeverityLevel: 4 });
  const results = await session.run({ x: new ort.Tensor("float32", x.toNCHW(), [1, 3, side, side]) });
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Array.from(data as ArrayLike<number | bigint>, Number)]),
  );
}

describe.each(ways)("queries looked up by %s", (way) => {
  it("are those that onnxruntime picks, whatever the picture, and have the classes and boxes that it gives them", async () => {
    using model = await loadModel(querySelection(way));
    for (const seed of [9, 10, 11, 12]) {
      const x = picture(seed);
      const { logits, pred_boxes: boxes } = await outputsOf(querySelection(way), x);
      const found = await detect(model, x, { threshold: 0 });
      expect(found).toHaveLength(6);
      for (const one of found) {
        const { anchor, index, score, head } = one;
        expect(head.activation).toBe("sigmoid");
        const own = logits.slice(3 * anchor, 3 * anchor + 3);
        expect(index).toBe(own.indexOf(Math.max(...own)));
        expect(Math.abs(score - 1 / (1 + Math.exp(-own[index])))).toBeLessThan(1e-5);
        const [x0, y0, w, h] = boxes.slice(4 * anchor, 4 * anchor + 4).map((share) => share * side);
        expect(iou(cornersOf(one), [x0 - w / 2, y0 - h / 2, x0 + w / 2, y0 + h / 2])).toBeGreaterThan(0.9999);
      }
    }
  });

  it("stay where the file picks the best of their boxes behind, which is cut off", async () => {
    const file = querySelection(way, { picks: true });
    using model = await loadModel(file);
    const codes = model.notes.map(({ code }) => code);
    expect(codes).toContain("post-processing-cut");
    expect(codes).toContain("picks-inside");
    const x = picture(9);
    const { labels, boxes, keptScores } = await outputsOf(file, x);
    const found = await detect(model, x, { threshold: 0 });
    expect(found).toHaveLength(keptScores.length);
    found.forEach((one, i) => {
      const { index, score } = one;
      expect(index).toBe(labels[i]);
      expect(Math.abs(score - keptScores[i])).toBeLessThan(1e-5);
      expect(iou(cornersOf(one), boxes.slice(4 * i, 4 * i + 4) as never)).toBeGreaterThan(0.999);
    });
  });
});

it("a note of the model and of each explanation says that what is picked has no gradient", async () => {
  using model = await loadModel(querySelection("elements"));
  const x = picture(9);
  const [detection] = await detect(model, x, { threshold: 0 });
  const { notes } = await saliency(model, x, { target: { detection } });
  for (const list of [model.notes, notes]) {
    const found = list.find(({ code }) => code === "picks-inside");
    expect(found?.message).toMatch(/^TopK "bestScores" picks some of what is computed from the picture/);
  }
});

const refusing: readonly MethodName[] = ["deep-lift", "deep-lift-shap"];
const changing: readonly MethodName[] = ["rise", "lime", "kernel-shap", "occlusion"];

it.each<MethodName>([
  ...[
    "saliency",
    "input-x-gradient",
    "smooth-grad",
    "integrated-gradients",
    "gradient-shap",
    "guided-backprop",
    "deconvnet",
  ],
  ...[
    "grad-cam",
    "grad-cam-plus-plus",
    "hi-res-cam",
    "layer-cam",
    "x-grad-cam",
    "eigen-cam",
    "score-cam",
    "lrp",
    ...changing,
  ],
] as MethodName[])("%s explains such a box", async (method) => {
  using model = await loadModel(querySelection("elements"));
  const x = picture(9);
  const [detection] = await detect(model, x, { threshold: 0 });
  const cheap = { masks: 8, samples: 4, nSteps: 4, grid: 4, window: 16, stride: 16 };
  const { values, target } = await explain(model, x, { method, target: { detection }, ...cheap });
  expect(values.data.every(Number.isFinite)).toBe(true);
  expect(values.data.some((value) => value !== 0)).toBe(true);
  const score = changing.includes(method) ? detection.score : Math.log(detection.score / (1 - detection.score));
  expect(target.score).toBeCloseTo(score, 4);
});

it.each(refusing)("%s cannot, and says so", async (method) => {
  using model = await loadModel(querySelection("elements"));
  const x = picture(9);
  const [detection] = await detect(model, x, { threshold: 0 });
  await expect(explain(model, x, { method, target: { detection }, samples: 2 })).rejects.toThrow(
    /it jumps by what is computed of several numbers/,
  );
});

it("several targets are the bits of single ones", async () => {
  using model = await loadModel(querySelection("pairs"));
  const x = picture(9);
  const found = (await detect(model, x, { threshold: 0 })).slice(0, 3);
  const together = await gradCam(model, x, { targets: found.map((detection) => ({ detection })), layer: "c8" });
  for (const [i, detection] of found.entries()) {
    const alone = await gradCam(model, x, { target: { detection }, layer: "c8" });
    expect([...together[i].values.data]).toEqual([...alone.values.data]);
  }
});

/** Scores of four places, of which the best two go through one more layer, or not. */
function picking(behind: "layer" | "nothing" | "cast"): Uint8Array {
  const random = randomIntegers(3);
  return writeOnnx(
    graphOf({
      inputs: { x: [1, 1, 8, 8] },
      constants: {
        w: randomFloats(random, [5, 1, 8, 8]),
        m: randomFloats(random, [2, 40]),
        half: Constant.fromNumbers(
          "int",
          Array.from({ length: 80 }, (_, i) => i % 7),
          [2, 40],
        ),
        to: ints(1, 5),
        k: ints(2),
      },
      nodes: [
        ["Conv", ["x", "w"], ["c"], { kernel_shape: [8, 8] }],
        ["Reshape", ["c", "to"], ["scores"]],
        ["TopK", ["scores", "k"], ["best", "which"], { axis: 1 }],
        ...(behind === "cast"
          ? ([["Cast", ["half"], ["weights"], { to: 1 }]] as const).map((n) => [...n] as never)
          : []),
        ...(behind === "nothing"
          ? []
          : ([["MatMul", ["best", behind === "cast" ? "weights" : "m"], ["y"]]] as never[])),
      ],
      outputs: behind === "nothing" ? ["best", "which"] : ["y"],
    }),
  );
}

it("what ranks the results at the end is refused as it was, and in front of layers it runs, be their weights cast", async () => {
  await expect(loadModel(picking("nothing"))).rejects.toThrow(UnsupportedOperatorError);
  await expect(loadModel(picking("nothing"))).rejects.toThrow(
    /name the value before as the option output \("scores"\)/,
  );
  for (const behind of ["layer", "cast"] as const) {
    using model = await loadModel(picking(behind));
    const x = new Tensor(
      Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
      [1, 8, 8, 1],
    );
    const session = await ort.InferenceSession.create(picking(behind), { logSeverityLevel: 4 });
    const { y } = await session.run({ x: new ort.Tensor("float32", x.data, [1, 1, 8, 8]) });
    await session.release();
    const values = Array.from(y.data as Float32Array);
    const top = values.indexOf(Math.max(...values));
    const { target } = await saliency(model, x, { target: top });
    expect(target.score).toBeCloseTo(values[top], 4);
  }
});

it("of equals the first is picked, and NaN is no end of the network", async () => {
  using model = await loadModel(picking("layer"));
  const zeros = new Tensor(new Float32Array(64), [1, 8, 8, 1]);
  const { values } = await saliency(model, zeros, { target: 0 });
  const w = randomFloats(randomIntegers(3), [5, 1, 8, 8]).floats();
  const m = (() => {
    const random = randomIntegers(3);
    randomFloats(random, [5, 1, 8, 8]);
    return randomFloats(random, [2, 40]).floats();
  })();
  // All scores are zero: places 0 and 1 are picked, in that order.
  for (let i = 0; i < 64; i++) expect(values.data[i]).toBeCloseTo(w[i] * m[0] + w[64 + i] * m[40], 5);
  await expect(deepLift(model, zeros, { target: 0 })).rejects.toThrow(/TopK/);
});
