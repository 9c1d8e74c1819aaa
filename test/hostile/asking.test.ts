/**
 * Small files that ask for much: huge extents written in constants, lists place by place, arithmetic that grows. Each is a typed error
 * or a result, soon and in little memory.
 */
import { describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import * as library from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf } from "../graph/build";
import { type GraphParts, onnxFile } from "../onnx/protobuf";
import { liteFile, type OperatorSpec, type TensorSpec } from "../tflite/lite-file";

/** Milliseconds of processor time that one file may take, and bytes that it may add. */
const slowest = 8000;
const mostBytes = 400 * 2 ** 20;
const maxMemory = 256 * 2 ** 20;

const ints = (values: readonly number[], shape: readonly number[] = [values.length]): Constant =>
  Constant.fromNumbers("int", values, shape);
const onnx = (parts: Parameters<typeof graphOf>[0]) => (): Uint8Array => writeOnnx(graphOf(parts));
const x = { x: [1, 2, 4, 4] };
const pads = (...list: number[]): { p: Constant } => ({ p: ints(list) });
const again = (count: number, step: (from: string, to: string) => Parameters<typeof graphOf>[0]["nodes"][number]) =>
  Array.from({ length: count }, (_, i) => step(i === 0 ? "x" : `v${i}`, i === count - 1 ? "y" : `v${i + 1}`));

/** A TensorFlow Lite file: a picture 4×4, or what `input` says, through operators to "y". */
function lite(constants: readonly TensorSpec[], operators: readonly OperatorSpec[], input = [1, 4, 4, 1]) {
  const known = new Set(["x", ...constants.map(({ name }) => name)]);
  const between = [...new Set(operators.flatMap(({ outputs }) => outputs))].filter((name) => !known.has(name));
  return (): Uint8Array =>
    liteFile({
      tensors: [{ name: "x", shape: input }, ...constants, ...between.map((name) => ({ name, shape: [] }))],
      operators,
      inputs: ["x"],
      outputs: ["y"],
    });
}
const wholes = (name: string, list: readonly number[], shape = [list.length]): TensorSpec => ({
  ...{ name, shape, type: "int32" },
  data: Int32Array.from(list),
});
const number: TensorSpec = { name: "v", shape: [], data: Float32Array.of(1) };
const added = (what: string): OperatorSpec => ({ op: "ADD", inputs: ["x", what], outputs: ["y"] });
const filled = (i: number): OperatorSpec[] => [
  { op: "FILL", inputs: ["d", "v"], outputs: [`f${i}`] },
  { op: "ADD", inputs: [i === 0 ? "x" : `a${i}`, `f${i}`], outputs: [i === 39 ? "y" : `a${i + 1}`] },
];

type TfNode = readonly [op: string, inputs: readonly string[], attr?: Readonly<Record<string, unknown>>];

/** A TensorFlow.js model: an image of this shape through operators of which the last is the output, lists of whole numbers by their names. */
function tensorflow(
  extents: readonly number[],
  lists: Readonly<Record<string, readonly number[]>>,
  nodes: readonly TfNode[],
) {
  return (): library.ModelFiles => {
    const types = { T: { type: "DT_FLOAT" } };
    const dim = extents.map((extent) => ({ size: String(extent) }));
    const node = [
      { name: "x", op: "Placeholder", input: [], attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim } } } },
      ...Object.keys(lists).map((name) => ({ name, op: "Const", input: [], attr: { dtype: { type: "DT_INT32" } } })),
      ...nodes.map(([op, input, attr], i) => ({ name: `n${i}`, op, input, attr: { ...types, ...attr } })),
    ];
    const weights = Object.entries(lists).map(([name, list]) => ({ name, dtype: "int32", shape: [list.length] }));
    const model = { format: "graph-model", modelTopology: { node }, weightsManifest: [{ paths: ["w.bin"], weights }] };
    const data = Int32Array.from(Object.values(lists).flat());
    return {
      "model.json": new TextEncoder().encode(JSON.stringify(model)),
      "w.bin": new Uint8Array(data.buffer),
    };
  };
}
const toFloat = { SrcT: { type: "DT_INT32" }, DstT: { type: "DT_FLOAT" } };

