/** Inputs of integers that become floats before anything is computed, as preprocessing inside a network has them. */
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { gradCam, type LoadOptions, loadModel, ModelError, OptionError, saliency, Tensor } from "../../src/index";
import { randomIntegers } from "../graph/build";
import { describeShared, readShared, readSharedJson } from "../shared-folder";
import { type NodeParts, onnxFile, rawFloats } from "./protobuf";

const types = { uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, uint32: 12, uint64: 13 };
type TypeName = keyof typeof types;
const [height, width] = [6, 8];
const random = randomIntegers(77);
const raw = (count: number) => rawFloats(...Array.from({ length: count }, () => random(-1000, 1000) / 1000));
const integers64 = (...values: number[]) => new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);

const weights = raw(4 * 3 * 9);
const tensors = [
  { name: "w", type: 1, dims: [4, 3, 3, 3], raw: weights },
  { name: "by", type: 1, dims: [], raw: rawFloats(255) },
  { name: "mean", type: 1, dims: [3], raw: rawFloats(0.485, 0.456, 0.406) },
  { name: "std", type: 1, dims: [1, 1, 3], raw: rawFloats(0.229, 0.224, 0.225) },
  { name: "bgr", type: 7, dims: [3], raw: integers64(2, 1, 0) },
  { name: "minus", type: 7, dims: [1], raw: integers64(-1) },
  { name: "least", type: 7, dims: [1], raw: integers64(-(2 ** 31)) },
  { name: "last", type: 7, dims: [1], raw: integers64(3) },
  { name: "rows", type: 1, dims: [height], raw: rawFloats(1, 0.5, 2, 0.25, 1.5, 0.75) },
  { name: "moves", type: 1, dims: [height], raw: rawFloats(0.1, -0.2, 0.3, 0, 12, 1) },
  { name: "means", type: 1, dims: [height], raw: rawFloats(100, 120, 90, 99, 1, 127) },
  { name: "variances", type: 1, dims: [height], raw: rawFloats(900, 400, 1600, 100, 2500, 3) },
  { name: "one", type: 2, dims: [], raw: Uint8Array.of(1) },
  { name: "scale", type: 1, dims: [], raw: rawFloats(1 / 127.5) },
  { name: "zero", type: 2, dims: [], raw: Uint8Array.of(128) },
  { name: "scales", type: 1, dims: [3], raw: rawFloats(0.017, 0.0175, 0.0174) },
  { name: "zeros", type: 2, dims: [3], raw: Uint8Array.of(124, 116, 104) },
  { name: "table", type: 1, dims: [256, 2], raw: raw(512) },
];

const cast: NodeParts = { op: "Cast", inputs: ["x"], outputs: ["f"], attributes: { to: 1 } };
const scaling = (from: string): NodeParts[] => [
  { op: "Div", inputs: [from, "by"], outputs: ["d"] },
  { op: "Sub", inputs: ["d", "mean"], outputs: ["s"] },
  { op: "Div", inputs: ["s", "std"], outputs: ["n"] },
];
const turn = (from: string): NodeParts => ({
  op: "Transpose",
  inputs: [from],
  outputs: ["t"],
  attributes: { perm: [0, 3, 1, 2] },
});
const fronts: Record<string, NodeParts[]> = {
  "cast, scaling, transpose": [cast, ...scaling("f"), turn("n")],
  "transpose of integers, cast": [
    turn("x"),
    { op: "Cast", inputs: ["t"], outputs: ["f"], attributes: { to: 1 } },
    { op: "Div", inputs: ["f", "by"], outputs: ["n"] },
  ],
  "wider integers on the way": [
    { op: "Cast", inputs: ["x"], outputs: ["i"], attributes: { to: 7 } },
    { op: "Cast", inputs: ["i"], outputs: ["f"], attributes: { to: 1 } },
    ...scaling("f"),
    turn("n"),
  ],
  "channels reversed by Gather": [
    { op: "Gather", inputs: ["x", "bgr"], outputs: ["g"], attributes: { axis: -1 } },
    { op: "Cast", inputs: ["g"], outputs: ["f"], attributes: { to: 1 } },
    ...scaling("f"),
    turn("n"),
  ],
  "channels reversed by Slice": [
    cast,
    { op: "Slice", inputs: ["f", "minus", "least", "last", "minus"], outputs: ["g"] },
    ...scaling("g"),
    turn("n"),
  ],
  "dequantised by one scale": [{ op: "DequantizeLinear", inputs: ["x", "scale", "zero"], outputs: ["n"] }, turn("n")],
  "dequantised without a zero point": [{ op: "DequantizeLinear", inputs: ["x", "scale"], outputs: ["n"] }, turn("n")],
  "dequantised by channels, behind their axis": [
    { op: "DequantizeLinear", inputs: ["x", "scales", "zeros"], outputs: ["n"], attributes: { axis: -1 } },
    turn("n"),
  ],
  "transpose of integers, dequantised by channels": [
    turn("x"),
    { op: "DequantizeLinear", inputs: ["t", "scales", "zeros"], outputs: ["n"], attributes: { axis: 1 } },
  ],
  "a batch normalisation of rows": [
    cast,
    { op: "BatchNormalization", inputs: ["f", "rows", "moves", "means", "variances"], outputs: ["n"] },
    turn("n"),
  ],
};

