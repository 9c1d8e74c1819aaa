/**
 * The families of heads as files differ in them: wide pictures, float16 weights, batches of any size, other orders and units, scores
 * before their sigmoid, as many classes as candidates. Either every box is as a plain decoding has it, or the head is asked for.
 */
import { expect, it } from "vitest";
import { type DetectorHeadOption, detect, loadModel, Tensor } from "../../src/index";
import { floats, ints } from "../graph/build";
import type { Nodes } from "./networks";
import { bestOf, centred, cornersOf, iou, outputsOf, type PlainBox, type PlainOutput, sigmoid } from "./reference";
import { picture, places, variantFile, type Writing } from "./variant-networks";

type Outputs = Readonly<Record<string, PlainOutput>>;
interface Plain {
  readonly box: PlainBox["box"];
  readonly probabilities: readonly number[];
}
type Decode = (outputs: Outputs, row: number) => Plain;

interface Variant extends Writing {
  readonly family: string;
  readonly plain: Decode;
  /** Outputs that the plain decoding reads. */
  readonly reads: readonly string[];
  readonly head?: Partial<DetectorHeadOption>;
  readonly labels?: readonly string[];
}

let state = 11;
const next = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const x = new Tensor(Float32Array.from({ length: picture.width * picture.height * 3 }, next), [
  1,
  picture.height,
  picture.width,
  3,
]);

const rowOf = ({ dims, data }: PlainOutput, row: number): number[] =>
  Array.from(data.slice(row * dims[2], (row + 1) * dims[2]));
const cornersAt = ({ corners }: Outputs, row: number): PlainBox["box"] => {
  const [left, top, right, bottom] = rowOf(corners, row);
  return [left, top, right, bottom];
};
const softmax = (scores: readonly number[]): number[] => {
  const powers = scores.map(Math.exp);
  return powers.map((power) => power / powers.reduce((sum, each) => sum + each, 0));
};

const byScores: Decode = (all, row) => ({ box: cornersAt(all, row), probabilities: rowOf(all.scores, row) });
const byObject: Decode = (all, row) => ({
  box: cornersAt(all, row),
  probabilities: rowOf(all.scores, row).map((score) => score * rowOf(all.object, row)[0]),
});
/** The first or the last of a softmax is nothing, and never the best. */
const withNothing =
  (place: "first" | "last"): Decode =>
  (all, row) => ({
    box: cornersAt(all, row),
    probabilities: softmax(rowOf(all.logits, row)).map((each, i, { length }) =>
      i === (place === "first" ? 0 : length - 1) ? -1 : each,
    ),
  });

const joined = (...values: string[]): Nodes => [["Concat", values, ["rows"], { axis: 2 }]];
const turned: Nodes = [["Transpose", ["rows"], ["columns"], { perm: [0, 2, 1] }]];
const v8 = { family: "yolo-v8", plain: byScores, reads: ["corners", "scores"] } as const;
const v5 = { family: "yolo-v5", plain: byObject, reads: ["corners", "scores", "object"] } as const;
const columns = [...joined("centres", "scores"), ...turned];
const masks = ["Conv", ["y", "proto.w"], ["proto"], { kernel_shape: [4, 4], strides: [4, 4] }] as Nodes[number];
const prototypes = { "proto.w": floats([8, 3, 4, 4], Array.from({ length: 8 * 3 * 16 }, next)) };
const count = places.length;

const yoloxBox: Decode = (all, row) => {
  const [a, b, c, d] = rowOf(all.raw, row);
  const [column, line, stride] = places[row];
  return {
    box: centred((a + column) * stride, (b + line) * stride, Math.exp(c) * stride, Math.exp(d) * stride),
    probabilities: byObject(all, row).probabilities,
  };
};
const yolox = { family: "yolox", plain: yoloxBox, reads: ["raw", "corners", "scores", "object"] } as const;

const nanodetBox: Decode = (all, row) => {
  const [column, line, stride] = places[row];
  const numbers = rowOf(all.sides, row);
  const [l, t, r, b] = [0, 1, 2, 3].map(
    (side) => softmax(numbers.slice(8 * side, 8 * side + 8)).reduce((sum, share, k) => sum + share * k, 0) * stride,
  );
  return {
    box: [column * stride - l, line * stride - t, column * stride + r, line * stride + b],
    probabilities: rowOf(all.scores, row),
  };
};
const nanodet = { family: "nanodet", plain: nanodetBox, reads: ["scores", "sides"], more: { sides: 32 } } as const;

