/** Small detectors of each family, with random weights: three maps of strides 8, 16 and 32 from one picture. */
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";

export type Nodes = Parameters<typeof graphOf>[0]["nodes"];

const strides = [8, 16, 32] as const;

/** Candidates as `[1, N, channels]`, from a convolution per map. */
function pyramid(
  name: string,
  channels: number,
): { nodes: Nodes; constants: Parameters<typeof graphOf>[0]["constants"] } {
  const random = randomIntegers(channels + name.length);
  return {
    constants: {
      [`${name}.to`]: ints(1, channels, -1),
      ...Object.fromEntries(strides.map((s) => [`${name}.w${s}`, randomFloats(random, [channels, 3, s, s])])),
      ...Object.fromEntries(strides.map((s) => [`${name}.b${s}`, randomFloats(random, [channels])])),
    },
    nodes: [
      ...strides.flatMap(
        (s): Nodes => [
          ["Mul", ["x", "scale"], [`${name}.x${s}`]],
          [
            "Conv",
            [`${name}.x${s}`, `${name}.w${s}`, `${name}.b${s}`],
            [`${name}.c${s}`],
            { kernel_shape: [s, s], strides: [s, s] },
          ],
          ["Reshape", [`${name}.c${s}`, `${name}.to`], [`${name}.r${s}`]],
        ],
      ),
      ["Concat", strides.map((s) => `${name}.r${s}`), [`${name}.columns`], { axis: 2 }],
      ["Transpose", [`${name}.columns`], [name], { perm: [0, 2, 1] }],
    ],
  };
}

export function fileOf(
  parts: Readonly<Record<string, number>>,
  nodes: Nodes,
  outputs: readonly string[],
  side = 64,
  more: Parameters<typeof graphOf>[0]["constants"] = {},
): Uint8Array {
  return writeOnnx(graphFor(parts, nodes, outputs, side, more));
}

function graphFor(
  parts: Readonly<Record<string, number>>,
  nodes: Nodes,
  outputs: readonly string[],
  side = 64,
  more: Parameters<typeof graphOf>[0]["constants"] = {},
): ReturnType<typeof graphOf> {
  const maps = Object.entries(parts).map(([name, channels]) => pyramid(name, channels));
  return graphOf({
    inputs: { x: [1, 3, side, side] },
    constants: { scale: floats([], [0.1]), ...more, ...Object.assign({}, ...maps.map(({ constants }) => constants)) },
    nodes: [...maps.flatMap((map) => map.nodes), ...nodes],
    outputs,
  });
}

/** Boxes as exponentials, classes as sigmoids: `[1, 4 + 3, N]`, and with what masks take behind. */
export const yoloV8 = (masks: number): Uint8Array =>
  fileOf(
    { b: 4, c: 3, ...(masks > 0 && { m: masks }) },
    [
      ["Exp", ["b"], ["box"]],
      ["Sigmoid", ["c"], ["scores"]],
      ["Concat", ["box", "scores", ...(masks > 0 ? ["m"] : [])], ["rows"], { axis: 2 }],
      ["Transpose", ["rows"], ["output0"], { perm: [0, 2, 1] }],
    ],
    ["output0"],
  );

/** -seg: coefficients behind the classes, and eight prototypes of a quarter of the picture's side that go through x · σ(x). */
export const segGraph = graphFor(
  { b: 4, c: 3, m: 8 },
  [
    ["Exp", ["b"], ["box"]],
    ["Sigmoid", ["c"], ["scores"]],
    ["Concat", ["box", "scores", "m"], ["rows"], { axis: 2 }],
    ["Transpose", ["rows"], ["output0"], { perm: [0, 2, 1] }],
    ["Mul", ["x", "scale"], ["p.x"]],
    ["Conv", ["p.x", "p.w", "p.b"], ["p.c"], { kernel_shape: [4, 4], strides: [4, 4] }],
    ["Sigmoid", ["p.c"], ["p.s"]],
    ["Mul", ["p.c", "p.s"], ["output1"]],
  ],
  ["output0", "output1"],
  64,
  {
    "p.w": randomFloats(randomIntegers(77), [8, 3, 4, 4]),
    "p.b": randomFloats(randomIntegers(78), [8]),
  },
);

