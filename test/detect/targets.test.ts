/** Detections as targets: of every method, over JSON, of heads that somebody says, and what is refused. */
import { describe, expect, it } from "vitest";
import {
  type Detection,
  detect,
  dRise,
  explain,
  gradCam,
  loadModel,
  type MethodName,
  methodNames,
  OptionError,
  saliency,
  TargetError,
  Tensor,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { casePicture } from "../case-picture";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { detr, yoloV8, yolox } from "./networks";

const x = new Tensor(
  Float32Array.from({ length: 64 * 64 * 3 }, (_, i) => Math.sin(i * 0.7) + Math.cos(i * 0.013)),
  [1, 64, 64, 3],
);
const v8 = await loadModel(yoloV8(0), { labels: ["cat", "dog", "bird"] });
const [best] = await detect(v8, x);
const code = (error: unknown): string => (error as Error).message;

/** They need a head of averaged maps. */
const without: readonly MethodName[] = ["cam"];

const following: readonly MethodName[] = ["occlusion", "rise", "lime", "kernel-shap"];

describe("a detection is a target", () => {
  it.each(methodNames.filter((name) => !without.includes(name)))("of %s", async (method) => {
    for (const of of ["score", "left"] as const) {
      const found = await explain(v8, x, {
        method,
        target: { detection: best, of },
        masks: 8,
        samples: 4,
        nSteps: 4,
        grid: 3,
        window: 32,
        stride: 32,
      });
      expect(found.target.index).toBe(best.index);
      expect(found.target.label).toBe(of === "score" ? best.label : `${best.label}, left edge`);
      // Methods that change the input look for the box again.
      const score = following.includes(method) ? best.score : Math.log(best.score / (1 - best.score));
      expect(found.target.score).toBeCloseTo(of === "score" ? score : best.box.x, 3);
      expect(found.values.data.every(Number.isFinite)).toBe(true);
    }
  });

  it("in contrasts, sums and lists, and after JSON", async () => {
    const others = await detect(v8, x, { iou: 1, threshold: 0 });
    const other = others[1];
    const again = JSON.parse(JSON.stringify(other)) as Detection;
    const [a, b, difference] = await gradCam(v8, x, {
      targets: [{ detection: best }, { detection: again }, { contrast: [{ detection: best }, { detection: other }] }],
      layer: "c.c8",
    });
    expect(difference.target.score).toBeCloseTo(a.target.score - b.target.score, 4);
    const repeated = await explain(v8, x, {
      ...(JSON.parse(JSON.stringify(b.recipe.options)) as object),
      method: "grad-cam",
    });
    expect(repeated.values).toEqual(b.values);
  });

  it("in pixels of the picture, however it was cropped or padded", async () => {
    const square = { data: new Uint8Array(64 * 64 * 3).map((_, i) => (i * 31) % 256), width: 64, height: 64 };
    for (const fit of ["crop", "stretch", "pad"] as const) {
      const model = await loadModel(yoloV8(0), { preprocess: { fit } });
      const wide = { data: new Uint8Array(32 * 16 * 3).map((_, i) => (i * 37) % 256), width: 32, height: 16 };
      for (const picture of [square, wide]) {
        const [first] = await detect(model, picture, { threshold: 0 });
        const edge = async (of: "left" | "top" | "right" | "bottom"): Promise<number> =>
          (await saliency(model, picture, { target: { detection: first, of } })).target.score;
        const { x: left, y: top, width, height } = first.box;
        expect(await edge("left")).toBeCloseTo(left, 3);
        expect(await edge("top")).toBeCloseTo(top, 3);
        expect(await edge("right")).toBeCloseTo(left + width, 3);
        expect(await edge("bottom")).toBeCloseTo(top + height, 3);
      }
    }
  });
});

it("the default layer of a box is that which its score and its place are both computed from", async () => {
  const random = randomIntegers(8);
  const weights = (name: string, from: number, to: number, side: number) => ({
    [name]: randomFloats(random, [to, from, side, side]),
  });
  const same = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const file = writeOnnx(
    graphOf({
      inputs: { x: [1, 3, 64, 64] },
      constants: {
        ...weights("w0", 3, 8, 8),
        ...weights("w1", 8, 8, 3),
        ...weights("w2", 8, 3, 3),
        ...weights("w3", 8, 4, 3),
        small: floats([], [0.05]),
        flat: ints(1, 7, -1),
      },
      nodes: [
        ["Conv", ["x", "w0"], ["stem"], { kernel_shape: [8, 8], strides: [8, 8] }],
        ["Relu", ["stem"], ["neck"]],
        ["Conv", ["neck", "w1"], ["own"], same],
        ["Relu", ["own"], ["ofClass"]],
        ["Conv", ["ofClass", "w2"], ["classes"], same],
        ["Sigmoid", ["classes"], ["scores"]],
        ["Conv", ["neck", "w3"], ["numbers"], same],
        ["Mul", ["numbers", "small"], ["least"]],
        ["Exp", ["least"], ["boxes"]],
        ["Concat", ["boxes", "scores"], ["maps"], { axis: 1 }],
        ["Reshape", ["maps", "flat"], ["output0"]],
      ],
    }),
  );
  const model = await loadModel(file);
  const [detection] = await detect(model, x, { threshold: 0 });
  for (const of of ["score", "right"] as const) {
    expect((await gradCam(model, x, { target: { detection, of } })).layer).toBe("neck");
  }
});

describe("a head that somebody says", () => {
  it("is read as it is said, in every layout and unit", async () => {
    const model = await loadModel(yolox);
    const raw = await detect(model, x, { threshold: 0, iou: 1 });
    expect(raw[0].family).toBe("yolox");
    const said = await detect(model, x, {
      head: { boxes: "output", decode: "center", objectness: 4, units: "relative" },
      threshold: 0,
      iou: 1,
    });
    const { values } = await saliency(model, x, { target: { detection: said[0], of: "right" } });
    expect(values.data.some((each) => each !== 0)).toBe(true);
    expect(said.map(({ score }) => score)).toEqual(raw.map(({ score }) => score));
    const numbers = said[0];
    expect(numbers.family).toBe("said");
    const rows = (await model.run(x)).output.data.slice(numbers.anchor * 8);
    expect(numbers.box.width).toBeCloseTo(rows[2] * 64, 3);
    expect(numbers.box.x).toBeCloseTo((rows[0] - rows[2] / 2) * 64, 3);
    const corners = await detect(model, x, {
      head: { boxes: "output", decode: "corners", objectness: 4 },
      threshold: 0,
    });
    const row = (await model.run(x)).output.data.slice(corners[0].anchor * 8);
    expect(corners[0].box.x + corners[0].box.width).toBeCloseTo(row[2], 4);
    const shares = await detect(model, x, {
      head: {
        ...corners[0].head,
        units: "relative",
        keypoints: { at: 5, count: 1, numbers: 2 },
      },
      threshold: 0,
    });
    const [{ anchor, keypoints = [] }] = shares;
    const point = (await model.run(x)).output.data.slice(anchor * 8 + 5);
    expect(keypoints[0].x).toBeCloseTo(64 * point[0], 4);
    expect(keypoints[0].y).toBeCloseTo(64 * point[1], 4);
  });

  it("may have logits", async () => {
    const model = await loadModel(detr);
    const head = { boxes: "pred_boxes", scores: "logits", units: "relative" } as const;
    await expect(detect(model, x, { head, threshold: 0 })).rejects.toThrow(
      /which is no probability.*activation: "sigmoid"/,
    );
    const sigmoids = await detect(model, x, { head: { ...head, activation: "sigmoid" }, threshold: 0, iou: 1 });
    const softmaxes = await detect(model, x, { head: { ...head, activation: "softmax" }, threshold: 0, iou: 1 });
    expect(sigmoids[0].score).not.toBe(softmaxes[0].score);
    const { target } = await saliency(model, x, { target: { detection: sigmoids[0] } });
    expect(target.score).toBeCloseTo(Math.log(sigmoids[0].score / (1 - sigmoids[0].score)), 3);
  });
});

describe("is refused", () => {
  it("what is no detector, with how to say what it is", async () => {
    const classifier = await loadModel();
    const photo = casePicture();
    await expect(detect(classifier, photo)).rejects.toThrow(TargetError);
    await expect(detect(classifier, photo)).rejects.toThrow(
      /no output that is recognised as a detector's: .*head: \{ boxes: /,
    );
    const asked = saliency(classifier, photo, { target: { detection: best } });
    await expect(asked).rejects.toThrow(/was not recognised as one. Call detect\(model, image, \{ head \}\)/);
  });

  it("options out of range and heads that cannot be", async () => {
    const call = (options: object): Promise<unknown> => detect(v8, x, options);
    await expect(call({ treshold: 1 })).rejects.toThrow('detect has no option "treshold". Did you mean "threshold"?');
    await expect(call({ threshold: 1.5 })).rejects.toThrow("threshold must be from 0 to 1, got 1.5");
    await expect(call({ iou: "much" })).rejects.toThrow('iou must be from 0 to 1, got "much"');
    await expect(call({ top: 0 })).rejects.toThrow("top must be a whole number of at least 1");
    const head = (parts: object): Promise<unknown> => call({ head: { boxes: "output0", layout: "columns", ...parts } });
    await expect(call({ head: "yolo" })).rejects.toThrow("head must say how the outputs are read");
    await expect(head({ boxs: "output0" })).rejects.toThrow('head has no "boxs". Did you mean "boxes"?');
    await expect(head({ boxes: "output1" })).rejects.toThrow('no output "output1". Did you mean "output0"?');
    await expect(head({ layout: "map" })).rejects.toThrow('"output0" is 1×7×84, and [1, C, h, w] is expected');
    await expect(head({ objectness: 9 })).rejects.toThrow('head.objectness: channels 9 to 9 are asked for, "output0"');
    await expect(head({ classes: 9 })).rejects.toThrow("head.classAt: channels 4 to 12");
    await expect(head({ decode: "yolov9" })).rejects.toThrow("head.decode");
    await expect(head({ decode: "yolox", strides: [8] })).rejects.toThrow("strides make 64 candidates for yolox");
    await expect(head({ powers: 2 })).rejects.toThrow(OptionError);
  });

  it("options of heads that are of another kind", async () => {
    const head = (parts: object): Promise<unknown> =>
      detect(v8, x, { head: { boxes: "output0", layout: "columns", ...parts } as never }).catch(code);
    const pyramid = { decode: "ssd", strides: [8, 16, 32], sizes: [[8], [16], [32]] };
    expect(await head({ keypoints: 4 })).toBe("head.keypoints must be { at, count, numbers }, got number.");
    expect(await head({ keypoints: { at: -3, count: 1, numbers: 2 } })).toMatch(/^head.keypoints.at must be a whole/);
    expect(await head({ keypoints: { count: 1, numbers: 2 } })).toMatch(/^head.keypoints.at must be a whole/);
    expect(await head({ keypoints: { at: 4, count: 1, number: 2 } })).toMatch(/no "number". Did you mean "numbers"/);
    expect(await head({ decode: "yolox", strides: 8 })).toMatch(/^head.strides must be a list/);
    expect(await head({ decode: "yolox", strides: [8, 0] })).toBe("head.strides must be numbers above 0, got [8,0].");
    expect(await head({ decode: "yolox", strides: [1e-3] })).toMatch(/strides make 4096000000 candidates for yolox/);
    expect(await head({ ...pyramid, sizes: [8, 16, 32] })).toMatch(/^head.sizes must have a list of sides above 0/);
    expect(await head({ ...pyramid, sizes: [[8], [16]] })).toMatch(/for each of the 3 strides/);
    expect(await head({ ...pyramid, sizes: [[8], [16], [32, 64]] })).toMatch(/strides and sizes make 88 candidates/);
    expect(await head({ ...pyramid, variances: 0.1 })).toBe("head.variances must be two numbers, got number.");
    expect(await head({ scores: 5 })).toMatch(/^head.scores must be the name/);
    expect(await head({ suppressed: "no" })).toBe('head.suppressed must be true or false, got "no".');
    expect(await detect(v8, x, { head: { boxes: "output0", layout: "columns", ...pyramid } as never })).toBeDefined();
  });

  it("detections without a whole box or placement, by every kind of method", async () => {
    const methods = ["saliency", "rise", "occlusion"] as const;
    const ask = (detection: unknown, of: unknown = "score"): Promise<string[]> =>
      Promise.all(
        methods.map((method) =>
          explain(v8, x, { method, masks: 2, target: { detection, of } as never }).then(
            () => "explained",
            (error: Error) => `${error.name}: ${error.message}`,
          ),
        ),
      );
    const each = (text: RegExp) => methods.map(() => expect.stringMatching(text));
    const { box: _, ...boxless } = best;
    for (const odd of [boxless, { ...best, box: {} }, { ...best, box: { ...best.box, width: Number.NaN } }]) {
      for (const of of ["score", "left"]) {
        expect(await ask(odd, of)).toEqual(each(/^TargetError: The detection's box must be \{ x, y, width, height \}/));
      }
    }
    for (const placement of [{}, null, { ...best.placement, input: { width: 64 } }]) {
      expect(await ask({ ...best, placement })).toEqual(each(/^TargetError: The detection's placement must have/));
    }
    const photo = { data: new Uint8Array(64 * 64 * 3).map((_, i) => (i * 31) % 256), width: 64, height: 64 };
    const sought = { ...best, placement: {} as never };
    const { notes } = await dRise(v8, photo, { detection: sought, masks: 4, seed: 1 });
    const plain = await dRise(v8, photo, { detection: best, masks: 4, seed: 1 });
    expect(notes).toEqual(plain.notes);
  });

  it("what is no detection of this model", async () => {
    const ask = (target: unknown): Promise<unknown> =>
      saliency(v8, x, { target: target as { detection: Detection } }).catch(code);
    expect(await ask({ detection: 3 })).toMatch(/takes what detect\(model, image\) found, one of the list, got number/);
    expect(await ask({ detection: { ...best, anchor: 84 } })).toMatch(/is candidate 84, the model .* has 0 to 83/);
    expect(await ask({ detection: { ...best, index: 3 } })).toMatch(/is of class 3, the model .* has 0 to 2/);
    expect(await ask({ detection: best, of: "middle" })).toMatch(/of "middle" is none of score, left/);
    expect(await ask({ detection: best, part: "left" })).toMatch(/has no "part"/);
  });
});
