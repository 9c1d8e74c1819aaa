/** A network of each family: its head recognised, every candidate as a plain decoding has it, and its targets' slopes. */
import { describe, expect, it } from "vitest";
import { type Detection, detect, loadModel, type Model, saliency, Tensor } from "../../src/index";
import * as networks from "./networks";
import { bestOf, centred, cornersOf, iou, outputsOf, type PlainBox, type PlainOutput, sigmoid } from "./reference";

type Outputs = Record<string, PlainOutput>;

/** A candidate, and the sum of the scores before their sigmoids (or of a softmax, before it) of a class. */
interface Plain {
  readonly box: PlainBox["box"];
  readonly probabilities: readonly number[];
  readonly score: (index: number) => number;
}

const logit = (p: number): number => Math.log(p / (1 - p));
const rowOf = ({ dims, data }: PlainOutput, row: number): number[] =>
  Array.from(data.slice(row * dims[2], (row + 1) * dims[2]));
const columnOf = ({ dims, data }: PlainOutput, column: number): number[] =>
  Array.from({ length: dims[1] }, (_, channel) => data[channel * dims[2] + column]);

function cell(row: number, side: number): { x: number; y: number; stride: number } {
  let rest = row;
  for (const stride of [8, 16, 32]) {
    const columns = side / stride;
    if (rest < columns * columns) return { x: rest % columns, y: Math.floor(rest / columns), stride };
    rest -= columns * columns;
  }
  throw new Error("there are no more places");
}

const softmax = (scores: readonly number[]): number[] => {
  const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
  return scores.map((score) => Math.exp(score) / sum);
};

const v8 = ({ output0 }: Outputs, row: number): Plain => {
  const [x, y, w, h, ...scores] = columnOf(output0, row);
  const probabilities = scores.slice(0, 3);
  return { box: centred(x, y, w, h), probabilities, score: (index) => logit(probabilities[index]) };
};

interface Family {
  readonly family: string;
  readonly file: Uint8Array;
  readonly count: number;
  readonly side: number;
  readonly plain: (outputs: Outputs, row: number) => Plain;
}

const families: Readonly<Record<string, Family>> = {
  "v8 to v12": { family: "yolo-v8", file: networks.yoloV8(0), count: 84, side: 64, plain: v8 },
  "-seg": { family: "yolo-v8", file: networks.yoloV8(8), count: 84, side: 64, plain: v8 },
  YOLOX: {
    family: "yolox",
    file: networks.yolox,
    count: 84,
    side: 64,
    plain: ({ output }, row) => {
      const [a, b, c, d, object, ...scores] = rowOf(output, row);
      const { x, y, stride } = cell(row, 64);
      return {
        box: centred((a + x) * stride, (b + y) * stride, Math.exp(c) * stride, Math.exp(d) * stride),
        probabilities: scores.map((score) => object * score),
        score: (index) => logit(object) + logit(scores[index]),
      };
    },
  },
  "NanoDet-Plus": {
    family: "nanodet",
    file: networks.nanodet,
    count: 84,
    side: 64,
    plain: ({ output }, row) => {
      const numbers = rowOf(output, row);
      const { x, y, stride } = cell(row, 64);
      const [l, t, r, b] = [0, 1, 2, 3].map((side) => {
        const shares = softmax(numbers.slice(3 + 8 * side, 11 + 8 * side));
        return shares.reduce((sum, share, k) => sum + share * k, 0) * stride;
      });
      return {
        box: [x * stride - l, y * stride - t, x * stride + r, y * stride + b],
        probabilities: numbers.slice(0, 3),
        score: (index) => logit(numbers[index]),
      };
    },
  },
  DETR: {
    family: "detr",
    file: networks.detr,
    count: 84,
    side: 64,
    plain: ({ logits, pred_boxes: boxes }, row) => {
      const [x, y, w, h] = rowOf(boxes, row).map((share) => share * 64);
      const scores = rowOf(logits, row);
      return { box: centred(x, y, w, h), probabilities: softmax(scores).slice(0, 3), score: (index) => scores[index] };
    },
  },
  "RT-DETR": {
    family: "detr",
    file: networks.rtDetr,
    count: 336,
    side: 128,
    plain: ({ logits, pred_boxes: boxes }, row) => {
      const [x, y, w, h] = rowOf(boxes, row).map((share) => share * 128);
      const scores = rowOf(logits, row);
      return { box: centred(x, y, w, h), probabilities: scores.map(sigmoid), score: (index) => scores[index] };
    },
  },
};

