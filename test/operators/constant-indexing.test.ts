/** Arithmetic that exporters leave on constants, against onnxruntime: what it makes is added to the image. */
import { describe, expect, it } from "vitest";
import { type Attribute, Constant, type Graph, type Node } from "../../src/graph/ir";
import { Runner, reference } from "./harness";

const ints = (numbers: readonly number[], shape: readonly number[] = [numbers.length]): Constant =>
  Constant.fromNumbers("int", numbers, shape);
const floats = (numbers: readonly number[], shape: readonly number[] = [numbers.length]): Constant =>
  Constant.fromFloats(Float32Array.from(numbers), shape);
const one = (value: number): Constant => Constant.fromNumbers("int", [value], []);

type Trial = readonly [op: string, inputs: readonly (Constant | "")[], attributes?: Record<string, Attribute>];

const square = floats([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3]);
const trials: readonly Trial[] = [
  ["Mod", [ints([5, -5, 7]), ints([3, 3, -3])]],
  ["Mod", [floats([5.5, -5.5, 7]), floats([3, 3, -3])], { fmod: 1 }],
  ["GreaterOrEqual", [ints([1, 2, 3]), ints([2])]],
  ["LessOrEqual", [ints([1, 2, 3]), ints([2])]],
  ["Xor", [Constant.fromNumbers("bool", [0, 1, 1], [3]), Constant.fromNumbers("bool", [1], [1])]],
  ["Sign", [floats([-2, 0, 3])]],
  ["Round", [floats([0.5, 1.5, 2.5, -0.5, -1.5, 2.3])]],
  ["Sin", [floats([0.5, 2, -3])]],
  ["Cos", [floats([0.5, 2, -3])]],
  ["IsNaN", [floats([1, Number.NaN, 3])]],
  ["IsInf", [floats([1, Number.NEGATIVE_INFINITY, 3])]],
  ["ReduceMin", [square], { axes: [1], keepdims: 0 }],
  ["ScatterND", [square, ints([2, 0], [2, 1]), floats([1, 1, 1, 2, 2, 2], [2, 3])]],
  ["ScatterND", [square, ints([-1, 0, 0, 2], [2, 2]), floats([10, 20])], { reduction: "add" }],
  ["ScatterND", [square, ints([1, 1, 1, 1], [2, 2]), floats([10, 20])], { reduction: "mul" }],
  ["ScatterElements", [square, ints([1, 0, 2], [1, 3]), floats([10, 20, 30], [1, 3])], { axis: 0 }],
  ["ScatterElements", [square, ints([1, -1], [2, 1]), floats([10, 20], [2, 1])], { axis: 1, reduction: "add" }],
  ["Trilu", [square]],
  ["Trilu", [square, one(1)], { upper: 0 }],
  ["Trilu", [floats([1, 2, 3, 4, 5, 6], [1, 2, 3]), one(-1)], { upper: 1 }],
  ["CumSum", [square, one(0)]],
  ["CumSum", [square, one(1)], { exclusive: 1, reverse: 1 }],
  ["CumSum", [square, one(-1)], { reverse: 1 }],
  ["OneHot", [ints([0, 2, -1]), one(3), floats([-1, 1])]],
  ["OneHot", [ints([0, 2]), one(3), ints([0, 5])], { axis: 0 }],
  ["EyeLike", [square], { k: 1 }],
  ["EyeLike", [ints([1, 2, 3, 4], [2, 2])], { dtype: 1 }],
  ["NonZero", [floats([0, 2, 0, 3, 0, 0], [2, 3])]],
  ["GatherND", [square, ints([2, 0, -1, 1], [2, 2])]],
  ["GatherElements", [square, ints([2, 0, -1], [1, 3])], { axis: 0 }],
  ["GatherElements", [square, ints([2, 0, -1, 1], [2, 2])], { axis: 1 }],
  ["GatherND", [floats([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [2, 2, 3]), ints([1, 0], [2, 1])], { batch_dims: 1 }],
  ["GatherND", [square, ints([2, 0], [2, 1])]],
  ["Gather", [square, ints([2, 0, -1, 1], [2, 2])], { axis: 1 }],
  ["Gather", [square, one(-1)], { axis: 0 }],
  ["Trilu", [floats([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [2, 3, 2]), one(0)], { upper: 0 }],
  ["Pad", [floats([5, 7]), ints([1, 2])], { mode: "edge" }],
  ["Pad", [square, ints([2, 0, 1, 1])], { mode: "reflect" }],
  ["Pad", [floats([5, 7, 9], [1, 3, 1, 1]), ints([0, 1, 0, 0, 0, 2, 0, 0])], { mode: "reflect" }],
  ["Pad", [floats([5, 7, 9], [3, 1, 1, 1]), ints([1, 0, 0, 0, 2, 0, 0, 0])], { mode: "edge" }],
];

describe("arithmetic on constants", () => {
  trials.forEach(([op, inputs, attributes = {}], n) => {
    it(`${op} (${n}) as onnxruntime`, async () => {
      const names = inputs.map((given, i) => (given === "" ? "" : `c${i}`));
      const node = (name: string, read: string[], made: string, more: Record<string, Attribute> = {}): Node => ({
        ...{ name: made, op: name, inputs: read, outputs: [made], attributes: new Map(Object.entries(more)) },
      });
      const graph: Graph = {
        ...{ name: op, opset: 17, inputs: [{ name: "x", shape: [1] }], outputs: ["y"], metadata: new Map() },
        nodes: [node(op, names, "k", attributes), node("Cast", ["k"], "f", { to: 1 }), node("Add", ["f", "x"], "y")],
        constants: new Map(inputs.flatMap((given, i) => (given === "" ? [] : [[`c${i}`, given] as const]))),
      };
      const x = Float32Array.of(0.25);
      const runner = new Runner(graph);
      const { data, dims } = (await reference(graph, x)).get("y") as { data: Float32Array; dims: readonly number[] };
      expect(runner.shapeOf("y")).toEqual([...dims]);
      const found = runner.forward(x);
      data.forEach((value, i) => {
        expect(found[i]).toBeCloseTo(value, 5);
      });
    });
  });
});
