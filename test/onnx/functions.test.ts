import { describe, expect, it } from "vitest";
import { specialise } from "../../src/compile/specialise";
import { ModelError } from "../../src/errors";
import { loadModel, Tensor } from "../../src/index";
import { readOnnx } from "../../src/onnx/reader";
import { floats, runReference } from "../graph/build";
import { functionDomain as domain, type FunctionParts, type NodeParts, onnxFile } from "./protobuf";

const call = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  more: Partial<NodeParts> = {},
): NodeParts => ({
  op,
  domain,
  inputs,
  outputs,
  ...more,
});
const file = (nodes: readonly NodeParts[], functions: readonly FunctionParts[], opset = 18): Uint8Array =>
  onnxFile({ opset, inputs: { x: [1, 4] }, outputs: { y: [1, 4] }, nodes, functions });

/** max(x·slope, x) + shift, with a default slope. */
const slanted: FunctionParts = {
  name: "Slanted",
  inputs: ["a", "shift"],
  outputs: ["b"],
  attributes: ["slope"],
  defaults: { slope: { float: 0.25 } },
  nodes: [
    { op: "LeakyRelu", inputs: ["a"], outputs: ["leaky"], attributes: { alpha: { ref: "slope" } } },
    { op: "Add", inputs: ["leaky", "shift"], outputs: ["b"] },
  ],
};
/** Hands its own attribute on, and has constants of its own. */
const twice: FunctionParts = {
  name: "Twice",
  inputs: ["a"],
  outputs: ["b", "same", "half"],
  attributes: ["steep"],
  nodes: [
    { op: "Constant", inputs: [], outputs: ["shift"], attributes: { value_float: { ref: "steep" } } },
    call("Slanted", ["a", "shift"], ["once"], { name: "inner", attributes: { slope: { ref: "steep" } } }),
    call("Slanted", ["once", "shift"], ["b"]),
    { op: "Identity", inputs: ["b"], outputs: ["same"] },
    { op: "Mul", inputs: ["once", "shift"], outputs: ["half"] },
  ],
};
/** An output that is an input. */
const through: FunctionParts = { name: "Through", inputs: ["a"], outputs: ["a"], nodes: [] };

const input = [-2, -0.5, 1, 3];

async function compare(bytes: Uint8Array): Promise<void> {
  const { y } = await runReference(bytes, { x: floats([1, 4], input) });
  const { output } = await (await loadModel(bytes)).run(new Tensor(Float32Array.from(input), [1, 4]));
  Array.from(y.data, Number).forEach((value, i) => {
    expect(output.data[i]).toBeCloseTo(value, 6);
  });
}