export const yolox = fileOf(
  { b: 4, o: 1, c: 3 },
  [
    ["Sigmoid", ["o"], ["object"]],
    ["Sigmoid", ["c"], ["scores"]],
    ["Concat", ["b", "object", "scores"], ["output"], { axis: 2 }],
  ],
  ["output"],
);

export const nanodet = fileOf(
  { c: 3, d: 32 },
  [
    ["Sigmoid", ["c"], ["scores"]],
    ["Concat", ["scores", "d"], ["output"], { axis: 2 }],
  ],
  ["output"],
);

export const detr = fileOf(
  { c: 4, b: 4 },
  [
    ["Identity", ["c"], ["logits"]],
    ["Sigmoid", ["b"], ["pred_boxes"]],
  ],
  ["logits", "pred_boxes"],
);

/** The same with so many places that the scores are sigmoids. */
export const rtDetr = fileOf(
  { c: 3, b: 4 },
  [
    ["Identity", ["c"], ["logits"]],
    ["Sigmoid", ["b"], ["pred_boxes"]],
  ],
  ["logits", "pred_boxes"],
  128,
);

/**
 * 100 rows of a box, a score and the number of a class. Centres are far from the
 * corner, as most are.
 */
const rowsKept = (writing: "corners" | "centres" | "mixed"): Uint8Array =>
  writeOnnx(
    graphOf({
      inputs: { x: [1, 3, 160, 160] },
      constants: {
        w: randomFloats(randomIntegers(5), [6, 3, 16, 16]),
        scale: floats([], [0.05]),
        to: ints(1, 6, 100),
        parts: ints(4, 1, 1),
        pairs: ints(2, 2),
        far: floats([], [40]),
        third: floats([], [0.33]),
        three: floats([], [2]),
      },
      nodes: [
        ["Mul", ["x", "scale"], ["y"]],
        ["Conv", ["y", "w"], ["c"], { kernel_shape: [16, 16], strides: [16, 16] }],
        ["Reshape", ["c", "to"], ["columns"]],
        ["Transpose", ["columns"], ["rows"], { perm: [0, 2, 1] }],
        ["Split", ["rows", "parts"], ["box", "s", "n"], { axis: 2 }],
        ["Sigmoid", ["s"], ["score"]],
        ["Sigmoid", ["n"], ["share"]],
        ["Mul", ["share", "three"], ["class"]],
        ["Exp", ["box"], ["numbers"]],
        ["Split", ["numbers", "pairs"], ["first", "size"], { axis: 2 }],
        ["Add", ["first", "size"], ["last"]],
        ["Mul", ["first", "far"], ["middle"]],
        ...(writing === "corners"
          ? ([["Concat", ["first", "last", "score", "class"], ["output0"], { axis: 2 }]] as Nodes)
          : writing === "mixed"
            ? ([
                ["Mul", ["first", "third"], ["nearer"]],
                ["Concat", ["nearer", "size", "score", "class"], ["output0"], { axis: 2 }],
              ] as Nodes)
            : ([["Concat", ["middle", "size", "score", "class"], ["output0"], { axis: 2 }]] as Nodes)),
      ],
      outputs: ["output0"],
    }),
  );

export const endToEnd = rowsKept("corners");
export const endToEndCentres = rowsKept("centres");
/** Some of the rows would be inside out as corners. */
export const endToEndMixed = rowsKept("mixed");