const facePriors = { 8: [16, 32], 16: [64, 128], 32: [256, 512] } as const;
const retinaBox: Decode = (all, row) => {
  const [column, line, stride] = places[row >> 1];
  const size = facePriors[stride][row & 1];
  const [a, b, c, d] = rowOf(all.raw, row);
  return {
    box: centred(
      (column + 0.5) * stride + a * 0.1 * size,
      (line + 0.5) * stride + b * 0.1 * size,
      size * Math.exp(0.2 * c),
      size * Math.exp(0.2 * d),
    ),
    probabilities: [-1, softmax(rowOf(all.logits, row))[1]],
  };
};
const retina = {
  family: "retina-face",
  plain: retinaBox,
  reads: ["raw", "logits"],
  classes: 2,
  priors: 2,
  more: { points: 10 },
} as const;

/** Maps of 16×24 for a quarter of the picture, and of 8×12 for an eighth. */
const map = (name: string, channels: number, side: number): { nodes: Nodes; constants: Writing["constants"] } => ({
  nodes: [["Conv", ["y", `${name}.w`], [name], { kernel_shape: [side, side], strides: [side, side] }]],
  constants: {
    [`${name}.w`]: floats([channels, 3, side, side], Array.from({ length: channels * 3 * side ** 2 }, next)),
  },
});
const centernet = (classes: number, outputs: readonly string[]): Variant => {
  const parts = [map("heat", classes, 4), map("span", 2, 4), map("reg", 2, 4)];
  return {
    family: "centernet",
    constants: Object.assign({}, ...parts.map(({ constants }) => constants)),
    nodes: [
      ...parts.flatMap(({ nodes }) => nodes),
      ["Sigmoid", ["heat"], ["hm"]],
      ["Exp", ["span"], ["wh"]],
      ["Identity", ["wh"], ["b"]],
      ["Identity", ["reg"], ["a"]],
      ["Identity", ["hm"], ["c"]],
    ],
    outputs,
    reads: ["hm", "wh", "reg"],
    plain: ({ hm, wh, reg }, row) => {
      const at = ({ data }: PlainOutput, channel: number): number => data[channel * 384 + row];
      const [column, line] = [row % 24, Math.floor(row / 24)];
      return {
        box: centred((column + at(reg, 0)) * 4, (line + at(reg, 1)) * 4, at(wh, 0) * 4, at(wh, 1) * 4),
        probabilities: Array.from({ length: classes }, (_, channel) => at(hm, channel)),
      };
    },
  };
};
const fastest = (classes: number, outputs: readonly string[]): Variant => {
  const parts = [map("o", 1, 8), map("box", 4, 8), map("c", classes, 8)];
  return {
    family: "fastest-det",
    constants: Object.assign({}, ...parts.map(({ constants }) => constants)),
    nodes: [
      ...parts.flatMap(({ nodes }) => nodes),
      ["Sigmoid", ["o"], ["os"]],
      ["Softmax", ["c"], ["cs"], { axis: 1 }],
      ["Concat", ["os", "box", "cs"], ["output"], { axis: 1 }],
    ],
    outputs,
    reads: ["output"],
    plain: ({ output: { data } }, row) => {
      const at = (channel: number): number => data[channel * 96 + row];
      const [column, line] = [row % 12, Math.floor(row / 12)];
      return {
        box: centred(
          (Math.tanh(at(1)) + column) * 8,
          (Math.tanh(at(2)) + line) * 8,
          sigmoid(at(3)) * 96,
          sigmoid(at(4)) * 64,
        ),
        probabilities: Array.from({ length: classes }, (_, i) => at(0) ** 0.6 * at(5 + i) ** 0.4),
      };
    },
  };
};
const sixteenths = [
  [10, 13, 16, 30],
  [33, 23, 30, 61],
  [62, 45, 59, 119],
] as const;
const rawYolo = (classes: number, behind = 0): Variant => {
  const numbers = 5 + classes + behind;
  const parts = [8, 16, 32].map((stride) => map(`p${stride}`, 2 * numbers, stride));
  const first = [0, 192, 240] as const;
  return {
    family: "raw-yolo",
    head: { anchors: sixteenths },
    constants: { ...prototypes, ...Object.assign({}, ...parts.map(({ constants }) => constants)) },
    nodes: [...parts.flatMap(({ nodes }) => nodes), masks],
    outputs: [...(behind ? ["proto"] : []), "p16", "p32", "p8"],
    reads: ["p8", "p16", "p32"],
    plain: (outputs, row) => {
      const scale = row < first[1] ? 0 : row < first[2] ? 1 : 2;
      const stride = 8 << scale;
      const [wide, high] = [96 / stride, 64 / stride];
      const own = row - first[scale];
      const [prior, place] = [Math.floor(own / (wide * high)), own % (wide * high)];
      const { data } = outputs[`p${stride}`];
      const [a, b, c, d, object, ...scores] = Array.from({ length: 5 + classes }, (_, k) =>
        sigmoid(data[(prior * numbers + k) * wide * high + place]),
      );
      const [w, h] = sixteenths[scale].slice(2 * prior, 2 * prior + 2);
      const [column, line] = [place % wide, Math.floor(place / wide)];
      return {
        box: centred(
          (2 * a - 0.5 + column) * stride,
          (2 * b - 0.5 + line) * stride,
          (2 * c) ** 2 * w,
          (2 * d) ** 2 * h,
        ),
        probabilities: scores.map((score) => object * score),
      };
    },
  };
};
const detrBox: Decode = (all, row) => {
  const [a, b, w, h] = rowOf(all.raw, row).map(sigmoid);
  return {
    box: centred(a * 96, b * 64, w * 96, h * 64),
    probabilities: softmax(rowOf(all.logits, row)).map((each, i, { length }) => (i === length - 1 ? -1 : each)),
  };
};
const detrBoxes: Nodes = [["Sigmoid", ["raw"], ["pred_boxes"]]];
const detr = { family: "detr", plain: detrBox, reads: ["raw", "logits"] } as const;
const shares: Decode = (all, row) => ({
  box: centred(
    ...(rowOf(all.raw, row).map((each, i) => sigmoid(each) * (i % 2 ? 64 : 96)) as [number, number, number, number]),
  ),
  probabilities: rowOf(all.scores, row),
});