/** Loops inside of one another, each of a thousand rounds. */
function loopsInside(depth: number): Uint8Array {
  const loop = (body: GraphParts, value: string, output: string) => ({
    ...{ op: "Loop", inputs: ["count", "yes", value], outputs: [output], attributes: { body } },
  });
  const inputs = { i: [7, []], going: [9, []], v: [1, [1, 4]] } as const;
  let body: GraphParts = { inputs, nodes: [{ op: "Neg", inputs: ["v"], outputs: ["r"] }], outputs: ["going", "r"] };
  for (let i = 1; i < depth; i++) body = { inputs, nodes: [loop(body, "v", "r")], outputs: ["going", "r"] };
  return onnxFile({
    ...{ inputs: { x: [1, 4] }, outputs: { y: [1, 4] }, nodes: [loop(body, "x", "y")] },
    tensors: [
      { name: "count", type: 7, dims: [], raw: new Uint8Array(BigInt64Array.of(1000n).buffer) },
      { name: "yes", type: 9, dims: [], raw: Uint8Array.of(1) },
    ],
  });
}

/** Keeps every second element, and the others' opposites. */
const alternating = (length: number) =>
  onnx({
    inputs: { x: [1, length] },
    constants: { a: floats([], [0]), l: floats([], [length]), one: floats([], [1]), two: floats([], [2]) },
    nodes: [
      ["Range", ["a", "l", "one"], ["r"]],
      ["Mod", ["r", "two"], ["m"], { fmod: 1 }],
      ["Equal", ["m", "one"], ["c"]],
      ["Neg", ["x"], ["n"]],
      ["Where", ["c", "x", "n"], ["y"]],
    ],
  });

/** A file, and how its refusal begins; where nothing is said it may also run. */
type Case = readonly [make: () => Uint8Array | library.ModelFiles, refusal?: RegExp];