/** A map `[1, channels, h, w]` of a convolution over squares of the picture. */
function mapNodes(name: string, channels: number, stride: number) {
  const random = randomIntegers(channels + stride + name.length);
  return {
    constants: {
      [`${name}.w`]: randomFloats(random, [channels, 3, stride, stride]),
      [`${name}.b`]: randomFloats(random, [channels]),
    },
    nodes: [
      ["Mul", ["x", "scale"], [`${name}.x`]],
      [
        "Conv",
        [`${name}.x`, `${name}.w`, `${name}.b`],
        [name],
        { kernel_shape: [stride, stride], strides: [stride, stride] },
      ],
    ] as Nodes,
  };
}

function fileOfMaps(
  maps: readonly (readonly [name: string, channels: number, stride: number])[],
  side: number,
  nodes: Nodes,
  outputs: readonly string[],
  more: Parameters<typeof graphOf>[0]["constants"] = {},
): Uint8Array {
  const made = maps.map((map) => mapNodes(...map));
  return writeOnnx(
    graphOf({
      inputs: { x: [1, 3, side, side] },
      constants: { scale: floats([], [0.1]), ...more, ...Object.assign({}, ...made.map(({ constants }) => constants)) },
      nodes: [...made.flatMap((map) => map.nodes), ...nodes],
      outputs,
    }),
  );
}

/** Three scales of three priors with five numbers and three classes, `[1, 24, h, w]`. */
export const rawYolo = fileOfMaps(
  [
    ["p8", 24, 8],
    ["p16", 24, 16],
    ["p32", 24, 32],
  ],
  64,
  [],
  // Not in the order of their sizes.
  ["p32", "p8", "p16"],
);

/** The same split by priors, `[1, 3, h, w, 8]`, through a sigmoid. */
export const splitYolo = fileOfMaps(
  [
    ["c8", 24, 8],
    ["c16", 24, 16],
    ["c32", 24, 32],
  ],
  64,
  [8, 16, 32].flatMap(
    (s): Nodes => [
      ["Reshape", [`c${s}`, `to${s}`], [`r${s}`]],
      ["Transpose", [`r${s}`], [`t${s}`], { perm: [0, 1, 3, 4, 2] }],
      ["Sigmoid", [`t${s}`], [`p${s}`]],
    ],
  ),
  ["p8", "p16", "p32"],
  { to8: ints(1, 3, 8, 8, 8), to16: ints(1, 3, 8, 4, 4), to32: ints(1, 3, 8, 2, 2) },
);

const scalesOf = (name: string, channels: number) => [8, 16, 32].map((s) => [`${name}${s}`, channels, s] as const);

/** YOLOv8 without its decoding: of each scale sixteen distances for each side, and behind them three classes, `[1, 67, h, w]`. */
export const rawYoloV8 = fileOfMaps(
  [...scalesOf("d", 64), ...scalesOf("c", 3)],
  64,
  [8, 16, 32].map((s): Nodes[number] => ["Concat", [`d${s}`, `c${s}`], [`p${s}`], { axis: 1 }]),
  ["p16", "p8", "p32"],
);

/** The same as accelerators take it: distances beside sigmoids and their sum, of each scale; of -seg coefficients and prototypes too. */
export const rawYoloV8Pairs = (masks: number): Uint8Array =>
  fileOfMaps(
    [
      ...scalesOf("d", 64),
      ...scalesOf("c", 3),
      ...(masks > 0 ? [...scalesOf("m", masks), ["proto", masks, 4] as const] : []),
    ],
    64,
    [8, 16, 32].flatMap(
      (s): Nodes => [
        ["Sigmoid", [`c${s}`], [`s${s}`]],
        ["ReduceSum", [`s${s}`, "channels"], [`sum${s}`], { keepdims: 1 }],
      ],
    ),
    [8, 16, 32]
      .flatMap((s) => [`d${s}`, `s${s}`, `sum${s}`, ...(masks > 0 ? [`m${s}`] : [])])
      .concat(masks > 0 ? ["proto"] : []),
    { channels: ints(1) },
  );

