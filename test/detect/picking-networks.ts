/** Detectors whose files pick among the candidates themselves, as exporters of several frameworks write it. */
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import { fileOf, type Nodes } from "./networks";

const strides = [8, 16, 32];
const side = 64;
const classes = 3;

/** The middle of every place of three maps, and its stride: `[1, 84, 2]` each. */
const places = strides.flatMap((stride) => {
  const columns = side / stride;
  return Array.from({ length: columns ** 2 }, (_, i) => [(i % columns) + 0.5, Math.floor(i / columns) + 0.5, stride]);
});
const middle = floats(
  [1, 84, 2],
  places.flatMap(([x, y, stride]) => [x * stride, y * stride]),
);
const strideOf = floats(
  [1, 84, 1],
  places.map(([, , stride]) => stride),
);

/** Distances from the middle of a place as corners `[1, 84, 4]`, and class scores `[1, 84, 3]`. */
const corners: Nodes = [
  ["Exp", ["b"], ["far"]],
  ["Mul", ["far", "strideOf"], ["distance"]],
  ["Split", ["distance", "twos"], ["before", "after"], { axis: 2 }],
  ["Sub", ["middle", "before"], ["first"]],
  ["Add", ["middle", "after"], ["last"]],
  ["Concat", ["first", "last"], ["corners"], { axis: 2 }],
  ["Sigmoid", ["c"], ["scores"]],
];
const shared = { middle, strideOf, twos: ints(2, 2) };
const parts = { b: 4, c: classes };
const scalar = (value: number) => floats([1], [value]);

/** YOLOv10's own: the best places by their best class, then the best classes of those, gathered element by element. */
export const topClasses = fileOf(
  parts,
  [
    ...corners,
    ["Concat", ["corners", "scores"], ["rows"], { axis: 2 }],
    ["Split", ["rows", "fours"], ["boxes", "own"], { axis: 2 }],
    ["ReduceMax", ["own"], ["best"], { axes: [2], keepdims: 0 }],
    ["TopK", ["best", "most"], ["bestScore", "place"], { axis: 1 }],
    ["Unsqueeze", ["place", "two"], ["place1"]],
    ["Tile", ["place1", "four"], ["place4"]],
    ["Tile", ["place1", "three"], ["place3"]],
    ["GatherElements", ["boxes", "place4"], ["boxes2"], { axis: 1 }],
    ["GatherElements", ["own", "place3"], ["own2"], { axis: 1 }],
    ["Flatten", ["own2"], ["flat"], { axis: 1 }],
    ["TopK", ["flat", "most"], ["topScore", "topPlace"], { axis: 1 }],
    ["Div", ["topPlace", "count"], ["row"]],
    ["Mod", ["topPlace", "count"], ["class"]],
    ["Unsqueeze", ["row", "two"], ["row1"]],
    ["Tile", ["row1", "four"], ["row4"]],
    ["GatherElements", ["boxes2", "row4"], ["boxes3"], { axis: 1 }],
    ["Unsqueeze", ["topScore", "two"], ["score"]],
    ["Unsqueeze", ["class", "two"], ["class1"]],
    ["Cast", ["class1"], ["label"], { to: 1 }],
    ["Concat", ["boxes3", "score", "label"], ["output0"], { axis: 2 }],
  ],
  ["output0"],
  side,
  {
    ...shared,
    fours: ints(4, classes),
    most: ints(50),
    two: ints(2),
    four: ints(1, 1, 4),
    three: ints(1, 1, classes),
    count: ints(classes),
  },
);

/** What NonMaxSuppression gives, gathered: boxes, scores and classes of what is left. */
const gathered = (boxes: string, scores: string): Nodes => [
  ["NonMaxSuppression", [boxes, scores, "perClass", "iou", "least"], ["kept"]],
  ["Split", ["kept", "ones"], ["k0", "k1", "k2"], { axis: 1 }],
  ["Concat", ["k0", "k2"], ["whichBox"], { axis: 1 }],
  ["GatherND", ["corners", "whichBox"], ["boxes"]],
  ["GatherND", [scores, "kept"], ["keptScores"]],
  ["Cast", ["k1"], ["labels"], { to: 1 }],
];
const limits = {
  perClass: ints(20),
  iou: scalar(0.3),
  least: scalar(0.35),
  ones: ints(1, 1, 1),
};
const found = ["boxes", "keptScores", "labels"];