const cases: Readonly<Record<string, Case>> = {
  "a region of a picture without end": [
    onnx({
      inputs: x,
      constants: { r: floats([8], [0, 0, 0, 0, 1, 1, 0.9, 0.9]), s: ints([1, 2, 2 ** 22, 2 ** 22]) },
      nodes: [
        [
          "Resize",
          ["x", "r", "", "s"],
          ["y"],
          { coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 3 },
        ],
      ],
    }),
    /The result of Resize "y" has too many elements/,
  ],
  "channels without end": [
    onnx({
      inputs: x,
      constants: { r: floats([8], [0, 0, 0, 0, 1, 0.5, 0.9, 0.9]), s: ints([1, 2 ** 27, 2, 2]) },
      nodes: [
        [
          "Resize",
          ["x", "r", "", "s"],
          ["y"],
          { coordinate_transformation_mode: "tf_crop_and_resize", extrapolation_value: 3 },
        ],
      ],
    }),
    /Resize "y": 134,217,728 places would be listed/,
  ],
  "a long axis that is resized to one place": [
    onnx({
      inputs: { x: [1, 1, 1, 2 ** 28] },
      constants: { s: ints([1, 1, 1, 1]) },
      nodes: [["Resize", ["x", "", "", "s"], ["y"], { mode: "linear", antialias: 1 }]],
      opset: 18,
    }),
    /Resize "y": 268,435,456 places would be listed/,
  ],
  "a long axis beside a resized one": [
    onnx({
      inputs: { x: [1, 1, 2 ** 28, 1] },
      constants: { s: ints([1, 1, 2 ** 28, 2]) },
      nodes: [["Resize", ["x", "", "", "s"], ["y"], { mode: "linear" }]],
      opset: 18,
    }),
    /Resize "y": 268,435,456 places would be listed/,
  ],
  "an edge without end": [
    onnx({
      inputs: { x: [1, 1, 4, 1] },
      constants: pads(0, 0, 2 ** 27, 0, 0, 0, 0, 0),
      nodes: [["Pad", ["x", "p"], ["y"], { mode: "edge" }]],
    }),
    /Pad "y": 134,217,732 places would be listed/,
  ],
  "an edge of channels without end": [
    onnx({
      inputs: { x: [1, 1, 1, 1] },
      constants: pads(0, 2 ** 27, 0, 0, 0, 0, 0, 0),
      nodes: [["Pad", ["x", "p"], ["y"], { mode: "edge" }]],
    }),
    /Pad "y": 134,217,729 places would be listed/,
  ],
  "pads that take away more than there is": [
    onnx({
      inputs: x,
      constants: pads(0, -9, 0, 0, 0, 0, 0, 0),
      nodes: [["Pad", ["x", "p"], ["y"], { mode: "edge" }]],
    }),
    /pads remove more than there is/,
  ],
  "updates of another shape that are added": [
    onnx({
      inputs: { x: [1, 4] },
      constants: { i: ints([0, 0, 0, 1], [2, 2]), u: floats([7], [1, 2, 3, 4, 5, 6, 7]) },
      nodes: [["ScatterND", ["x", "i", "u"], ["y"], { reduction: "add" }]],
    }),
    /do not fit an input 1×4/,
  ],
  "updates in a huge value": [
    onnx({
      inputs: { x: [1, 2 ** 29] },
      constants: { i: ints([0, 0], [1, 2]), u: floats([1], [1]) },
      nodes: [["ScatterND", ["x", "i", "u"], ["y"], { reduction: "add" }]],
    }),
    /limits\.foldedBytes/,
  ],
  "updates that all meet at one place": [
    onnx({
      inputs: { x: [1, 8] },
      constants: { i: ints(new Array(4000).fill(0), [1, 4000]), u: floats([1, 4000], new Array(4000).fill(1)) },
      nodes: [["ScatterElements", ["x", "i", "u"], ["y"], { reduction: "add", axis: 1 }]],
    }),
    /up to 4000 updates at one of 8 places/,
  ],
  "a hundred scatters, each with room of its own": [
    onnx({
      inputs: { x: [1, 1e6] },
      constants: { i: ints([0, 1], [1, 2]), u: floats([1, 2], [1, 2]) },
      nodes: again(100, (from, to) => ["ScatterElements", [from, "i", "u"], [to], { reduction: "max", axis: 1 }]),
    }),
    /limits\.foldedBytes/,
  ],
  "bounds of other shapes": [
    onnx({ inputs: x, nodes: [["Clip", ["x", "x", "x"], ["y"]]] }),
    /its limits must be single numbers/,
  ],
  "a mask of a billion places": [
    onnx({
      inputs: { x: [1, 1, 30_000, 1] },
      nodes: [["Attention", ["x", "x", "x"], ["y"], { is_causal: 1 }]],
      opset: 23,
    }),
    /limits\.foldedBytes/,
  ],
  "masks, one for every layer": [
    onnx({
      inputs: { x: [1, 1, 4096, 1] },
      nodes: again(40, (from, to) => ["Attention", [from, "x", "x"], [to], { is_causal: 1 }]),
      opset: 23,
    }),
    /limits\.foldedBytes/,
  ],
  "four million rows of a triangle": [
    onnx({
      inputs: { x: [1, 1] },
      constants: { d: ints([2 ** 22, 1]) },
      nodes: [
        ["ConstantOfShape", ["d"], ["c"]],
        ["Trilu", ["c"], ["t"]],
        ["ReduceMax", ["t"], ["g"]],
        ["Add", ["x", "g"], ["y"]],
      ],
    }),
  ],
  "a triangle of a value with many rows": [
    onnx({ inputs: { x: [1, 2 ** 20, 1] }, nodes: [["Trilu", ["x"], ["y"]]], opset: 17 }),
    /Trilu "y": 1,048,576 places would be listed/,
  ],
  "a place for every one of millions of indices": [
    onnx({
      inputs: { x: [1, 4] },
      constants: { d: ints([2 ** 23]) },
      nodes: [
        ["ConstantOfShape", ["d"], ["z"], { value: ints([0]) }],
        ["Gather", ["x", "z"], ["y"], { axis: 1 }],
      ],
    }),
    /Gather "y": 8,388,608 places would be listed/,
  ],
  "as many indices into a constant": [
    onnx({
      inputs: { x: [1, 1] },
      constants: { d: ints([2 ** 22]), c: floats([2], [1, 2]) },
      nodes: [
        ["ConstantOfShape", ["d"], ["z"], { value: ints([0]) }],
        ["Gather", ["c", "z"], ["g"], { axis: 0 }],
        ["ReduceMax", ["g"], ["m"], { keepdims: 0 }],
        ["Add", ["x", "m"], ["y"]],
      ],
    }),
  ],
  "the sums of a long signal": [
    onnx({
      inputs: { x: [1, 2 ** 22] },
      constants: { a: ints([1], []) },
      nodes: [["CumSum", ["x", "a"], ["y"]]],
    }),
  ],
  "a billion rounds of loops inside of one another": [() => loopsInside(3), /limits\.nodes/],
  "a choice that changes at every place": [alternating(2 ** 20)],
  "arithmetic that takes hours": [
    onnx({
      inputs: { x: [1, 1] },
      constants: { d: ints([2 ** 22]) },
      nodes: [
        ["ConstantOfShape", ["d"], ["c"]],
        ...Array.from({ length: 200 }, (_, i) => ["ReduceSum", ["c"], [`s${i}`], {}] as never),
        ...again(200, (from, to) => ["Add", [from, `s${to === "y" ? 199 : Number(to.slice(1)) - 1}`], [to]]),
      ],
    }),
    /takes too many steps .*limits\.foldedBytes/,
  ],
  "a convolution of constants that takes minutes": [
    onnx({
      inputs: { x: [1, 1] },
      constants: { d: ints([1, 1, 2048, 2048]), k: ints([1, 1, 1024, 1024]) },
      nodes: [
        ["ConstantOfShape", ["d"], ["c"]],
        ["ConstantOfShape", ["k"], ["w"]],
        ["Conv", ["c", "w"], ["f"]],
        ["ReduceMax", ["f"], ["m"], { keepdims: 0 }],
        ["Add", ["x", "m"], ["y"]],
      ],
    }),
    /takes 1,101,660,160,000 multiplications, and at most 1,073,741,824 are made/,
  ],
  "a constant of 30,000×30,000 ones": [
    lite([wholes("d", [30_000, 30_000]), number], [{ op: "FILL", inputs: ["d", "v"], outputs: ["f"] }, added("f")]),
    /makes a constant of shape 30000×30000/,
  ],
  "forty constants of 4,000×4,000 ones": [
    lite([wholes("d", [4000, 4000]), number], Array.from({ length: 40 }, (_, i) => filled(i)).flat(), [1, 1]),
    /limits\.foldedBytes/,
  ],
  "one number repeated a billion times": [
    lite(
      [wholes("d", [30_000, 30_000]), { ...number, shape: [1, 1] }],
      [{ op: "TILE", inputs: ["v", "d"], outputs: ["f"] }, added("f")],
    ),
    /makes a constant of shape 30000×30000/,
  ],
  "whole numbers up to two billion": [
    lite(
      [wholes("a", [0], []), wholes("b", [2 ** 31 - 1], []), wholes("c", [1], [])],
      [
        { op: "RANGE", inputs: ["a", "b", "c"], outputs: ["r"] },
        { op: "CAST", inputs: ["r"], outputs: ["f"] },
        added("f"),
      ],
    ),
    /limits\.elements/,
  ],
  "the nearest pixels of two billion rows": [
    lite(
      [wholes("d", [2 ** 31 - 1, 2 ** 31 - 1])],
      [{ op: "RESIZE_NEAREST_NEIGHBOR", inputs: ["x", "d"], outputs: ["y"] }],
    ),
    /2,147,483,647 places would be listed/,
  ],
  "less than no rows": [
    lite([wholes("d", [-7, 7])], [{ op: "RESIZE_NEAREST_NEIGHBOR", inputs: ["x", "d"], outputs: ["y"] }]),
    /its size is \[-7, 7\]/,
  ],
  "parts of one element of a long axis": [
    lite([], [{ op: "UNPACK", inputs: ["x"], outputs: ["y"], options: { 1: ["int", 1] } }], [1, 2 ** 27]),
    /limits\.nodes/,
  ],
  "hundreds of millions of equal parts": [
    lite(
      [wholes("a", [1], [])],
      [{ op: "SPLIT", inputs: ["a", "x"], outputs: ["y"], options: { 0: ["int", 2 ** 28] } }],
      [1, 2 ** 28],
    ),
    /limits\.nodes/,
  ],
  "a mirror of a long axis": [
    lite(
      [wholes("d", [0, 0, 2 ** 26, 2 ** 26, 0, 0, 0, 0], [4, 2])],
      [{ op: "MIRROR_PAD", inputs: ["x", "d"], outputs: ["y"], options: { 0: ["byte", 1] } }],
      [1, 2 ** 26, 1, 1],
    ),
    /201,326,592 places would be listed/,
  ],
  "a constant of TensorFlow.js of 30,000×30,000": [
    tensorflow([1, 4], { d: [30_000, 30_000], v: [1] }, [
      ["Squeeze", ["v"]],
      ["Fill", ["d", "n0"]],
      ["Cast", ["n1"], toFloat],
      ["AddV2", ["x", "n2"]],
    ]),
    /makes a constant of shape 30000×30000/,
  ],
  "a constant of TensorFlow.js that doubles forty times": [
    tensorflow([1, 1], { c: [1], a: [0] }, [
      ...Array.from({ length: 40 }, (_, i): TfNode => {
        const last = i === 0 ? "c" : `n${i - 1}`;
        return ["ConcatV2", [last, last, "a"]];
      }),
      ["Cast", ["n39"], toFloat],
      ["AddV2", ["x", "n40"]],
    ]),
    /makes a constant of shape|limits\.foldedBytes/,
  ],
  "the nearest pixels of two billion rows of TensorFlow.js": [
    tensorflow([1, 4, 4, 1], { d: [2 ** 31 - 1, 7] }, [["ResizeNearestNeighbor", ["x", "d"]]]),
    /2,147,483,647 places would be listed/,
  ],
  "parts of one element of a long axis of TensorFlow.js": [
    tensorflow([1, 2 ** 27], {}, [["Unpack", ["x"], { axis: { i: "1" }, num: { i: String(2 ** 27) } }]]),
    /limits\.nodes/,
  ],
  "steps of nothing": [
    tensorflow([1, 4], { a: [0, 0], b: [1, 4], c: [0, 0] }, [["StridedSlice", ["x", "a", "b", "c"]]]),
    /./,
  ],
};