/** Heat of three classes beside sizes and offsets, at a quarter of the picture. */
export const centernet = fileOfMaps(
  [
    ["h", 3, 4],
    ["s", 2, 4],
    ["reg", 2, 4],
  ],
  64,
  [
    ["Sigmoid", ["h"], ["hm"]],
    ["Exp", ["s"], ["wh"]],
  ],
  ["hm", "wh", "reg"],
);

/** MediaPipe's places at 128×128: two priors each of 8 pixels, six of 16. */
const blazeFaceOf = (side: number, near: number, far: number): Uint8Array =>
  fileOfMaps(
    [
      ["b8", 32, near],
      ["b16", 96, far],
      ["s8", 2, near],
      ["s16", 6, far],
    ],
    side,
    [
      ...["b8", "b16", "s8", "s16"].flatMap(
        (name): Nodes => [
          ["Transpose", [name], [`${name}.t`], { perm: [0, 2, 3, 1] }],
          ["Reshape", [`${name}.t`, name.startsWith("b") ? "toBoxes" : "toScores"], [`${name}.r`]],
        ],
      ),
      ["Concat", ["b8.r", "b16.r"], ["shift"], { axis: 1 }],
      ["Add", ["shift", "ten"], ["regressors"]],
      ["Concat", ["s8.r", "s16.r"], ["classificators"], { axis: 1 }],
    ],
    ["regressors", "classificators"],
    { toBoxes: ints(1, -1, 16), toScores: ints(1, -1, 1), ten: floats([], [10]) },
  );

export const blazeFace = blazeFaceOf(128, 8, 16);

/** The back camera's places at 256×256, twice as far apart. */
export const backCamera = blazeFaceOf(256, 16, 32);

/** The first places in a picture of another size. */
export const smallBlazeFace = blazeFaceOf(64, 8, 16);

/** Offsets, a softmax and five points of two priors a place. */
export const retinaFace = fileOf(
  { b: 8, c: 4, p: 20 },
  [
    ["Reshape", ["b", "toBoxes"], ["loc"]],
    ["Reshape", ["c", "toScores"], ["c2"]],
    ["Softmax", ["c2"], ["conf"], { axis: 2 }],
    ["Reshape", ["p", "toPoints"], ["landms"]],
  ],
  ["loc", "landms", "conf", "c2"],
  64,
  { toBoxes: ints(1, -1, 4), toScores: ints(1, -1, 2), toPoints: ints(1, -1, 10) },
);

/** YOLOv8-pose: one class, four key points of x, y and whether they are seen, in pixels. */
export const yoloPose = fileOf(
  { b: 4, c: 1, k: 8, v: 4 },
  [
    ["Exp", ["b"], ["box"]],
    ["Sigmoid", ["c"], ["scores"]],
    ["Sigmoid", ["v"], ["seen"]],
    ["Reshape", ["k", "pairs"], ["k2"]],
    ["Reshape", ["seen", "single"], ["v2"]],
    ["Concat", ["k2", "v2"], ["k3"], { axis: 3 }],
    ["Reshape", ["k3", "flat"], ["points"]],
    ["Concat", ["box", "scores", "points"], ["rows"], { axis: 2 }],
    ["Transpose", ["rows"], ["output0"], { perm: [0, 2, 1] }],
  ],
  ["output0"],
  64,
  { pairs: ints(1, 84, 4, 2), single: ints(1, 84, 4, 1), flat: ints(1, 84, 12) },
);

/** YOLOv5 with its decoding: centre and size, objectness, classes. */
export const yoloV5 = fileOf(
  { b: 4, o: 1, c: 3 },
  [
    ["Exp", ["b"], ["box"]],
    ["Sigmoid", ["o"], ["object"]],
    ["Sigmoid", ["c"], ["scores"]],
    ["Concat", ["box", "object", "scores"], ["output"], { axis: 2 }],
  ],
  ["output"],
);

