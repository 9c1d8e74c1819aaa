/** A network of each family: its head recognised, every candidate as a plain decoding has it, and its targets' slopes. */
import { describe, expect, it } from "vitest";
import {
  type Detection,
  type DetectionPart,
  type DetectorHeadOption,
  detect,
  loadModel,
  type Model,
  rise,
  saliency,
  Tensor,
} from "../../src/index";
import * as networks from "./networks";
import { randomPicture } from "./random-picture";
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

const priors = [
  [10, 13, 16, 30, 33, 23],
  [30, 61, 62, 45, 59, 119],
  [116, 90, 156, 198, 373, 326],
] as const;

/** models/yolo.py of YOLOv5 and YOLOv3's paper, one place at a time. */
function rawYolo(outputs: Outputs, row: number, kind: "v5" | "v3" | "split"): Plain {
  const scale = row < 192 ? 0 : row < 240 ? 1 : 2;
  const stride = 8 << scale;
  const side = 64 / stride;
  const own = row - [0, 192, 240][scale];
  const [prior, place] = [Math.floor(own / side ** 2), own % side ** 2];
  const { data } = outputs[`p${stride}`];
  const numbers = Array.from({ length: 8 }, (_, k) =>
    kind === "split" ? data[own * 8 + k] : data[(prior * 8 + k) * side ** 2 + place],
  );
  const [a, b, c, d, object, ...scores] = kind === "split" ? numbers : numbers.map(sigmoid);
  const [w, h] = priors[scale].slice(2 * prior, 2 * prior + 2);
  const [x, y] = [place % side, Math.floor(place / side)];
  const box =
    kind === "v3"
      ? centred((a + x) * stride, (b + y) * stride, Math.exp(numbers[2]) * w, Math.exp(numbers[3]) * h)
      : centred((2 * a - 0.5 + x) * stride, (2 * b - 0.5 + y) * stride, (2 * c) ** 2 * w, (2 * d) ** 2 * h);
  return {
    box,
    probabilities: scores.map((score) => object * score),
    score: (index) => logit(object) + logit(scores[index]),
  };
}

interface Family {
  readonly family: string;
  readonly head?: Partial<DetectorHeadOption>;
  readonly file: Uint8Array;
  readonly count: number;
  readonly side: number;
  readonly plain: (outputs: Outputs, row: number) => Plain;
}

const ultraFace = (file: Uint8Array, side: number, count: number): Family => ({
  family: "ssd",
  file,
  count,
  side,
  plain: ({ boxes, scores, c }, row) => {
    const maps = [
      [8, [10, 16, 24]],
      [16, [32, 48]],
      [32, [64, 96]],
      [64, [128, 192, 256]],
    ] as const;
    let rest = row;
    for (const [stride, sizes] of maps) {
      const columns = side / stride;
      if (rest >= columns ** 2 * sizes.length) {
        rest -= columns ** 2 * sizes.length;
        continue;
      }
      const place = Math.floor(rest / sizes.length);
      const [x, y] = [((place % columns) + 0.5) * stride, (Math.floor(place / columns) + 0.5) * stride];
      const size = Math.min(side, sizes[rest % sizes.length]);
      const [a, b, w, h] = rowOf(boxes, row);
      return {
        box: centred(x + a * 0.1 * size, y + b * 0.1 * size, size * Math.exp(0.2 * w), size * Math.exp(0.2 * h)),
        probabilities: [-1, rowOf(scores, row)[1]],
        score: () => rowOf(c, row)[1],
      };
    }
    throw new Error("there are no more places");
  },
});

/** Two priors at each place of a map, then six at each of one with half as many. */
const blazeFace = (file: Uint8Array, side: number, near: number): Family => {
  const columns = side / near;
  return {
    family: "blaze-face",
    file,
    count: 2 * columns ** 2 + 6 * (columns / 2) ** 2,
    side,
    plain: ({ regressors, classificators }, row) => {
      const [a, b, w, h] = rowOf(regressors, row);
      const first = 2 * columns ** 2;
      const [place, across, stride] =
        row < first ? [row >> 1, columns, near] : [Math.floor((row - first) / 6), columns / 2, 2 * near];
      const [px, py] = [((place % across) + 0.5) * stride, (Math.floor(place / across) + 0.5) * stride];
      const score = classificators.data[row];
      return { box: centred(px + a, py + b, w, h), probabilities: [sigmoid(score)], score: () => score };
    },
  };
};