function fileOf(front: readonly NodeParts[], type: TypeName): Uint8Array<ArrayBuffer> {
  const last = front.at(-1)?.outputs[0] ?? "x";
  return onnxFile({
    opset: 17,
    domains: {},
    inputs: { x: [1, height, width, 3] },
    inputType: types[type],
    outputs: { y: [1, 4] },
    tensors,
    nodes: [
      ...front,
      { op: "Conv", inputs: [last, "w"], outputs: ["c"], attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] } },
      { op: "Relu", inputs: ["c"], outputs: ["r"] },
      { op: "GlobalAveragePool", inputs: ["r"], outputs: ["p"] },
      { op: "Flatten", inputs: ["p"], outputs: ["y"] },
    ],
  });
}

const arrays = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  int32: Int32Array,
  uint32: Uint32Array,
};

async function reference(file: Uint8Array, type: TypeName, pixels: readonly number[]): Promise<number[]> {
  const session = await ort.InferenceSession.create(file, { graphOptimizationLevel: "disabled", logSeverityLevel: 4 });
  const data =
    type === "int64"
      ? BigInt64Array.from(pixels, BigInt)
      : type === "uint64"
        ? BigUint64Array.from(pixels, BigInt)
        : arrays[type].from(pixels);
  const { y } = await session.run({ x: new ort.Tensor(type, data, [1, height, width, 3]) });
  await session.release();
  return Array.from(y.data as Float32Array);
}

const pixels = Array.from({ length: height * width * 3 }, () => random(0, 255));
const picture = { data: Uint8Array.from(pixels), width, height };
const notesOf = ({ notes }: { readonly notes: readonly { readonly code: string }[] }) => notes.map(({ code }) => code);

describe("an input of integers gives onnxruntime's values", () => {
  const cases: [string, TypeName][] = [
    ...Object.keys(fronts).map((name): [string, TypeName] => [name, "uint8"]),
    ...Object.keys(types)
      .slice(1)
      .map((type): [string, TypeName] => ["cast, scaling, transpose", type as TypeName]),
  ];
  for (const [name, type] of cases) {
    it(`${type}: ${name}`, async () => {
      const file = fileOf(fronts[name], type);
      const model = await loadModel(file);
      expect(model.input.shape).toEqual([1, height, width, 3]);
      expect(notesOf(model)).toEqual(["integer-input"]);
      // Pixels as they are, but for the type that ends at 127.
      const numbers = type === "int8" ? pixels.map((pixel) => pixel - 128) : pixels;
      expect(Array.from(model.preprocess(picture).data)).toEqual(numbers);
      const expected = await reference(file, type, numbers);
      const { output } = await model.run(new Tensor(Float32Array.from(numbers), [1, height, width, 3]));
      output.data.forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThan(1e-4 * (1 + Math.abs(expected[i])));
      });
      const scores = await model.predict(picture);
      const best = expected.indexOf(Math.max(...expected));
      expect(scores[0].index).toBe(best);
      // What a change of each number does, by differences in the same network.
      const at = 31;
      const { values } = await saliency(model, picture, { target: best });
      const changed = async (by: number): Promise<number> => {
        const data = Float32Array.from(numbers);
        data[at] += by;
        return (await model.run(new Tensor(data, [1, height, width, 3]))).output.data[best];
      };
      const slope = ((await changed(0.25)) - (await changed(-0.25))) / 0.5;
      expect(values.data[at]).toBeCloseTo(slope, 3);
      const cam = await gradCam(model, picture, { target: best });
      expect(cam.inputSize).toEqual({ width, height });
      expect(notesOf(cam)).toContain("integer-input");
      expect(notesOf(await gradCam(model, model.preprocess(picture), { target: best }))).not.toContain("integer-input");
    });
  }
});

