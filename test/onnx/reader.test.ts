import { readFileSync } from "node:fs";
import { PbfWriter } from "pbf";
import { describe, expect, it } from "vitest";
import { specialise } from "../../src/compile/specialise";
import { ModelError, SeethroughError } from "../../src/errors";
import type { Constant, Graph } from "../../src/graph/ir";
import { loadModel } from "../../src/index";
import { readOnnx } from "../../src/onnx/reader";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomIntegers } from "../graph/build";

const petshop = new Uint8Array(readFileSync("models/petshop.onnx"));
const ascii = (text: string) => new TextEncoder().encode(text);

const relu = (changes: Partial<Graph> = {}): Graph => ({
  ...graphOf({ inputs: { x: [1, 2] }, nodes: [["Relu", ["x"], ["y"]]] }),
  ...changes,
});

type Write = (pbf: PbfWriter) => void;

/** A file whose graph is `y = x + w` with the tensor `w` (and whatever else) as `graph` writes it. */
function fileWith(graph: Write, opset = 17): Uint8Array {
  const message = (pbf: PbfWriter, tag: number, write: Write) =>
    pbf.writeMessage(tag, (_, inner) => write(inner), null);
  const value =
    (name: string): Write =>
    (pbf) => {
      pbf.writeStringField(1, name);
      message(pbf, 2, (type) => message(type, 1, (tensor) => tensor.writeVarintField(1, 1)));
    };
  const file = new PbfWriter();
  file.writeVarintField(1, 8);
  message(file, 7, (pbf) => {
    message(pbf, 1, (node) => {
      node.writeStringField(1, "x");
      node.writeStringField(1, "w");
      node.writeStringField(2, "y");
      node.writeStringField(4, "Add");
    });
    message(pbf, 11, value("x"));
    message(pbf, 12, value("y"));
    graph(pbf);
  });
  message(file, 8, (pbf) => pbf.writeVarintField(2, opset));
  return file.finish();
}

/** The tensor `w` of `type` with two elements, its data as `data` writes it. */
const tensor = (type: number, data: Write): Uint8Array =>
  fileWith((graph) =>
    graph.writeMessage(
      5,
      (_, pbf) => {
        pbf.writeVarintField(1, 2);
        pbf.writeVarintField(2, type);
        pbf.writeStringField(8, "w");
        data(pbf);
      },
      null,
    ),
  );

const weight = (bytes: Uint8Array): Constant => readOnnx(bytes).constants.get("w") as Constant;
const raw =
  (...bytes: number[]): Write =>
  (pbf) =>
    pbf.writeBytesField(9, Uint8Array.from(bytes));