const variants: Readonly<Record<string, Variant>> = {
  YOLOv8: { ...v8, nodes: columns, outputs: ["columns"] },
  "YOLOv8, float16 weights": { ...v8, nodes: columns, outputs: ["columns"], half: true },
  "YOLOv8, batches of any size": { ...v8, nodes: columns, outputs: ["columns"], anyBatch: true },
  "YOLOv8, candidates as rows": { ...v8, nodes: joined("centres", "scores"), outputs: ["rows"] },
  "YOLOv8, one class": { ...v8, classes: 1, nodes: columns, outputs: ["columns"] },
  "YOLOv8, one class as rows": { ...v8, classes: 1, nodes: joined("centres", "scores"), outputs: ["rows"] },
  "YOLOv8, as many channels as candidates": { ...v8, classes: count - 4, nodes: columns, outputs: ["columns"] },
  "YOLOv8, as many channels as candidates, as rows": {
    ...v8,
    classes: count - 4,
    nodes: joined("centres", "scores"),
    outputs: ["rows"],
  },
  "YOLOv8, as many classes as candidates": { ...v8, classes: count, nodes: columns, outputs: ["columns"] },
  "YOLOv8, boxes as shares of the sides": {
    ...v8,
    nodes: [...joined("centreShares", "scores"), ...turned],
    outputs: ["columns"],
  },
  "YOLOv8, boxes as corners": { ...v8, nodes: [...joined("corners", "scores"), ...turned], outputs: ["columns"] },
  "YOLOv8 beside its maps": { ...v8, nodes: columns, outputs: ["map8", "map16", "map32", "columns"] },
  "YOLOv8-seg, prototypes first": {
    ...v8,
    more: { m: 8 },
    constants: prototypes,
    nodes: [...joined("centres", "scores", "m"), ...turned, masks],
    outputs: ["proto", "columns"],
  },
  "YOLOv8-seg, as rows": {
    ...v8,
    more: { m: 8 },
    constants: prototypes,
    nodes: [...joined("centres", "scores", "m"), masks],
    outputs: ["rows", "proto"],
  },
  "YOLOv8-pose, as rows": {
    ...v8,
    classes: 1,
    more: { k: 51 },
    nodes: joined("centres", "scores", "k"),
    outputs: ["rows"],
  },
  YOLOv5: { ...v5, priors: 3, nodes: joined("centres", "all"), outputs: ["rows"] },
  "YOLOv5, float16 weights": { ...v5, priors: 3, nodes: joined("centres", "all"), outputs: ["rows"], half: true },
  "YOLOv5, candidates as columns": {
    ...v5,
    priors: 3,
    nodes: [...joined("centres", "all"), ...turned],
    outputs: ["columns"],
  },
  "YOLOv5, one class": { ...v5, priors: 3, classes: 1, nodes: joined("centres", "all"), outputs: ["rows"] },
  "YOLOv5, one class, as columns": {
    ...v5,
    priors: 3,
    classes: 1,
    nodes: [...joined("centres", "all"), ...turned],
    outputs: ["columns"],
  },
  "YOLOv5 beside its maps, as shares": {
    ...v5,
    priors: 3,
    nodes: joined("centreShares", "all"),
    outputs: ["map8", "rows", "map16"],
  },
  "YOLOv5, as many channels as candidates": {
    ...v5,
    priors: 3,
    classes: 3 * count - 5,
    nodes: joined("centres", "all"),
    outputs: ["rows"],
  },
  YOLOX: { ...yolox, nodes: joined("raw", "object", "scores"), outputs: ["rows"] },
  "YOLOX, as columns, one class": {
    ...yolox,
    classes: 1,
    nodes: [...joined("raw", "object", "scores"), ...turned],
    outputs: ["columns"],
  },
  "YOLOX, before its sigmoids": { ...yolox, nodes: joined("raw", "objectLogit", "logits"), outputs: ["rows"] },
  "YOLOX, through one sigmoid": { ...yolox, nodes: joined("raw", "all"), outputs: ["rows"] },
  NanoDet: { ...nanodet, nodes: joined("scores", "sides"), outputs: ["rows"] },
  "NanoDet, as columns, one class": {
    ...nanodet,
    classes: 1,
    nodes: [...joined("scores", "sides"), ...turned],
    outputs: ["columns"],
  },
  "NanoDet, as many channels as candidates": {
    ...nanodet,
    classes: count - 32,
    nodes: joined("scores", "sides"),
    outputs: ["rows"],
  },
  "SSD, boxes behind": {
    family: "ssd",
    plain: withNothing("first"),
    reads: ["corners", "logits"],
    outputs: ["softmax", "cornerShares"],
  },
  "SSD, four classes": {
    family: "ssd",
    plain: withNothing("first"),
    reads: ["corners", "logits"],
    classes: 4,
    nodes: [
      ["Identity", ["softmax"], ["a"]],
      ["Identity", ["cornerShares"], ["b"]],
    ],
    outputs: ["a", "b"],
  },
  "SSD, boxes in pixels": {
    family: "ssd",
    plain: withNothing("first"),
    reads: ["corners", "logits"],
    outputs: ["corners", "softmax"],
  },
  "SSD, centres and sizes": {
    family: "ssd",
    plain: withNothing("first"),
    reads: ["corners", "logits"],
    outputs: ["centreShares", "softmax"],
  },
  "RetinaFace, another order": { ...retina, outputs: ["points", "softmax", "raw"] },
  "RetinaFace, before its softmax": { ...retina, outputs: ["raw", "logits", "points"] },
  CenterNet: centernet(3, ["hm", "wh", "reg"]),
  "CenterNet, another order": centernet(3, ["reg", "hm", "wh"]),
  "CenterNet, two classes": centernet(2, ["wh", "reg", "hm"]),
  "CenterNet, one class": centernet(1, ["wh", "hm", "reg"]),
  FastestDet: fastest(3, ["output"]),
  "FastestDet, one class, beside a map": fastest(1, ["cs", "output"]),
  "raw YOLO": rawYolo(3),
  "raw YOLO, one class": rawYolo(1),
  "raw YOLO-seg": rawYolo(3, 8),
  "DETR, boxes first": { ...detr, nodes: detrBoxes, outputs: ["pred_boxes", "logits"] },
  "DETR, four classes without names": {
    ...detr,
    classes: 4,
    nodes: [
      ["Sigmoid", ["raw"], ["b"]],
      ["Identity", ["logits"], ["a"]],
    ],
    outputs: ["a", "b"],
  },
  "DETR, one class, beside what its encoder says": {
    ...detr,
    classes: 2,
    more: { hidden: 16 },
    nodes: detrBoxes,
    outputs: ["hidden", "logits", "pred_boxes"],
  },
  "RT-DETR, sigmoids inside": {
    family: "detr",
    plain: shares,
    reads: ["raw", "scores"],
    nodes: detrBoxes,
    outputs: ["scores", "pred_boxes"],
  },
};