describe("what is computed with integers is refused by its node", () => {
  const refused: Record<string, [NodeParts[], string, TypeName?]> = {
    arithmetic: [
      [
        { op: "Add", inputs: ["x", "one"], outputs: ["a"] },
        { op: "Cast", inputs: ["a"], outputs: ["f"], attributes: { to: 1 } },
      ],
      '"a" (Add) computes with the integers',
    ],
    "a scale that is computed": [
      [
        { op: "ReduceMean", inputs: ["w"], outputs: ["m"], attributes: { keepdims: 0 } },
        { op: "DequantizeLinear", inputs: ["x", "m"], outputs: ["f"] },
      ],
      '"f" (DequantizeLinear) takes a scale or zero point that is no constant',
    ],
    "a table's rows": [
      [{ op: "Gather", inputs: ["table", "x"], outputs: ["f"] }],
      '"f" (Gather) computes with the integers',
      "int64",
    ],
    "a cast that wraps": [
      [
        { op: "Cast", inputs: ["x"], outputs: ["i"], attributes: { to: 3 } },
        { op: "Cast", inputs: ["i"], outputs: ["f"], attributes: { to: 1 } },
      ],
      '"i" (Cast) casts it to int8',
    ],
    booleans: [
      [
        { op: "Cast", inputs: ["x"], outputs: ["i"], attributes: { to: 9 } },
        { op: "Cast", inputs: ["i"], outputs: ["f"], attributes: { to: 1 } },
      ],
      "casts it to bool",
    ],
  };
  for (const [name, [front, message, type = "uint8"]] of Object.entries(refused)) {
    it(name, async () => {
      const failure = loadModel(fileOf(front, type));
      await expect(failure).rejects.toThrow(ModelError);
      await expect(failure).rejects.toThrow(`Input "x" holds ${type}; an input must be a float tensor, or become one`);
      await expect(failure).rejects.toThrow(message);
    });
  }

  it("an output of integers", async () => {
    const file = onnxFile({
      domains: {},
      inputs: { x: [1, 4] },
      inputType: 2,
      outputs: { y: [1, 4] },
      nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    });
    await expect(loadModel(file)).rejects.toThrow('the output "y" is still one of integers');
  });
});

describe("pixels for an input of integers", () => {
  const file = fileOf(fronts["cast, scaling, transpose"], "uint8");
  const load = (options: LoadOptions) => loadModel(file, options);

  it("cannot be fractions, nor what the type does not hold", async () => {
    const wrong: LoadOptions["preprocess"][] = [
      { range: [0, 1] },
      { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      { range: [0, 255], mean: 127.5, std: 127.5 },
      { range: [-128, 127] },
    ];
    for (const preprocess of wrong) {
      await expect(load({ preprocess })).rejects.toThrow(OptionError);
      await expect(load({ preprocess })).rejects.toThrow(
        'The input "x" holds uint8, and preprocess.range, preprocess.mean and preprocess.std make ',
      );
    }
  });

  it("are what the caller says, without a note, where that fits", async () => {
    using model = await load({ preprocess: { range: [0, 255], channels: "bgr" } });
    expect(notesOf(model)).toEqual([]);
    expect(model.preprocess(picture).data[0]).toBe(pixels[2]);
  });

  it("are not scaled twice by a configuration that says what the network does itself", async () => {
    const config = { image_mean: [0.485, 0.456, 0.406], image_std: [0.229, 0.224, 0.225], rescale_factor: 1 / 255 };
    using model = await load({ config });
    expect(Array.from(model.preprocess(picture).data)).toEqual(pixels);
    expect(model.notes.find(({ code }) => code === "integer-input")?.message).toContain("whatever files say");
  });
});

describeShared("models/modern/preproc_nhwc_uint8", () => {
  it("has the float64 interpreter's output and gradient", async () => {
    const floatsOf = (part: string) =>
      new Float32Array(readShared(`models/modern/preproc_nhwc_uint8.${part}.bin`).slice().buffer);
    const about = readSharedJson<{ flat: number; value: number }>("models/modern/preproc_nhwc_uint8.json");
    using model = await loadModel(readShared("models/modern/preproc_nhwc_uint8.onnx"));
    expect(model.input.shape).toEqual([1, 64, 64, 3]);
    expect(notesOf(model)).toContain("integer-input");
    const input = new Tensor(floatsOf("in0"), [1, 64, 64, 3]);
    const { output } = await model.run(input);
    const expected = floatsOf("out");
    output.data.forEach((value, i) => {
      expect(Math.abs(value - expected[i])).toBeLessThan(1e-5);
    });
    expect(output.data[about.flat]).toBeCloseTo(about.value, 5);
    const { values } = await saliency(model, input, { target: about.flat });
    const gradient = floatsOf("grad0");
    const largest = Math.max(...gradient.map(Math.abs));
    values.data.forEach((value, i) => {
      expect(Math.abs(value - gradient[i])).toBeLessThan(1e-4 * largest);
    });
  });
});
