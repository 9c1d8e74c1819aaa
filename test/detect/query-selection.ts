/**
 * Small networks as RT-DETR, DINO and Deformable DETR of two stages are exported: the places of two maps are scored, TopK picks the best
 * as queries, and a decoder looks at the maps around them by GridSample.
 */
import { Constant } from "../../src/graph/ir";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";
import type { Nodes } from "./networks";

/** How what TopK picked is looked up. */
type Way =
  /** PyTorch's gather: GatherElements of repeated places. */
  | "elements"
  /** Indexing by two lists: GatherND of pairs, and Gather of the priors, which are constant. */
  | "pairs"
  /** The best pairs of place and class; the place is the quotient of integers. */
  | "quotient";

const [side, channels, classes, queries, points] = [64, 16, 3, 6, 4];
const maps = [
  { stride: 8, columns: 8 },
  { stride: 16, columns: 4 },
] as const;
const places = maps.reduce((sum, { columns }) => sum + columns ** 2, 0);

const lookups: Readonly<Record<Way, Nodes>> = {
  elements: [
    ["ReduceMax", ["encoderScores"], ["best"], { axes: [2], keepdims: 0 }],
    ["TopK", ["best", "queries"], ["bestScores", "place"], { axis: 1 }],
    ["Unsqueeze", ["place", "two"], ["place1"]],
    ["Tile", ["place1", "timesChannels"], ["placeOfTokens"]],
    ["Tile", ["place1", "timesFour"], ["placeOfBoxes"]],
    ["GatherElements", ["tokens", "placeOfTokens"], ["target"], { axis: 1 }],
    ["GatherElements", ["encoderBoxes", "placeOfBoxes"], ["reference"], { axis: 1 }],
  ],
  pairs: [
    ["ReduceMax", ["encoderScores"], ["best"], { axes: [2], keepdims: 0 }],
    ["TopK", ["best", "queries"], ["bestScores", "place"], { axis: 1 }],
    ["Reshape", ["place", "flat"], ["which"]],
    ["Unsqueeze", ["which", "one"], ["which1"]],
    ["Concat", ["zeros", "which1"], ["pairs"], { axis: 1 }],
    ["GatherND", ["tokens", "pairs"], ["targetRows"]],
    ["Unsqueeze", ["targetRows", "zero"], ["target"]],
    ["Gather", ["priors", "which"], ["ownPriors"], { axis: 1 }],
    ["GatherND", ["encoderOffsets", "pairs"], ["offsetRows"]],
    ["Add", ["offsetRows", "ownPriors"], ["reference"]],
  ],
  quotient: [
    ["Reshape", ["encoderScores", "asOneRow"], ["scoresOfPairs"]],
    ["TopK", ["scoresOfPairs", "queries"], ["bestScores", "pair"], { axis: 1 }],
    ["Div", ["pair", "classes"], ["place"]],
    ["Unsqueeze", ["place", "two"], ["place1"]],
    ["Expand", ["place1", "queryChannels"], ["placeOfTokens"]],
    ["Expand", ["place1", "queryFour"], ["placeOfBoxes"]],
    ["GatherElements", ["tokens", "placeOfTokens"], ["target"], { axis: 1 }],
    ["GatherElements", ["encoderBoxes", "placeOfBoxes"], ["reference"], { axis: 1 }],
  ],
};

/** What files that are deployed end in: the best pairs of query and class, and their corners in pixels. */
const picking: Nodes = [
  ["Sigmoid", ["logits"], ["probabilities"]],
  ["Reshape", ["probabilities", "asOneRow"], ["finalPairs"]],
  ["TopK", ["finalPairs", "most"], ["keptScores", "finalPair"], { axis: 1 }],
  ["Mod", ["finalPair", "classes"], ["labels"]],
  ["Div", ["finalPair", "classes"], ["finalQuery"]],
  ["Unsqueeze", ["finalQuery", "two"], ["finalQuery1"]],
  ["Tile", ["finalQuery1", "timesFour"], ["finalQuery4"]],
  ["Split", ["pred_boxes", "pairsOfTwo"], ["finalCentre", "finalSize"], { axis: 2 }],
  ["Mul", ["finalSize", "half"], ["finalHalf"]],
  ["Sub", ["finalCentre", "finalHalf"], ["first"]],
  ["Add", ["finalCentre", "finalHalf"], ["last"]],
  ["Concat", ["first", "last"], ["corners"], { axis: 2 }],
  ["Mul", ["corners", "pixels"], ["inPixels"]],
  ["GatherElements", ["inPixels", "finalQuery4"], ["boxes"], { axis: 1 }],
];