it.each(Object.entries(variants))("%s: every box is as a plain decoding has it", async (_, variant) => {
  const { family, plain, reads, head, labels, ...writing } = variant;
  const model = await loadModel(variantFile(writing), labels && { labels: [...labels] });
  const outputs = await outputsOf(variantFile({ ...writing, anyBatch: false, outputs: reads }), x);
  const found = await detect(model, x, { threshold: 0, iou: 1, top: 10_000, head });
  expect(found[0].family).toBe(family);
  const anchors = found.map(({ anchor }) => anchor).sort((a, b) => a - b);
  expect(anchors).toEqual(anchors.map((_, i) => i));
  expect(found.length).toBeGreaterThanOrEqual(96);
  for (const each of found) {
    const { box, probabilities } = plain(outputs, each.anchor);
    const best = bestOf(probabilities);
    expect(Math.abs(each.score - best.score)).toBeLessThan(1e-4);
    expect(Math.abs(probabilities[each.index] - best.score)).toBeLessThan(1e-4);
    expect(iou(cornersOf(each), box)).toBeGreaterThan(0.999);
  }
});

/** What cannot be told apart is asked for, and the answer read. */
const open: Readonly<
  Record<string, Omit<Variant, "family"> & { readonly asks: RegExp; readonly head: Partial<DetectorHeadOption> }>