describe("functions of a file", () => {
  it("compute what onnxruntime computes: attributes by reference and by default, calls in calls", async () => {
    const nodes = [
      call("Twice", ["x"], ["b", "s1", "half"], { name: "first", attributes: { steep: { float: 0.5 } } }),
      call("Slanted", ["b", "half"], ["shift"]),
      call("Twice", ["shift"], ["y", "s2", "h2"], { name: "second", attributes: { steep: { float: 0.125 } } }),
    ];
    const bytes = file(nodes, [twice, slanted]);
    await compare(bytes);
    const { nodes: inlined } = readOnnx(bytes);
    expect(inlined.map(({ op, name }) => `${op} ${name}`)).toEqual([
      "LeakyRelu first/inner/leaky",
      "Add first/inner/b",
      "LeakyRelu first/b/leaky",
      "Add first/b/b",
      "Identity first/same",
      "Mul first/half",
      "LeakyRelu shift/leaky",
      "Add shift/b",
      "LeakyRelu second/inner/leaky",
      "Add second/inner/b",
      "LeakyRelu second/b/leaky",
      "Add second/b/b",
      "Identity second/same",
      "Mul second/half",
    ]);
  });

  it("may hand an input through, which onnxruntime does not take", () => {
    const nodes: NodeParts[] = [call("Through", ["x"], ["once"]), { op: "Relu", inputs: ["once"], outputs: ["y"] }];
    expect(readOnnx(file(nodes, [through])).nodes.map(({ op, inputs }) => [op, ...inputs])).toEqual([
      ["Identity", "x"],
      ["Relu", "once"],
    ]);
  });

  it("stand above an operator of the same name", async () => {
    const relu: FunctionParts = {
      ...slanted,
      name: "Relu",
      inputs: ["a"],
      nodes: [{ op: "Neg", inputs: ["a"], outputs: ["b"] }],
    };
    await compare(file([call("Relu", ["x"], ["y"])], [relu]));
  });

  it("never hide a value of the network", async () => {
    const nodes: NodeParts[] = [
      { op: "Neg", inputs: ["x"], outputs: ["s/leaky"] },
      call("Slanted", ["x", "s/leaky"], ["z"], { name: "s" }),
      { op: "Add", inputs: ["z", "s/leaky"], outputs: ["y"] },
    ];
    await compare(file(nodes, [slanted]));
  });

  it("name their node where something in them cannot run", () => {
    const odd: FunctionParts = {
      name: "Odd",
      inputs: ["a"],
      outputs: ["b"],
      nodes: [{ op: "Foo", inputs: ["a"], outputs: ["b"] }],
    };
    const graph = readOnnx(file([call("Odd", ["x"], ["y"], { name: "layer" })], [odd]));
    expect(() => specialise(graph, new Map())).toThrow('Foo (at "layer/b": the operator is not known)');
  });

  it("written for another operator set are taken where that changes nothing, else refused", () => {
    const softmax: FunctionParts = {
      name: "S",
      inputs: ["a"],
      outputs: ["b"],
      nodes: [{ op: "Softmax", inputs: ["a"], outputs: ["b"] }],
      opset: 12,
    };
    expect(() => specialise(readOnnx(file([call("S", ["x"], ["y"])], [softmax])), new Map())).toThrow(
      'Softmax (at "y/b": the function "local::S" means that of operator set 12, the network is of set 18, and the operator changed',
    );
    const relu = { ...softmax, nodes: [{ op: "Relu", inputs: ["a"], outputs: ["b"] }] };
    expect(specialise(readOnnx(file([call("S", ["x"], ["y"])], [relu])), new Map()).nodes).toHaveLength(1);
    expect(
      specialise(readOnnx(file([call("S", ["x"], ["y"])], [{ ...softmax, opset: 13 }])), new Map()).nodes,
    ).toHaveLength(1);
  });

  it("are refused where they are called with more than they have", () => {
    expect(() => readOnnx(file([call("Through", ["x", "x"], ["y"])], [through]))).toThrow(
      'local::Through "": it has 2 inputs and 1 outputs, the function has 1 and 1.',
    );
  });

  it("are refused where they call themselves", () => {
    const calls = (name: string, other: string): FunctionParts => ({
      name,
      inputs: ["a"],
      outputs: ["b"],
      nodes: [call(other, ["a"], ["b"])],
    });
    const self = file([call("A", ["x"], ["y"])], [calls("A", "A")]);
    expect(() => readOnnx(self)).toThrow(ModelError);
    expect(() => readOnnx(self)).toThrow('The function "local::A" of the file calls itself: it has no end.');
    expect(() =>
      readOnnx(file([call("A", ["x"], ["y"])], [calls("A", "B"), calls("B", "C"), calls("C", "B")])),
    ).toThrow('The function "local::B" of the file calls itself, by way of "local::C"');
    // Nobody calls it.
    expect(readOnnx(file([{ op: "Relu", inputs: ["x"], outputs: ["y"] }], [calls("A", "A")])).nodes).toHaveLength(1);
  });

  it("may be nested as deep as a file likes, and never fill the memory", () => {
    const chain = (count: number, width: number): FunctionParts[] =>
      Array.from({ length: count }, (_, i) => ({
        name: `F${i}`,
        inputs: ["a"],
        outputs: [`v${width}`],
        nodes:
          i === 0
            ? [{ op: "Relu", inputs: ["a"], outputs: [`v${width}`] }]
            : Array.from({ length: width }, (_, k) => call(`F${i - 1}`, [k === 0 ? "a" : `v${k}`], [`v${k + 1}`])),
      }));
    const start = performance.now();
    expect(readOnnx(file([call("F4999", ["x"], ["y"])], chain(5000, 1))).nodes).toHaveLength(1);
    for (const [count, width] of [
      [60, 2],
      [2000, 3],
      [8, 10],
    ]) {
      expect(() => readOnnx(file([call(`F${count - 1}`, ["x"], ["y"])], chain(count, width)))).toThrow(
        /functions call one another so often that the network would have (more than a billion|[\d,]+) nodes; 48,000/,
      );
    }
    // Calls without nodes cost time too.
    const empty = chain(40, 2).map((part, i) => (i === 0 ? { ...part, outputs: ["a"], nodes: [] } : part));
    expect(() => readOnnx(file([call("F39", ["x"], ["y"])], empty))).toThrow(/so often/);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("called a thousand times under one name stay quick", () => {
    const nodes = Array.from({ length: 10_000 }, (_, i) =>
      call("Slanted", [i === 0 ? "x" : `v${i}`, "x"], [i === 9999 ? "y" : `v${i + 1}`], { name: "same" }),
    );
    const start = performance.now();
    expect(
      readOnnx(file(nodes, [slanted]))
        .nodes.slice(0, 3)
        .map(({ name }) => name),
    ).toEqual(["same/leaky", "same/b", "same_2/leaky"]);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