async function outcome(bytes: Uint8Array | library.ModelFiles): Promise<string> {
  try {
    using model = await library.loadModel(bytes, { maxMemory });
    const { shape } = model.input;
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1);
    const { output } = await model.run(new library.Tensor(data, shape));
    return `runs: ${output.shape.join("×")}`;
  } catch (error) {
    if (error instanceof library.SeethroughError && !(error instanceof library.InternalError)) return error.message;
    throw error;
  }
}

describe("a small file asks for", () => {
  for (const [what, [make, refusal]] of Object.entries(cases)) {
    it(what, async () => {
      const bytes = make();
      const [time, memory] = [process.cpuUsage(), process.resourceUsage().maxRSS];
      const said = await outcome(bytes);
      const { user, system } = process.cpuUsage(time);
      if (refusal) expect(said).toMatch(refusal);
      expect((process.resourceUsage().maxRSS - memory) * 1024, said).toBeLessThan(mostBytes);
      expect((user + system) / 1000, said).toBeLessThan(slowest);
    });
  }
});

it("choices that change at every place are what they should be, and so are their gradients", async () => {
  const length = 2 ** 17;
  using model = await library.loadModel(alternating(length)());
  const input = new library.Tensor(
    Float32Array.from({ length }, (_, i) => i + 1),
    [1, length],
  );
  const { output } = await model.run(input);
  expect(output.data.every((value, i) => value === (i % 2 === 1 ? i + 1 : -i - 1))).toBe(true);
  const { values } = await library.inputXGradient(model, input, { target: length - 2 });
  expect([values.data[length - 2], values.data[length - 1]]).toEqual([1 - length, 0]);
});