> = {
  "YOLOv8, scores before their sigmoid": {
    ...v8,
    nodes: [...joined("centres", "logits"), ...turned],
    outputs: ["columns"],
    asks: /which is no probability.*activation: "sigmoid"/,
    head: { activation: "sigmoid" },
  },
  "YOLOv8-obb": {
    ...v8,
    more: { angle: 1 },
    nodes: [...joined("centres", "scores", "angle"), ...turned],
    outputs: ["columns"],
    asks: /turned boxes/,
    head: { boxes: "columns", layout: "columns", classAt: 4, classes: 3 },
  },
  "SSD, scores before their softmax": {
    plain: withNothing("first"),
    reads: ["corners", "logits"],
    outputs: ["cornerShares", "logits"],
    asks: /head: \{/,
    head: {
      boxes: "cornerShares",
      scores: "logits",
      decode: "corners",
      units: "relative",
      background: "first",
      activation: "softmax",
    },
  },
  "boxes beside sigmoids": {
    plain: byScores,
    reads: ["corners", "scores"],
    outputs: ["scores", "corners"],
    asks: /head: \{/,
    head: { boxes: "corners", scores: "scores", decode: "corners" },
  },
  "RT-DETR, four classes, sigmoids inside, without names": {
    plain: shares,
    reads: ["raw", "scores"],
    classes: 4,
    nodes: [
      ["Sigmoid", ["raw"], ["b"]],
      ["Identity", ["scores"], ["a"]],
    ],
    outputs: ["a", "b"],
    asks: /head: \{/,
    head: { boxes: "b", scores: "a", decode: "center", units: "relative", classAt: 0 },
  },
  "CenterNet without names, sizes last": {
    ...centernet(3, ["a", "b", "c"]),
    asks: /head: \{/,
    head: { boxes: ["a", "b"], scores: "c", layout: "map", decode: "centernet", classAt: 0 },
  },
};

it.each(Object.entries(open))("%s: the head is asked for, and read as it is said", async (_, variant) => {
  const { plain, reads, asks, head, ...writing } = variant;
  const model = await loadModel(variantFile(writing));
  await expect(detect(model, x, { threshold: 0.3 })).rejects.toThrow(asks);
  const outputs = await outputsOf(variantFile({ ...writing, outputs: reads }), x);
  const found = await detect(model, x, { threshold: 0, iou: 1, top: 10_000, head });
  expect(found.length).toBeGreaterThanOrEqual(96);
  for (const each of found) {
    const { box, probabilities } = plain(outputs, each.anchor);
    expect(Math.abs(each.score - bestOf(probabilities).score)).toBeLessThan(1e-4);
    expect(iou(cornersOf(each), box)).toBeGreaterThan(0.999);
  }
});

it("six numbers each: rows that are kept, in pixels and in shares of the picture", async () => {
  const file = (values: readonly string[]) =>
    variantFile({
      constants: { begin: ints(30), end: ints(80), axis: ints(1), one: floats([], [1]) },
      nodes: [
        ["Slice", ["corners", "begin", "end", "axis"], ["c50"]],
        ["Slice", ["cornerShares", "begin", "end", "axis"], ["s50"]],
        ["Slice", ["scores", "begin", "end", "axis"], ["p50"]],
        ["Slice", ["object", "begin", "end", "axis"], ["o50"]],
        ["Floor", ["p50"], ["n50"]],
        ["Concat", [values[0], values[1], "n50"], ["rows"], { axis: 2 }],
      ],
      classes: 1,
      outputs: ["rows"],
    });
  const outputs = await outputsOf(variantFile({ classes: 1, outputs: ["corners", "object"] }), x);
  for (const values of [
    ["c50", "o50"],
    ["s50", "o50"],
  ]) {
    const found = await detect(await loadModel(file(values)), x, { threshold: 0 });
    expect(found).toHaveLength(50);
    for (const each of found) expect(iou(cornersOf(each), cornersAt(outputs, 30 + each.anchor))).toBeGreaterThan(0.999);
  }
});

it("one layer's maps of YOLOv8 without its decoding, which nothing tells from those of three priors: the head is asked for", async () => {
  const maps = [8, 16, 32] as const;
  const file = variantFile({
    constants: Object.fromEntries(
      maps.map((s) => [`w${s}`, floats([69, 3, s, s], Array.from({ length: 69 * 3 * s * s }, next))]),
    ),
    nodes: maps.map((s): Nodes[number] => [
      "Conv",
      ["y", `w${s}`],
      [`p${s}`],
      { kernel_shape: [s, s], strides: [s, s] },
    ]),
    outputs: ["p8", "p16", "p32"],
  });
  await expect(detect(await loadModel(file), x)).rejects.toThrow(
    /are maps of a YOLO detector .* Of YOLOv8 and later, .*head: \{ decode: "yolo-v8" \}/,
  );
  const names = ["a", "b", "c", "d", "e"];
  const byNames = await detect(await loadModel(file, { labels: names }), x, { threshold: 0.5 });
  const said = await detect(await loadModel(file), x, { threshold: 0.5, head: { decode: "yolo-v8" } });
  const whole = { boxes: ["p8", "p16", "p32"], decode: "yolo-v8", activation: "sigmoid" } as const;
  const all = await detect(await loadModel(file), x, { threshold: 0.5, head: whole });
  expect(said.length).toBeGreaterThan(10);
  expect(said[0].head.classes).toBe(5);
  expect(byNames.map(({ box }) => box)).toEqual(said.map(({ box }) => box));
  expect(all.map(({ box }) => box)).toEqual(said.map(({ box }) => box));
  const model = await loadModel(file);
  const ask = (head: Partial<DetectorHeadOption>) => detect(model, x, { head: { ...whole, ...head } });
  await expect(ask({ classAt: 62 })).rejects.toThrow(/head.classAt: the 62 channels of a box/);
  await expect(ask({ boxes: ["p8", "p16", "p8"] })).resolves.toBeDefined();
  await expect(ask({ boxes: ["p8", "p8", "p16"] })).rejects.toThrow(/every scale needs maps with as many channels/);
  await expect(ask({ boxes: ["p8", "p64"] })).rejects.toThrow(/no output "p64"/);
});