/** Doubles suppressed by class, as most add it to a YOLO. */
export const suppressedByClass = fileOf(
  parts,
  [...corners, ["Transpose", ["scores"], ["byClass"], { perm: [0, 2, 1] }], ...gathered("corners", "byClass")],
  found,
  side,
  { ...shared, ...limits },
);

/** The same with centres, which the operator takes as well, read from columns. */
export const suppressedCentres = fileOf(
  parts,
  [
    ...corners,
    ["Add", ["first", "last"], ["sum"]],
    ["Mul", ["sum", "half"], ["centre"]],
    ["Sub", ["last", "first"], ["size"]],
    ["Concat", ["centre", "size"], ["centres"], { axis: 2 }],
    ["Transpose", ["scores"], ["byClass"], { perm: [0, 2, 1] }],
    ["NonMaxSuppression", ["centres", "byClass", "perClass", "iou", "least"], ["kept"], { center_point_box: 1 }],
    ["Split", ["kept", "ones"], ["k0", "k1", "k2"], { axis: 1 }],
    ["Concat", ["k0", "k2"], ["whichBox"], { axis: 1 }],
    ["GatherND", ["centres", "whichBox"], ["boxes"]],
    ["GatherND", ["byClass", "kept"], ["keptScores"]],
    ["Cast", ["k1"], ["labels"], { to: 1 }],
  ],
  found,
  side,
  { ...shared, ...limits, half: scalar(0.5) },
);

/** The best class alone, and boxes of other classes moved away: torchvision's batched_nms; or not moved, so that any class suppresses. */
const ofBestClass = (moved: boolean): Uint8Array =>
  fileOf(
    parts,
    [
      ...corners,
      ["Squeeze", ["corners", "zero"], ["boxesOfOne"]],
      ["Squeeze", ["scores", "zero"], ["scoresOfOne"]],
      ["ReduceMax", ["scoresOfOne"], ["best"], { axes: [1], keepdims: 0 }],
      ["ArgMax", ["scoresOfOne"], ["class"], { axis: 1, keepdims: 0 }],
      ["Cast", ["class"], ["number"], { to: 1 }],
      ["ReduceMax", ["boxesOfOne"], ["far2"], { keepdims: 0 }],
      ["Mul", ["number", "far2"], ["shift"]],
      ["Unsqueeze", ["shift", "one"], ["shift1"]],
      ["Add", ["boxesOfOne", "shift1"], ["movedApart"]],
      ["Unsqueeze", [moved ? "movedApart" : "boxesOfOne", "zero"], ["given"]],
      ["Unsqueeze", ["best", "zeroOne"], ["givenScores"]],
      ["NonMaxSuppression", ["given", "givenScores", "perClass", "iou", "least"], ["kept"]],
      ["Gather", ["kept", "two"], ["which"], { axis: 1 }],
      ["Squeeze", ["which", "one"], ["rows"]],
      ["Gather", ["boxesOfOne", "rows"], ["boxes"], { axis: 0 }],
      ["Gather", ["best", "rows"], ["keptScores"], { axis: 0 }],
      ["Gather", ["number", "rows"], ["labels"], { axis: 0 }],
    ],
    found,
    side,
    { ...shared, ...limits, zero: ints(0), one: ints(1), zeroOne: ints(0, 1), two: ints(2) },
  );
export const suppressedMovedApart = ofBestClass(true);
export const suppressedAcrossClasses = ofBestClass(false);