const random = (side: number, seed: number): Tensor => {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return new Tensor(
    Float32Array.from({ length: side * side * 3 }, () => next() * 2 - 1),
    [1, side, side, 3],
  );
};

/** How much a score changes along a direction, by the gradient and by onnxruntime. */
async function slopes(
  model: Model,
  file: Uint8Array,
  x: Tensor,
  [detection, of]: readonly [Detection, "score" | "left" | "top" | "right" | "bottom"],
  score: (outputs: Outputs) => number,
): Promise<{ readonly ours: number; readonly theirs: number; readonly reported: number; readonly plain: number }> {
  const { values, target } = await saliency(model, x, { target: { detection, of } });
  const direction = values.data;
  const length = Math.sqrt(direction.reduce((sum, each) => sum + each * each, 0));
  const step = 0.02;
  const moved = async (by: number): Promise<number> => {
    const data = x.data.map((each, i) => each + (by * direction[i]) / length);
    return score(await outputsOf(file, new Tensor(data, x.shape)));
  };
  return {
    ours: length,
    theirs: ((await moved(step)) - (await moved(-step))) / (2 * step),
    reported: target.score,
    plain: await moved(0),
  };
}

const sides = ["left", "top", "right", "bottom"] as const;

describe.each(Object.entries(families))("%s", (_, { family, file, count, side, plain }) => {
  const x = random(side, 7);

  it("every candidate as a plain decoding has it", async () => {
    const model = await loadModel(file);
    const outputs = await outputsOf(file, x);
    const found = await detect(model, x, { threshold: 0, iou: 1, top: count });
    expect(found.map(({ anchor }) => anchor).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    for (const each of found) {
      const { box, probabilities } = plain(outputs, each.anchor);
      const best = bestOf(probabilities);
      expect(each.family).toBe(family);
      expect(each.index).toBe(best.index);
      expect(Math.abs(each.score - best.score)).toBeLessThan(1e-4);
      expect(iou(cornersOf(each), box)).toBeGreaterThan(0.999);
    }
  });

  it("the score and the edges of a box have the slopes that onnxruntime has", async () => {
    const model = await loadModel(file);
    const found = await detect(model, x, { threshold: 0, iou: 1, top: count });
    for (const detection of [found[0], found[found.length >> 1]]) {
      const { anchor, index } = detection;
      const score = await slopes(model, file, x, [detection, "score"], (all) => plain(all, anchor).score(index));
      expect(score.ours).toBeGreaterThan(0);
      expect(Math.abs(score.theirs / score.ours - 1)).toBeLessThan(5e-3);
      expect(Math.abs(score.reported - score.plain)).toBeLessThan(1e-3);
      for (const [at, of] of sides.entries()) {
        const edge = await slopes(model, file, x, [detection, of], (all) => plain(all, anchor).box[at]);
        expect(Math.abs(edge.theirs / edge.ours - 1)).toBeLessThan(5e-3);
        expect(Math.abs(edge.reported - cornersOf(detection)[at])).toBeLessThan(1e-3);
      }
    }
  });
});

describe("end-to-end", () => {
  const x = random(160, 3);

  it("rows are boxes as they are, with the class that they name", async () => {
    const model = await loadModel(networks.endToEnd, { labels: ["a", "b", "c"] });
    const { output0 } = await outputsOf(networks.endToEnd, x);
    const found = await detect(model, x, { threshold: 0.5, iou: 0 });
    const rows = Array.from({ length: 100 }, (_, row) => rowOf(output0, row));
    // Nothing is suppressed twice.
    expect(found).toHaveLength(rows.filter(([, , , , score]) => score >= 0.5).length);
    for (const { box, index, label, score, anchor } of found) {
      const row = rows[anchor];
      [box.x, box.y, box.x + box.width, box.y + box.height].forEach((edge, i) => {
        expect(edge).toBeCloseTo(row[i], 3);
      });
      expect([index, label]).toEqual([Math.round(row[5]), ["a", "b", "c"][Math.round(row[5])]]);
      expect(score).toBeCloseTo(row[4], 5);
    }
    const { target } = await saliency(model, x, { target: { detection: found[0] } });
    expect(target.score).toBeCloseTo(logit(found[0].score), 3);
  });
});
