/** Small detectors of each family, with random weights: three maps of strides 8, 16 and 32 from one picture. */
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers } from "../graph/build";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];

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

function fileOf(
  parts: Readonly<Record<string, number>>,
  nodes: Nodes,
  outputs: readonly string[],
  side = 64,
): Uint8Array {
  const maps = Object.entries(parts).map(([name, channels]) => pyramid(name, channels));
  return writeOnnx(
    graphOf({
      inputs: { x: [1, 3, side, side] },
      constants: { scale: floats([], [0.1]), ...Object.assign({}, ...maps.map(({ constants }) => constants)) },
      nodes: [...maps.flatMap((map) => map.nodes), ...nodes],
      outputs,
    }),
  );
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

/** 100 rows of a box, a score and the number of a class. */
export const endToEnd = writeOnnx(
  graphOf({
    inputs: { x: [1, 3, 160, 160] },
    constants: {
      w: randomFloats(randomIntegers(5), [6, 3, 16, 16]),
      scale: floats([], [0.05]),
      to: ints(1, 6, 100),
      parts: ints(4, 1, 1),
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
      ["Exp", ["box"], ["corners"]],
      ["Concat", ["corners", "score", "class"], ["output0"], { axis: 2 }],
    ],
    outputs: ["output0"],
  }),
);