/** TensorFlow's: pictures with their channels last, top before left, shares of the picture. */
export const topFirst = writeOnnx(
  graphOf({
    inputs: { x: [1, side, side, 3] },
    constants: {
      w: randomFloats(randomIntegers(3), [7, 3, 8, 8]),
      scale: floats([], [0.1]),
      to: ints(1, 7, 64),
      fours: ints(4, 3),
      middle: floats(
        [1, 64, 2],
        Array.from({ length: 64 }, (_, i) => [(Math.floor(i / 8) + 0.5) / 8, ((i % 8) + 0.5) / 8]).flat(),
      ),
      eighth: scalar(1 / 8),
      twos: ints(2, 2),
      ...limits,
    },
    nodes: [
      ["Transpose", ["x"], ["nchw"], { perm: [0, 3, 1, 2] }],
      ["Mul", ["nchw", "scale"], ["small"]],
      ["Conv", ["small", "w"], ["conv"], { kernel_shape: [8, 8], strides: [8, 8] }],
      ["Reshape", ["conv", "to"], ["columns"]],
      ["Transpose", ["columns"], ["rows"], { perm: [0, 2, 1] }],
      ["Split", ["rows", "fours"], ["b", "c"], { axis: 2 }],
      ["Exp", ["b"], ["far"]],
      ["Mul", ["far", "eighth"], ["distance"]],
      ["Split", ["distance", "twos"], ["before", "after"], { axis: 2 }],
      ["Sub", ["middle", "before"], ["first"]],
      ["Add", ["middle", "after"], ["last"]],
      ["Concat", ["first", "last"], ["corners"], { axis: 2 }],
      ["Sigmoid", ["c"], ["scores"]],
      ["Transpose", ["scores"], ["byClass"], { perm: [0, 2, 1] }],
      ...gathered("corners", "byClass"),
    ],
    outputs: found,
  }),
);

/** RT-DETR's: corners times the size of the picture, which is an input of its own, and the best pairs of query and class. */
export const rtDetr = writeOnnx(
  graphOf({
    inputs: { images: [1, 3, side, side], orig_target_sizes: [1, 2] },
    constants: {
      wb: randomFloats(randomIntegers(11), [4, 3, 8, 8]),
      wc: randomFloats(randomIntegers(12), [classes, 3, 8, 8]),
      scale: floats([], [0.1]),
      toBoxes: ints(1, 4, 64),
      toScores: ints(1, classes, 64),
      twos: ints(2, 2),
      half: scalar(0.5),
      twice: ints(1, 2),
      middleAxis: ints(1),
      flat: ints(1, -1),
      most: ints(40),
      count: ints(classes),
      two: ints(2),
      four: ints(1, 1, 4),
    },
    nodes: [
      ["Mul", ["images", "scale"], ["small"]],
      ["Conv", ["small", "wb"], ["cb"], { kernel_shape: [8, 8], strides: [8, 8] }],
      ["Conv", ["small", "wc"], ["cc"], { kernel_shape: [8, 8], strides: [8, 8] }],
      ["Reshape", ["cb", "toBoxes"], ["rb"]],
      ["Reshape", ["cc", "toScores"], ["rc"]],
      ["Transpose", ["rb"], ["tb"], { perm: [0, 2, 1] }],
      ["Transpose", ["rc"], ["logits"], { perm: [0, 2, 1] }],
      ["Sigmoid", ["tb"], ["pred_boxes"]],
      ["Split", ["pred_boxes", "twos"], ["centre", "size"], { axis: 2 }],
      ["Mul", ["size", "half"], ["halfSize"]],
      ["Sub", ["centre", "halfSize"], ["first"]],
      ["Add", ["centre", "halfSize"], ["last"]],
      ["Concat", ["first", "last"], ["corners"], { axis: 2 }],
      ["Tile", ["orig_target_sizes", "twice"], ["sizes"]],
      ["Unsqueeze", ["sizes", "middleAxis"], ["sizes1"]],
      ["Mul", ["corners", "sizes1"], ["scaled"]],
      ["Sigmoid", ["logits"], ["probabilities"]],
      ["Reshape", ["probabilities", "flat"], ["pairs"]],
      ["TopK", ["pairs", "most"], ["keptScores", "which"], { axis: 1 }],
      ["Mod", ["which", "count"], ["class"]],
      ["Cast", ["class"], ["labels"], { to: 1 }],
      ["Div", ["which", "count"], ["query"]],
      ["Unsqueeze", ["query", "two"], ["query1"]],
      ["Tile", ["query1", "four"], ["query4"]],
      ["GatherElements", ["scaled", "query4"], ["boxes"], { axis: 1 }],
    ],
    outputs: ["labels", "boxes", "keptScores"],
  }),
);

