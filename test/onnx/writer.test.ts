import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { specialise } from "../../src/compile/specialise";
import { Constant, type Graph } from "../../src/graph/ir";
import { readOnnx } from "../../src/onnx/reader";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";

/** A graph as plain data; constants by value, wherever their bytes lie. */
const plain = (graph: Graph) => ({
  ...graph,
  nodes: graph.nodes.map((node) => ({
    ...node,
    attributes: new Map([...node.attributes].map(([k, v]) => [k, plainValue(v)])),
  })),
  constants: new Map([...graph.constants].map(([name, constant]) => [name, plainValue(constant)])),
});

const plainValue = (value: unknown) =>
  value instanceof Constant ? { kind: value.kind, shape: value.shape, numbers: value.numbers() } : value;

describe("writeOnnx", () => {
  it("keeps everything a graph says", () => {
    const graph: Graph = {
      ...graphOf({
        inputs: { x: ["batch", null, 4, "W"] },
        constants: {
          w: floats([2, 1], [1.5, -2]),
          n: ints(-1, 2 ** 40, -(2 ** 63)),
          flags: Constant.fromNumbers("bool", [1, 0], [2]),
          one: floats([], [7]),
        },
        nodes: [
          ["LeakyRelu", ["x"], ["a"], { alpha: 1 }],
          [
            "Foo",
            ["a", "", "w"],
            ["b", "", "c"],
            { list: [1, -2], ratio: 0.5, text: "é", names: ["a", "b"], scales: [1, 2] },
          ],
          ["other.domain::Bar", ["b"], ["y"], { value: floats([1], [3]), zero: 0, empty: [] }],
        ],
      }),
      metadata: new Map([["labels", '["cat", "dog"]']]),
    };
    expect(plain(readOnnx(writeOnnx(graph)))).toEqual(plain(graph));
  });

  it("gives back the pet-shop file, also after specialising", () => {
    const graph = readOnnx(new Uint8Array(readFileSync("models/petshop.onnx")));
    expect(plain(readOnnx(writeOnnx(graph)))).toEqual(plain(graph));
    const { shapes: _, aliases: __, ...fixed } = specialise(graph, new Map());
    expect(plain(readOnnx(writeOnnx(fixed)))).toEqual(plain(fixed));
  });

  it("keeps integers of eight bits as such", () => {
    const constants = {
      signed: Constant.fromNumbers("int", [-128, 127], [2], "int8"),
      unsigned: Constant.fromNumbers("int", [0, 255], [2], "uint8"),
    };
    const graph = graphOf({ inputs: { x: [2] }, constants, nodes: [["Foo", ["x", "signed", "unsigned"], ["y"]]] });
    const read = readOnnx(writeOnnx(graph)).constants;
    const kept = Object.keys(constants).map((name) => [
      read.get(name)?.elements,
      [...(read.get(name)?.numbers() ?? [])],
    ]);
    expect(kept).toEqual([
      ["int8", [-128, 127]],
      ["uint8", [0, 255]],
    ]);
  });

  it("writes float16 as float32", () => {
    const w = Constant.fromBytes(Uint8Array.of(0, 60, 0, 192), "float16", [2]);
    const graph = graphOf({ inputs: { x: [2] }, constants: { w }, nodes: [["Add", ["x", "w"], ["y"]]] });
    const read = readOnnx(writeOnnx(graph)).constants.get("w");
    expect([read?.format, read?.numbers()]).toEqual(["float32", [1, -2]]);
  });

  it("is accepted by onnxruntime, which computes the same as from the original file", async () => {
    const file = new Uint8Array(readFileSync("models/petshop.onnx"));
    const input = randomFloats(randomIntegers(5), [1, 3, 96, 96]);
    const graph = readOnnx(file);
    const original = await runReference(file, { input });
    const written = await runReference(graph, { input });
    const fixed = await runReference(specialise(graph, new Map()), { input });
    expect(written.logits).toEqual(original.logits);
    expect(fixed.logits).toEqual(original.logits);
  });
});