/** Logits and boxes of the queries; with `picks` the best of them as corners in pixels, by another TopK. */
export function querySelection(way: Way, { picks = false } = {}): Uint8Array {
  const random = randomIntegers(7);
  const scaled = (shape: readonly number[], by: number) =>
    floats(
      shape,
      randomFloats(random, shape)
        .floats()
        .map((value) => value * by),
    );
  const weight = (inputs: number, outputs: number, by = 1) => scaled([inputs, outputs], by / Math.sqrt(inputs));
  const priors = maps.flatMap(({ columns }) =>
    Array.from({ length: columns ** 2 }, (_, i) =>
      [((i % columns) + 0.5) / columns, (Math.floor(i / columns) + 0.5) / columns, 1.5 / columns, 1.5 / columns].map(
        (share) => Math.log(share / (1 - share)),
      ),
    ).flat(),
  );
  const backbone = maps.flatMap(
    ({ stride, columns }): Nodes => [
      [
        "Conv",
        ["small", `conv${stride}`, `bias${stride}`],
        [`c${stride}`],
        { kernel_shape: [stride, stride], strides: [stride, stride] },
      ],
      ["Relu", [`c${stride}`], [`map${stride}`]],
      ["Reshape", [`map${stride}`, "asColumns"], [`columns${columns}`]],
    ],
  );
  const attention = maps.flatMap(
    ({ columns }, i): Nodes => [
      ["MatMul", ["target", `offset${i}`], [`offsets${i}`]],
      ["Tanh", [`offsets${i}`], [`bounded${i}`]],
      ["Reshape", [`bounded${i}`, "asPoints"], [`points${i}`]],
      ["Mul", [`points${i}`, "halfSize"], [`moved${i}`]],
      ["Add", [`moved${i}`, "centre1"], [`locations${i}`]],
      ["Mul", [`locations${i}`, "twice"], [`doubled${i}`]],
      ["Sub", [`doubled${i}`, "unit"], [`grid${i}`]],
      ["GridSample", [`map${maps[i].stride}`, `grid${i}`], [`seen${i}`], { padding_mode: "zeros", align_corners: 0 }],
      ["Mul", [`seen${i}`, `weights${i}`], [`weighed${i}`]],
      ["ReduceSum", [`weighed${i}`, "three"], [`level${columns}`], { keepdims: 0 }],
    ],
  );
  const nodes: Nodes = [
    ["Mul", ["x", "scale"], ["small"]],
    ...backbone,
    ["Concat", ["columns8", "columns4"], ["columns"], { axis: 2 }],
    ["Transpose", ["columns"], ["memory"], { perm: [0, 2, 1] }],
    ["MatMul", ["memory", "project"], ["projected"]],
    ["LayerNormalization", ["projected", "gain", "shift"], ["tokens"], { axis: -1 }],
    ["MatMul", ["tokens", "score"], ["encoderScores"]],
    ["MatMul", ["tokens", "offset"], ["encoderOffsets"]],
    ["Add", ["encoderOffsets", "priors"], ["encoderBoxes"]],
    ...lookups[way],
    ["Sigmoid", ["reference"], ["shares"]],
    ["Split", ["shares", "pairsOfTwo"], ["centre", "size"], { axis: 2 }],
    ["Unsqueeze", ["centre", "two"], ["centre1"]],
    ["Mul", ["size", "half"], ["halfOfSize"]],
    ["Unsqueeze", ["halfOfSize", "two"], ["halfSize"]],
    ["MatMul", ["target", "attend"], ["attended"]],
    ["Softmax", ["attended"], ["attention"], { axis: 2 }],
    ["Unsqueeze", ["attention", "one"], ["attention1"]],
    ["Split", ["attention1", "pointsOfTwo"], ["weights0", "weights1"], { axis: 3 }],
    ...attention,
    ["Add", ["level8", "level4"], ["bothLevels"]],
    ["Transpose", ["bothLevels"], ["seen"], { perm: [0, 2, 1] }],
    ["MatMul", ["seen", "out"], ["looked"]],
    ["Add", ["target", "looked"], ["sum"]],
    ["LayerNormalization", ["sum", "gain", "shift"], ["decoded"], { axis: -1 }],
    ["MatMul", ["decoded", "class"], ["logits"]],
    ["MatMul", ["decoded", "refine"], ["refined"]],
    ["Add", ["refined", "reference"], ["unbounded"]],
    ["Sigmoid", ["unbounded"], ["pred_boxes"]],
    ...(picks ? picking : []),
  ];
  return writeOnnx(
    graphOf({
      inputs: { x: [1, 3, side, side] },
      outputs: picks ? ["labels", "boxes", "keptScores"] : ["logits", "pred_boxes"],
      constants: {
        scale: floats([], [0.3]),
        ...Object.fromEntries(
          maps.flatMap(({ stride }) => [
            [`conv${stride}`, scaled([channels, 3, stride, stride], 8 / stride)],
            [`bias${stride}`, randomFloats(random, [channels])],
          ]),
        ),
        project: weight(channels, channels, 2),
        gain: floats(
          [channels],
          Array.from({ length: channels }, (_, i) => 0.8 + (i % 5) / 10),
        ),
        shift: randomFloats(random, [channels]),
        score: weight(channels, classes, 2),
        offset: weight(channels, 4),
        priors: floats([1, places, 4], priors),
        offset0: weight(channels, 2 * points, 2),
        offset1: weight(channels, 2 * points, 2),
        attend: weight(channels, 2 * points),
        out: weight(channels, channels, 2),
        class: weight(channels, classes, 3),
        refine: weight(channels, 4),
        asColumns: ints(1, channels, -1),
        asPoints: ints(1, queries, points, 2),
        asOneRow: ints(1, -1),
        flat: ints(-1),
        queries: ints(queries),
        classes: ints(classes),
        zero: ints(0),
        one: ints(1),
        two: ints(2),
        three: ints(3),
        timesChannels: ints(1, 1, channels),
        timesFour: ints(1, 1, 4),
        queryChannels: ints(1, queries, channels),
        queryFour: ints(1, queries, 4),
        zeros: Constant.fromNumbers("int", new Array<number>(queries).fill(0), [queries, 1]),
        pairsOfTwo: ints(2, 2),
        pointsOfTwo: ints(points, points),
        half: floats([], [0.5]),
        twice: floats([], [2]),
        unit: floats([], [1]),
        most: ints(queries),
        pixels: floats([], [side]),
      },
      nodes,
    }),
  );
}