/** DETR's: a softmax without its last class, the best of it, and corners. */
export const detr = fileOf(
  { c: classes + 1, b: 4 },
  [
    ["Softmax", ["c"], ["probabilities"], { axis: 2 }],
    ["Slice", ["probabilities", "from", "to", "last"], ["own"]],
    ["ReduceMax", ["own"], ["keptScores"], { axes: [2], keepdims: 0 }],
    ["ArgMax", ["own"], ["class"], { axis: 2, keepdims: 0 }],
    ["Cast", ["class"], ["labels"], { to: 1 }],
    ["Sigmoid", ["b"], ["pred_boxes"]],
    ["Split", ["pred_boxes", "twos"], ["centre", "size"], { axis: 2 }],
    ["Mul", ["size", "half"], ["halfSize"]],
    ["Sub", ["centre", "halfSize"], ["first"]],
    ["Add", ["centre", "halfSize"], ["end"]],
    ["Concat", ["first", "end"], ["relative"], { axis: 2 }],
    ["Mul", ["relative", "pixels"], ["boxes"]],
  ],
  ["keptScores", "labels", "boxes"],
  side,
  { from: ints(0), to: ints(classes), last: ints(2), twos: ints(2, 2), half: scalar(0.5), pixels: scalar(side) },
);

/** A YOLO's rows, of which whole rows are gathered by what NonMaxSuppression kept of corners made of their centres. */
export const suppressedRows = fileOf(
  { ...parts, o: 1 },
  [
    ...corners,
    ["Add", ["first", "last"], ["sum"]],
    ["Mul", ["sum", "half"], ["centre"]],
    ["Sub", ["last", "first"], ["size"]],
    ["Sigmoid", ["o"], ["object"]],
    ["Concat", ["centre", "size", "object", "scores"], ["rows"], { axis: 2 }],
    ["Split", ["rows", "numbers"], ["xy", "wh", "objectness", "own"], { axis: 2 }],
    ["Mul", ["wh", "half"], ["halfSize"]],
    ["Sub", ["xy", "halfSize"], ["from"]],
    ["Add", ["xy", "halfSize"], ["to"]],
    ["Concat", ["from", "to"], ["given"], { axis: 2 }],
    ["Mul", ["objectness", "own"], ["product"]],
    ["ReduceMax", ["product"], ["best"], { axes: [2], keepdims: 0 }],
    ["Unsqueeze", ["best", "one"], ["givenScores"]],
    ["NonMaxSuppression", ["given", "givenScores", "perClass", "iou", "least"], ["kept"]],
    ["Gather", ["kept", "two"], ["which"], { axis: 1 }],
    ["Squeeze", ["which", "one"], ["keptRows"]],
    ["Gather", ["rows", "keptRows"], ["output0"], { axis: 1 }],
  ],
  ["output0"],
  side,
  { ...shared, ...limits, half: scalar(0.5), numbers: ints(2, 2, 1, classes), one: ints(1), two: ints(2) },
);