describe("readOnnx", () => {
  it("reads the pet-shop classifier with its weights as views of the file", () => {
    const graph = readOnnx(petshop);
    expect(graph.name).toBe("petshop");
    expect(graph.opset).toBe(13);
    expect(graph.inputs).toEqual([{ name: "input", shape: ["batch", 3, 96, 96] }]);
    expect(graph.outputs).toEqual(["logits"]);
    expect(graph.nodes).toHaveLength(19);
    expect(graph.metadata.get("cam_layer")).toBe("relu6");
    for (const constant of graph.constants.values()) {
      if (constant.kind === "float") expect(constant.bytes.buffer).toBe(petshop.buffer);
    }
    expect(readOnnx(petshop, "mine").name).toBe("mine");
  });

  it("decodes every numeric element type and both encodings", () => {
    expect(weight(tensor(1, raw(0, 0, 128, 63, 0, 0, 0, 192))).numbers()).toEqual([1, -2]);
    expect(weight(tensor(1, (pbf) => pbf.writePackedFloat(4, [1.5, -2]))).numbers()).toEqual([1.5, -2]);
    const unpacked = tensor(1, (pbf) => [1.5, -2].map((value) => pbf.writeFloatField(4, value)));
    expect(weight(unpacked).numbers()).toEqual([1.5, -2]);
    expect(weight(tensor(10, raw(0, 60, 0, 192))).numbers()).toEqual([1, -2]);
    expect(weight(tensor(10, (pbf) => pbf.writePackedVarint(5, [0x3c00, 0xc000]))).numbers()).toEqual([1, -2]);
    expect(weight(tensor(11, (pbf) => pbf.writePackedDouble(10, [0.5, 4]))).numbers()).toEqual([0.5, 4]);
    expect(weight(tensor(11, raw(0, 0, 0, 0, 0, 0, 240, 63, 0, 0, 0, 0, 0, 0, 0, 64))).numbers()).toEqual([1, 2]);
    expect(weight(tensor(16, raw(128, 63, 64, 192))).numbers()).toEqual([1, -3]);
    expect(weight(tensor(16, (pbf) => pbf.writePackedVarint(5, [0x3f80, 0xc040]))).numbers()).toEqual([1, -3]);
    expect(weight(tensor(21, raw(0xf1))).numbers()).toEqual([1, 15]);
    expect(weight(tensor(22, raw(0xf1))).numbers()).toEqual([1, -1]);
    expect(weight(tensor(22, (pbf) => pbf.writePackedVarint(5, [0x87]))).numbers()).toEqual([7, -8]);
    expect(weight(tensor(25, raw(0b1101))).numbers()).toEqual([1, 3]);
    expect(weight(tensor(26, raw(0b1101))).numbers()).toEqual([1, -1]);
    expect(weight(tensor(4, raw(1, 2, 255, 255))).numbers()).toEqual([513, 65535]);
    expect(weight(tensor(5, raw(1, 2, 255, 255))).numbers()).toEqual([513, -1]);
    expect(weight(tensor(2, raw(1, 255))).numbers()).toEqual([1, 255]);
    expect(weight(tensor(3, raw(1, 255))).numbers()).toEqual([1, -1]);
    expect(weight(tensor(9, raw(0, 1))).kind).toBe("bool");
    expect(weight(tensor(9, (pbf) => pbf.writePackedVarint(5, [0, 1]))).numbers()).toEqual([0, 1]);
    expect(weight(tensor(6, raw(255, 255, 255, 255, 7, 0, 0, 0))).numbers()).toEqual([-1, 7]);
    expect(weight(tensor(6, (pbf) => pbf.writePackedVarint(5, [-1, 7]))).numbers()).toEqual([-1, 7]);
    expect(weight(tensor(7, (pbf) => pbf.writePackedVarint(7, [-9, 7]))).numbers()).toEqual([-9, 7]);
    expect(weight(tensor(7, (pbf) => [-9, 7].map((value) => pbf.writeVarintField(7, value)))).numbers()).toEqual([
      -9, 7,
    ]);
    const words = new BigInt64Array([-(2n ** 63n), 5n]);
    expect(weight(tensor(7, raw(...new Uint8Array(words.buffer)))).numbers()).toEqual([-(2 ** 63), 5]);
  });

  it("refuses what it cannot decode, naming the tensor", () => {
    // Only where somebody needs it, and with everything else that cannot run.
    const refused = (type: number) =>
      readOnnx(tensor(type, raw(1, 2))).nodes.flatMap(({ op, outputs, refusal }) =>
        refusal ? [[op, outputs, refusal]] : [],
      );
    const reason = (name: string) =>
      `its elements are of type ${name}, which is not supported; export the network in float32 or float16`;
    expect(refused(17)).toEqual([["Constant", ["w"], reason("float8e4m3fn")]]);
    expect(refused(8)).toEqual([["Constant", ["w"], reason("string")]]);
    expect(refused(99)).toEqual([["Constant", ["w"], reason("number 99")]]);
    expect(() => specialise(readOnnx(tensor(20, raw(1, 2))), new Map())).toThrow(
      'Constant (at "w": its elements are of type float8e5m2fnuz, which is not supported; export',
    );
    expect(() => weight(tensor(1, raw(1, 2)))).toThrow(/Tensor "w": shape 2 needs 8 bytes of float32, the file has 2/);
    expect(() => weight(tensor(7, (pbf) => pbf.writePackedVarint(7, [1])))).toThrow(
      /Tensor "w": shape 2 holds 2 values, the file has 1/,
    );
    expect(() => readOnnx(fileWith((graph) => graph.writeBytesField(15, new Uint8Array(0))))).toThrow(/sparse/);
  });

  it("says what a file is that is not ONNX", async () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13);
    await expect(loadModel(new Uint8Array(0))).rejects.toThrow(/empty \(0 bytes\)/);
    await expect(loadModel(png)).rejects.toThrow(/a PNG image.*Pass the model's bytes here/);
    await expect(loadModel(ascii("<!DOCTYPE html><html>404"))).rejects.toThrow(/text, beginning with "<!DOCTYPE html>/);
    await expect(loadModel(ascii("version https://git-lfs.github.com/spec/v1\n"))).rejects.toThrow(/git lfs pull/);
    await expect(loadModel(ascii("PK\x03\x04 data.pkl"))).rejects.toThrow(/ZIP archive.*torch\.onnx\.export/);
  });

  it("refuses graphs without content, and operator sets in which its operators mean something else", () => {
    expect(() => readOnnx(writeOnnx(relu({ nodes: [] })))).toThrow(/no nodes/);
    expect(() => readOnnx(writeOnnx(relu({ outputs: [] })))).toThrow(/no outputs/);
    expect(() => readOnnx(Uint8Array.of(8, 7))).toThrow(/no ONNX operator set/);
    expect(() => readOnnx(writeOnnx(relu({ opset: 26 })))).toThrow(
      "ONNX operator set 26; what operators mean is known up to 25. Export it with an opset_version of at most 25, or convert",
    );
    expect(() => readOnnx(writeOnnx(relu({ opset: 0 })))).toThrow(/operator set 0/);
    for (const opset of [1, 6, 23, 24, 25]) expect(readOnnx(writeOnnx(relu({ opset }))).opset).toBe(opset);
    const old = graphOf({
      opset: 6,
      inputs: { x: [1, 2] },
      nodes: [
        ["Relu", ["x"], ["r"]],
        ["Add", ["r", "x"], ["y"]],
      ],
    });
    expect(() => specialise(readOnnx(writeOnnx(old)), new Map())).toThrow(
      'Add (at "y": operator set 6 means something else by it than sets from 7 on; convert the file to a newer set',
    );
  });

  it("sorts nodes and names them uniquely", () => {
    const nodes = graphOf({
      inputs: {},
      nodes: [
        ["Sigmoid", ["b"], ["c"]],
        ["Add", ["a", "x"], ["b"]],
        ["Relu", ["x"], ["a"]],
      ],
    }).nodes;
    const named = [
      { ...nodes[0], name: "" },
      { ...nodes[1], name: "n" },
      { ...nodes[2], name: "n" },
    ];
    const graph = readOnnx(writeOnnx(relu({ nodes: named, outputs: ["c"] })));
    expect(graph.nodes.map(({ op, name }) => [op, name])).toEqual([
      ["Relu", "a"],
      ["Add", "n"],
      ["Sigmoid", "c"],
    ]);
  });

  it("names node and value where a value is undefined, defined twice, or waits for itself", () => {
    const graph = (...nodes: Parameters<typeof graphOf>[0]["nodes"]) =>
      writeOnnx(graphOf({ inputs: { x: [1] }, nodes, outputs: [nodes[0][2][0]] }));
    expect(() => readOnnx(graph(["Add", ["x", "lost"], ["y"]]))).toThrow(
      /Add "y" reads the value "lost", which nothing/,
    );
    expect(() => readOnnx(graph(["Relu", ["x"], ["y"]], ["Abs", ["x"], ["y"]]))).toThrow(
      /Abs "y.*" defines the value "y" a second/,
    );
    expect(() => readOnnx(graph(["Add", ["x", "b"], ["a"]], ["Relu", ["a"], ["b"]]))).toThrow(/waits for the value/);
    expect(() => readOnnx(writeOnnx(relu({ outputs: ["z"] })))).toThrow(/output "z" is not computed/);
  });

  it("takes initialisers listed as inputs as weights, Constant nodes as constants, other domains by full name", () => {
    const graph = graphOf({
      inputs: { x: [2], w: [2] },
      constants: { w: floats([2], [1, 2]) },
      nodes: [
        ["Constant", [], ["a"], { value: floats([2], [3, 4]) }],
        ["Constant", [], ["b"], { value_float: 2.5 }],
        ["Constant", [], ["c"], { value_ints: [1, -2] }],
        ["Constant", [], ["d"], { value_int: 7 }],
        ["Constant", [], ["e"], { value_floats: [1, 0.5] }],
        ["com.microsoft::Gelu", ["x"], ["g"]],
      ],
    });
    const read = readOnnx(writeOnnx(graph));
    expect(read.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect([..."wabcde"].map((name) => read.constants.get(name)?.numbers())).toEqual([
      [1, 2],
      [3, 4],
      [2.5],
      [1, -2],
      [7],
      [1, 0.5],
    ]);
    expect(read.constants.get("c")?.kind).toBe("int");
    expect(read.nodes.map(({ op }) => op)).toEqual(["com.microsoft::Gelu"]);
  });

  it("refuses an input of integers", () => {
    const file = writeOnnx(relu());
    const at = file.findIndex((byte, i) => byte === 8 && file[i + 1] === 1 && file[i + 2] === 18); // elem_type 1, then the shape
    file[at + 1] = 7;
    expect(() => readOnnx(file)).toThrow(/Input "x" holds int64; an input must be a float tensor/);
  });
});

describe("damaged files end in an error of this package or a graph, quickly", () => {
  const survives = (bytes: Uint8Array) => {
    const start = performance.now();
    try {
      const graph = readOnnx(bytes);
      expect(graph.nodes.length).toBeGreaterThan(0);
      specialise(graph, new Map());
    } catch (error) {
      expect(error).toBeInstanceOf(SeethroughError);
      expect((error as Error).message.length).toBeGreaterThan(30);
    }
    expect(performance.now() - start).toBeLessThan(1000);
  };

  it("cut off at 200 places", () => {
    const random = randomIntegers(1);
    for (let i = 0; i < 200; i++) {
      const length = i < 60 ? i : random(60, petshop.length - 1);
      expect(() => readOnnx(petshop.subarray(0, length)), `${length} bytes`).toThrow(ModelError);
    }
  });

  it("a small file cut off at every place", () => {
    const file = writeOnnx(
      graphOf({ inputs: { x: [2, 2] }, constants: { s: ints(4) }, nodes: [["Reshape", ["x", "s"], ["y"]]] }),
    );
    for (let length = 0; length < file.length; length++)
      expect(() => readOnnx(file.subarray(0, length))).toThrow(ModelError);
  });

  it("with a length below zero, which would lead back to where the field began", () => {
    const back = (field: number, bytes: number): Uint8Array =>
      Uint8Array.of(field, 256 - bytes, ...new Array<number>(8).fill(0xff), 1);
    // Field 7 is the graph, field 15 nobody reads.
    expect(() => readOnnx(back(0x3a, 11))).toThrow("-11 bytes announced where 0 are left in the model, near byte 11");
    for (let bytes = 1; bytes < 30; bytes++) expect(() => readOnnx(back(0x7a, bytes))).toThrow(ModelError);
  });

  it("with flipped bits", () => {
    const random = randomIntegers(2);
    const small = writeOnnx(readOnnx(petshop));
    for (let i = 0; i < 1000; i++) {
      const bytes = Uint8Array.from(i % 10 ? small.subarray(0, 1500) : petshop);
      for (let n = random(1, 4); n > 0; n--) bytes[random(0, Math.min(bytes.length - 1, 3000))] ^= 1 << random(0, 7);
      survives(bytes);
    }
  });

  it("a small file with every single bit flipped", () => {
    const nodes = [
      ["Conv", ["x", "w"], ["c"], { strides: [2, 2], auto_pad: "VALID" }],
      ["Clip", ["c"], ["y"], { min: 0.5 }],
    ] as Parameters<typeof graphOf>[0]["nodes"];
    const constants = { w: floats([1, 1, 1, 1], [2]), n: ints(1, 2) };
    const file = writeOnnx(graphOf({ inputs: { x: ["N", 1, 8, 8] }, constants, nodes }));
    for (let bit = 0; bit < file.length * 8; bit++) {
      const bytes = Uint8Array.from(file);
      bytes[bit >> 3] ^= 1 << (bit & 7);
      survives(bytes);
    }
  });

  it("random bytes", () => {
    const random = randomIntegers(3);
    for (let i = 0; i < 500; i++) {
      const bytes = Uint8Array.from({ length: random(1, 300) }, () => random(0, 255));
      if (i % 2) bytes[0] = 8;
      expect(() => readOnnx(bytes)).toThrow(ModelError);
    }
  });
});