/** YOLOv8 and v11 as ultralytics exports them: of each side a softmax over sixteen distances, its mean, centre and size in pixels. */
export const yoloV11 = fileOf(
  { d: 64, c: 3 },
  [
    ["Reshape", ["d", "bySide"], ["sides"]],
    ["Softmax", ["sides"], ["shares"], { axis: 3 }],
    ["Mul", ["shares", "far"], ["parts"]],
    ["ReduceSum", ["parts", "last"], ["distances"], { keepdims: 0 }],
    ["Split", ["distances", "twos"], ["before", "after"], { axis: 2 }],
    ["Sub", ["places", "before"], ["from"]],
    ["Add", ["places", "after"], ["to"]],
    ["Add", ["from", "to"], ["sum"]],
    ["Mul", ["sum", "half"], ["centre"]],
    ["Sub", ["to", "from"], ["size"]],
    ["Concat", ["centre", "size"], ["own"], { axis: 2 }],
    ["Mul", ["own", "strides"], ["box"]],
    ["Sigmoid", ["c"], ["scores"]],
    ["Concat", ["box", "scores"], ["rows"], { axis: 2 }],
    ["Transpose", ["rows"], ["output0"], { perm: [0, 2, 1] }],
  ],
  ["output0"],
  64,
  {
    bySide: ints(1, 84, 4, 16),
    far: floats([16], [...Array(16).keys()]),
    last: ints(3),
    twos: ints(2, 2),
    half: floats([], [0.5]),
    places: floats(
      [1, 84, 2],
      strides.flatMap((s) =>
        Array.from({ length: (64 / s) ** 2 }, (_, i) => [(i % (64 / s)) + 0.5, Math.floor(i / (64 / s)) + 0.5]).flat(),
      ),
    ),
    strides: floats(
      [1, 84, 1],
      strides.flatMap((s) => Array<number>((64 / s) ** 2).fill(s)),
    ),
  },
);

/** FastestDet: an objectness, four numbers of a box and a softmax at each place of one map. */
export const fastestDet = fileOfMaps(
  [
    ["o", 1, 8],
    ["b", 4, 8],
    ["c", 3, 8],
  ],
  64,
  [
    ["Sigmoid", ["o"], ["object"]],
    ["Softmax", ["c"], ["shares"], { axis: 1 }],
    ["Concat", ["object", "b", "shares"], ["output"], { axis: 1 }],
  ],
  ["output"],
);

/** UltraFace without the decoding of its priors: three, two, two and three at each place of four maps. */
const ultraFaceOf = (side: number): Uint8Array =>
  fileOfMaps(
    [
      ...[8, 16, 32, 64].map((s, i) => [`b${s}`, [12, 8, 8, 12][i], s] as const),
      ...[8, 16, 32, 64].map((s, i) => [`c${s}`, [6, 4, 4, 6][i], s] as const),
    ],
    side,
    [
      ...["b", "c"].flatMap(
        (kind): Nodes => [
          ...[8, 16, 32, 64].flatMap(
            (s): Nodes => [
              ["Transpose", [`${kind}${s}`], [`${kind}${s}.t`], { perm: [0, 2, 3, 1] }],
              ["Reshape", [`${kind}${s}.t`, kind === "b" ? "toBoxes" : "toScores"], [`${kind}${s}.r`]],
            ],
          ),
          ["Concat", [8, 16, 32, 64].map((s) => `${kind}${s}.r`), [kind === "b" ? "boxes" : "c"], { axis: 1 }],
        ],
      ),
      ["Softmax", ["c"], ["scores"], { axis: 2 }],
    ],
    ["scores", "boxes", "c"],
    { toBoxes: ints(1, -1, 4), toScores: ints(1, -1, 2) },
  );

export const ultraFace = ultraFaceOf(64);

/** The same of a larger picture. */
export const largeUltraFace = ultraFaceOf(128);