/** YOLOv10-seg: what stands behind the scores is gathered with the box, and prototypes stand in an output of their own. */
export const topMasks = fileOf(
  { ...parts, m: 8 },
  [
    ...corners,
    ["ReduceMax", ["scores"], ["best"], { axes: [2], keepdims: 0 }],
    ["TopK", ["best", "most"], ["score", "place"], { axis: 1 }],
    ["ArgMax", ["scores"], ["class"], { axis: 2, keepdims: 1 }],
    ["Unsqueeze", ["place", "two"], ["place1"]],
    ["Tile", ["place1", "four"], ["place4"]],
    ["Tile", ["place1", "eight"], ["place8"]],
    ["GatherElements", ["corners", "place4"], ["boxes"], { axis: 1 }],
    ["GatherElements", ["m", "place8"], ["coefficients"], { axis: 1 }],
    ["GatherElements", ["class", "place1"], ["labels"], { axis: 1 }],
    ["Cast", ["labels"], ["label"], { to: 1 }],
    ["Unsqueeze", ["score", "two"], ["score1"]],
    ["Concat", ["boxes", "score1", "label", "coefficients"], ["output0"], { axis: 2 }],
    ["Mul", ["x", "scale"], ["p.x"]],
    ["Conv", ["p.x", "p.w"], ["output1"], { kernel_shape: [4, 4], strides: [4, 4] }],
  ],
  ["output0", "output1"],
  side,
  {
    ...shared,
    most: ints(50),
    two: ints(2),
    four: ints(1, 1, 4),
    eight: ints(1, 1, 8),
    "p.w": randomFloats(randomIntegers(77), [8, 3, 4, 4]),
  },
);

/** Operators of TensorRT, which onnxruntime has not: the network in front of them is that of `suppressedByClass`. */
export const tensorRt = (op: "EfficientNMS_TRT" | "BatchedNMS_TRT"): Uint8Array =>
  fileOf(
    parts,
    [
      ...corners,
      ...(op === "BatchedNMS_TRT"
        ? ([["Unsqueeze", ["corners", "two"], ["each"]]] as Nodes)
        : ([["Identity", ["corners"], ["each"]]] as Nodes)),
      [
        op,
        ["each", "scores"],
        ["num_dets", "det_boxes", "det_scores", "det_classes"],
        op === "BatchedNMS_TRT"
          ? { scoreThreshold: 0.35, iouThreshold: 0.3, keepTopK: 100, backgroundLabelId: -1 }
          : { score_threshold: 0.35, iou_threshold: 0.3, max_output_boxes: 100, background_class: -1, box_coding: 0 },
      ],
    ],
    ["num_dets", "det_boxes", "det_scores", "det_classes"],
    side,
    { ...shared, two: ints(2) },
  );

/** Centres and sizes gathered first, corners made of what is left; the scores are picked before their sigmoid. */
export const queriesFirst = fileOf(
  parts,
  [
    ["Sigmoid", ["b"], ["pred_boxes"]],
    ["Flatten", ["c"], ["flat"], { axis: 1 }],
    ["TopK", ["flat", "most"], ["top", "which"], { axis: 1 }],
    ["Sigmoid", ["top"], ["keptScores"]],
    ["Mod", ["which", "count"], ["class"]],
    ["Cast", ["class"], ["labels"], { to: 1 }],
    ["Div", ["which", "count"], ["query"]],
    ["Unsqueeze", ["query", "two"], ["query1"]],
    ["Tile", ["query1", "four"], ["query4"]],
    ["GatherElements", ["pred_boxes", "query4"], ["own"], { axis: 1 }],
    ["Split", ["own", "twos"], ["centre", "size"], { axis: 2 }],
    ["Mul", ["size", "half"], ["halfSize"]],
    ["Sub", ["centre", "halfSize"], ["first"]],
    ["Add", ["centre", "halfSize"], ["end"]],
    ["Concat", ["first", "end"], ["relative"], { axis: 2 }],
    ["Mul", ["relative", "pixels"], ["boxes"]],
  ],
  ["keptScores", "labels", "boxes"],
  side,
  {
    most: ints(40),
    count: ints(classes),
    two: ints(2),
    four: ints(1, 1, 4),
    twos: ints(2, 2),
    half: scalar(0.5),
    pixels: scalar(side),
  },
);
