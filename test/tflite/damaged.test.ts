import { describe, expect, it } from "vitest";
import { LimitError, loadModel, ModelError, SeethroughError, UnsupportedOperatorError } from "../../src/index";
import { expectSound, mutated, tryAll } from "../hostile/mutants";
import { liteFile } from "./lite-file";
import { smallLiteFile } from "./small-file";

const x = { name: "x", shape: [1, 4, 4, 3] };
const y = { name: "y", shape: [1, 4, 4, 3] };
const ends = { inputs: ["x"], outputs: ["y"] };

describe("a TensorFlow Lite file that is damaged", () => {
  const file = smallLiteFile("float");

  it("is an error of a known kind wherever it is cut off", async () => {
    for (let length = 8; length < file.length; length += 7) {
      const error = await loadModel(file.slice(0, length)).catch((reason: unknown) => reason);
      expect(error, `the first ${length} bytes`).toBeInstanceOf(SeethroughError);
    }
  }, 60_000);

  it("is an error of a known kind, or a network, after small damages", async () => {
    const found = await tryAll(500, 17, async (below) => {
      const model = await loadModel(mutated(file, below), { maxMemory: 2 ** 26 });
      model.dispose();
    });
    expectSound("TensorFlow Lite", found);
  }, 60_000);

  it("says where it should go on", async () => {
    await expect(loadModel(file.slice(0, 64))).rejects.toThrow(
      /^The TensorFlow Lite file is damaged or cut off: .+ should lie at byte \d+, and the file has 64\.$/,
    );
  });

  it("may not read its own bytes over and over", async () => {
    // A hundred operators whose lists of inputs are one and the same, as long as the file.
    const many = liteFile({
      tensors: [x, y],
      operators: [{ op: "ADD_N", inputs: new Array<string>(5000).fill("x"), outputs: ["y"] }],
      ...ends,
    });
    expect((await loadModel(many)).layers.length).toBeGreaterThan(0);
    const view = new DataView(many.buffer);
    // The vector of operators: one element, which becomes many that point to one table.
    let vector = 0;
    for (let at = 0; at + 8 < many.length && vector === 0; at += 4) if (view.getUint32(at, true) === 5000) vector = at;
    expect(vector).toBeGreaterThan(0);
    view.setUint32(vector, 2 ** 30, true);
    await expect(loadModel(many)).rejects.toThrow(/damaged or cut off/);
  });
});

describe("a TensorFlow Lite file that cannot be read", () => {
  it("names all operators that are not known", async () => {
    const file = liteFile({
      tensors: [x, { ...y, name: "a" }, { ...y, name: "b" }, y],
      operators: [
        { op: "LSTM", inputs: ["x"], outputs: ["a"] },
        { op: "MySpecialOperator", inputs: ["a"], outputs: ["b"], custom: new Uint8Array(1) },
        { op: "MIRROR_PAD", inputs: ["b", "x"], outputs: ["y"] },
      ],
      ...ends,
    });
    const error = await loadModel(file).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedOperatorError);
    expect((error as UnsupportedOperatorError).operators.map(({ op }) => op)).toEqual(["LSTM", "MySpecialOperator"]);
    expect((error as Error).message).toMatch(/LSTM \(at "a".*MySpecialOperator \(at "b"/);
  });

  it.each([
    ["another version", { tensors: [x, y], operators: [], ...ends, version: 1 }, /of version 1; version 3 is read/],
    ["no input", { tensors: [y], operators: [], inputs: [], outputs: ["y"] }, /has no input/],
    ["no output", { tensors: [x], operators: [], inputs: ["x"], outputs: [] }, /has no outputs/],
    [
      "an input that nothing computes",
      { tensors: [x, y, { ...x, name: "s" }], operators: [{ op: "ADD", inputs: ["x", "s"], outputs: ["y"] }], ...ends },
      /Tensor "s" is read before it is computed/,
    ],
    [
      "a constant with too few bytes",
      {
        tensors: [x, y, { name: "c", shape: [3], data: new Float32Array(2) }],
        ...{ operators: [{ op: "ADD", inputs: ["x", "c"], outputs: ["y"] }], ...ends },
      },
      /Constant "c" of shape \[3\] needs 12 bytes of float32, the file has 8/,
    ],
    [
      "an operator without its filter",
      { tensors: [x, y], operators: [{ op: "CONV_2D", inputs: ["x"], outputs: ["y"] }], ...ends },
      /"y" \(CONV_2D\) has 1 inputs and needs at least 2/,
    ],
    [
      "scales that do not fit",
      {
        tensors: [x, y, { name: "c", shape: [3], type: "int8", data: new Int8Array(3), scale: [1, 1] }],
        ...{ operators: [{ op: "ADD", inputs: ["x", "c"], outputs: ["y"] }], ...ends },
      },
      /Tensor 2 \("c"\) has 2 scales and 0 zero points for axis 0 of the shape \[3\]/,
    ],
  ] as const)("has %s", async (_, spec, message) => {
    const loading = loadModel(liteFile(spec as Parameters<typeof liteFile>[0]));
    await expect(loading).rejects.toThrow(ModelError);
    await expect(loading).rejects.toThrow(message);
  });

  it("asks for too much", async () => {
    const file = smallLiteFile("float");
    await expect(loadModel(file, { limits: { nodes: 3 } })).rejects.toThrow(LimitError);
    await expect(loadModel(file, { limits: { rank: 3 } })).rejects.toThrow(/"image".*too many axes.*limits\.rank/);
    await expect(loadModel(file, { limits: { elements: 50 } })).rejects.toThrow(/"image".*too many elements/);
    await expect(loadModel(file, { limits: { nameBytes: 4 } })).rejects.toThrow(/limits\.nameBytes/);
  });
});