/** Of ultralytics' Detect: softmax over sixteen distances of each side, its mean times the stride, from the middle of the place. */
function rawYoloV8(outputs: Outputs, row: number, kind: "joined" | "beside"): Plain {
  const { x, y, stride } = cell(row, 64);
  const side = 64 / stride;
  const at = (name: string, channel: number): number => outputs[name].data[channel * side ** 2 + y * side + x];
  const isJoined = kind === "joined";
  const [l, t, r, b] = [0, 1, 2, 3].map((edge) => {
    const shares = softmax(Array.from({ length: 16 }, (_, k) => at(`${isJoined ? "p" : "d"}${stride}`, edge * 16 + k)));
    return shares.reduce((sum, share, k) => sum + share * k, 0);
  });
  const probabilities = [0, 1, 2].map((index) =>
    isJoined ? sigmoid(at(`p${stride}`, 64 + index)) : at(`s${stride}`, index),
  );
  return {
    box: [(x + 0.5 - l) * stride, (y + 0.5 - t) * stride, (x + 0.5 + r) * stride, (y + 0.5 + b) * stride],
    probabilities,
    score: (index) => logit(probabilities[index]),
  };
}

const families: Readonly<Record<string, Family>> = {
  "v8 to v12": { family: "yolo-v8", file: networks.yoloV8(0), count: 84, side: 64, plain: v8 },
  "-seg": { family: "yolo-v8", file: networks.yoloV8(8), count: 84, side: 64, plain: v8 },
  "v5 with its decoding": {
    family: "yolo-v5",
    file: networks.yoloV5,
    count: 84,
    side: 64,
    plain: ({ output }, row) => {
      const [x, y, w, h, object, ...scores] = rowOf(output, row);
      return {
        box: centred(x, y, w, h),
        probabilities: scores.map((score) => object * score),
        score: (index) => logit(object) + logit(scores[index]),
      };
    },
  },
  "v11 with its distances": { family: "yolo-v8", file: networks.yoloV11, count: 84, side: 64, plain: v8 },
  FastestDet: {
    family: "fastest-det",
    file: networks.fastestDet,
    count: 64,
    side: 64,
    plain: ({ output }, row) => {
      const at = (channel: number): number => output.data[channel * 64 + row];
      const [x, y] = [Math.tanh(at(1)) + (row % 8), Math.tanh(at(2)) + Math.floor(row / 8)];
      return {
        box: centred(x * 8, y * 8, sigmoid(at(3)) * 64, sigmoid(at(4)) * 64),
        probabilities: [5, 6, 7].map((channel) => at(0) ** 0.6 * at(channel) ** 0.4),
        score: (index) => 0.6 * logit(at(0)) + 0.4 * logit(at(5 + index)),
      };
    },
  },
  UltraFace: ultraFace(networks.ultraFace, 64, 235),
  "UltraFace, a larger picture": ultraFace(networks.largeUltraFace, 128, 940),
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
  "raw YOLOv8": {
    family: "raw-yolo-v8",
    file: networks.rawYoloV8,
    count: 84,
    side: 64,
    plain: (outputs, row) => rawYoloV8(outputs, row, "joined"),
  },
  "raw YOLOv8, distances beside scores": {
    family: "raw-yolo-v8",
    file: networks.rawYoloV8Pairs(0),
    count: 84,
    side: 64,
    plain: (outputs, row) => rawYoloV8(outputs, row, "beside"),
  },
  "raw YOLOv8-seg, distances beside scores": {
    family: "raw-yolo-v8",
    file: networks.rawYoloV8Pairs(8),
    count: 84,
    side: 64,
    plain: (outputs, row) => rawYoloV8(outputs, row, "beside"),
  },
  "raw YOLOv5": {
    family: "raw-yolo",
    file: networks.rawYolo,
    head: { anchors: priors },
    count: 252,
    side: 64,
    plain: (outputs, row) => rawYolo(outputs, row, "v5"),
  },
  "raw YOLOv3": {
    family: "raw-yolo",
    file: networks.rawYolo,
    head: { anchors: priors, decode: "yolo-v3" },
    count: 252,
    side: 64,
    plain: (outputs, row) => rawYolo(outputs, row, "v3"),
  },
  "raw YOLO, split by priors and through a sigmoid": {
    family: "raw-yolo",
    file: networks.splitYolo,
    head: { anchors: priors },
    count: 252,
    side: 64,
    plain: (outputs, row) => rawYolo(outputs, row, "split"),
  },
  CenterNet: {
    family: "centernet",
    file: networks.centernet,
    count: 256,
    side: 64,
    plain: ({ hm, wh, reg }, row) => {
      const at = ({ data }: PlainOutput, channel: number): number => data[channel * 256 + row];
      const [x, y] = [((row % 16) + at(reg, 0)) * 4, (Math.floor(row / 16) + at(reg, 1)) * 4];
      const probabilities = [0, 1, 2].map((channel) => at(hm, channel));
      return {
        box: centred(x, y, at(wh, 0) * 4, at(wh, 1) * 4),
        probabilities,
        score: (index) => logit(probabilities[index]),
      };
    },
  },
  BlazeFace: blazeFace(networks.blazeFace, 128, 8),
  "BlazeFace of the back camera": blazeFace(networks.backCamera, 256, 16),
  "BlazeFace, a smaller picture": blazeFace(networks.smallBlazeFace, 64, 8),
  RetinaFace: {
    family: "retina-face",
    file: networks.retinaFace,
    count: 168,
    side: 64,
    plain: ({ loc, conf, c2 }, row) => {
      const { x, y, stride } = cell(row >> 1, 64);
      const size = { 8: [16, 32], 16: [64, 128], 32: [256, 512] }[stride]?.[row & 1] ?? 0;
      const [a, b, c, d] = rowOf(loc, row);
      const [, face] = rowOf(conf, row);
      const centre = (place: number, offset: number): number => (place + 0.5) * stride + offset * 0.1 * size;
      return {
        box: centred(centre(x, a), centre(y, b), size * Math.exp(0.2 * c), size * Math.exp(0.2 * d)),
        // Nothing is never the best.
        probabilities: [-1, face],
        score: () => rowOf(c2, row)[1],
      };
    },
  },
  "-pose": {
    family: "yolo-v8",
    file: networks.yoloPose,
    count: 84,
    side: 64,
    plain: ({ output0 }, row) => {
      const [x, y, w, h, p] = columnOf(output0, row);
      return { box: centred(x, y, w, h), probabilities: [p], score: () => logit(p) };
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

/** How much a score changes along a direction, by the gradient and by onnxruntime. */
async function slopes(
  model: Model,
  file: Uint8Array,
  x: Tensor,
  [detection, of]: readonly [Detection, DetectionPart],
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

describe.each(Object.entries(families))("%s", (_, { family, file, count, side, plain, head }) => {
  const x = randomPicture(side, 7);

  it("every candidate as a plain decoding has it", async () => {
    const model = await loadModel(file);
    const outputs = await outputsOf(file, x);
    const found = await detect(model, x, { threshold: 0, iou: 1, top: count, head });
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
    const found = await detect(model, x, { threshold: 0, iou: 1, top: count, head });
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
  const x = randomPicture(160, 3);

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

  it("rows of centre and size are told by their numbers, and where only some are inside out the head is asked for", async () => {
    const model = await loadModel(networks.endToEndCentres);
    const { output0 } = await outputsOf(networks.endToEndCentres, x);
    const found = await detect(model, x, { threshold: 0.5 });
    expect(found.length).toBeGreaterThan(10);
    for (const detection of found) {
      const [cx, cy, w, h] = rowOf(output0, detection.anchor);
      expect(detection.head.decode).toBe("center");
      expect(iou(cornersOf(detection), centred(cx, cy, w, h))).toBeGreaterThan(0.999);
    }
    const { target } = await saliency(model, x, { target: { detection: found[0] } });
    expect(target.score).toBeCloseTo(logit(found[0].score), 3);
    // What somebody says stands above the numbers.
    const [said] = await detect(model, x, { threshold: 0.5, head: { decode: "corners" } });
    expect(said.box.width).toBeCloseTo(rowOf(output0, said.anchor)[2] - rowOf(output0, said.anchor)[0], 3);
    // Corners of which some are inside out are no reason to read them otherwise, and not passed over.
    await expect(detect(await loadModel(networks.endToEndMixed), x, { threshold: 0.5 })).rejects.toThrow(
      /^Row \d+ of "output0" is no box as left, top, right, bottom: \(.*head: \{ decode: "center" \}/,
    );
  });
});

describe("key points", () => {
  const x = randomPicture(64, 5);
  const files = {
    "-pose": {
      file: networks.yoloPose,
      side: 64,
      at: (all: Outputs, row: number, k: number) => columnOf(all.output0, row).slice(5 + 3 * k, 7 + 3 * k),
    },
    RetinaFace: {
      file: networks.retinaFace,
      side: 64,
      at: ({ landms }: Outputs, row: number, k: number) => {
        const { x: left, y: top, stride } = cell(row >> 1, 64);
        const size = { 8: [16, 32], 16: [64, 128], 32: [256, 512] }[stride]?.[row & 1] ?? 0;
        const [a, b] = rowOf(landms, row).slice(2 * k, 2 * k + 2);
        return [(left + 0.5) * stride + a * 0.1 * size, (top + 0.5) * stride + b * 0.1 * size];
      },
    },
    BlazeFace: {
      file: networks.blazeFace,
      side: 128,
      at: ({ regressors }: Outputs, row: number, k: number) => {
        const [a, b] = rowOf(regressors, row).slice(4 + 2 * k, 6 + 2 * k);
        return row < 512
          ? [((row >> 1) % 16) * 8 + 4 + a, Math.floor((row >> 1) / 16) * 8 + 4 + b]
          : [(Math.floor((row - 512) / 6) % 8) * 16 + 8 + a, Math.floor((row - 512) / 48) * 16 + 8 + b];
      },
    },
  } as const;
  it.each(Object.entries(files))(
    "of %s are where a plain decoding has them, and targets",
    async (_, { file, side, at }) => {
      const model = await loadModel(file);
      const input = side === 64 ? x : randomPicture(side, 5);
      const outputs = await outputsOf(file, input);
      const found = await detect(model, input, { threshold: 0 });
      for (const { keypoints = [], anchor } of found.slice(0, 10)) {
        expect(keypoints.length).toBeGreaterThan(3);
        for (const [k, point] of keypoints.entries()) {
          const [px, py] = at(outputs, anchor, k);
          expect(point.x).toBeCloseTo(px, 3);
          expect(point.y).toBeCloseTo(py, 3);
        }
      }
      const [best] = found;
      for (const [i, axis] of (["x", "y"] as const).entries()) {
        const of = { keypoint: 3, axis };
        const slope = await slopes(model, file, input, [best, of], (all) => at(all, best.anchor, 3)[i]);
        expect(Math.abs(slope.theirs / slope.ours - 1)).toBeLessThan(5e-3);
        expect(Math.abs(slope.reported - slope.plain)).toBeLessThan(1e-3);
      }
      // Methods that change the input look for the box again, and read the point of whatever candidate holds it.
      const followed = await rise(model, input, {
        target: { detection: best, of: { keypoint: 1, axis: "y" } },
        masks: 2,
        seed: 1,
      });
      expect(followed.target.score).toBeCloseTo(best.keypoints?.[1].y ?? 0, 3);
      const ask = (of: unknown) => saliency(model, input, { target: { detection: best, of } as never });
      await expect(ask({ keypoint: 99, axis: "x" })).rejects.toThrow(
        /takes a key point from 0 to \d+ and the axis "x" or "y"/,
      );
      await expect(ask({ keypoint: 0, axis: "z" })).rejects.toThrow(/the axis "x" or "y"/);
    },
  );

  it("of a head without any are refused, and maps without priors ask for them by name", async () => {
    const model = await loadModel(networks.yoloV8(0));
    const [best] = await detect(model, x, { threshold: 0 });
    expect(best.keypoints).toBeUndefined();
    const of = { keypoint: 0, axis: "x" } as const;
    await expect(saliency(model, x, { target: { detection: best, of } })).rejects.toThrow("this head has none");
    const raw = await loadModel(networks.rawYolo);
    await expect(detect(raw, x)).rejects.toThrow(
      /"p8" \(1×24×8×8\), .* are maps of a YOLO detector .* head: \{ anchors: \[\[10, 13/,
    );
    const ask = (anchors: unknown) => detect(raw, x, { head: { anchors } as never });
    const one = [10, 13, 16, 30, 33];
    for (const odd of [[], 5, null, [5, 5, 5], [one, one, one], [[10, 13], null, [10, 13]]]) {
      await expect(ask(odd)).rejects.toThrow(/^head.anchors must say width and height of the priors/);
    }
    await expect(ask([[10, 13]])).rejects.toThrow(/each of the 3 maps/);
    await expect(
      ask([
        [1, 1],
        [2, 2, 3, 3],
        [1, 1],
      ]),
    ).rejects.toThrow(/priors a place do not fit/);
  });
});
