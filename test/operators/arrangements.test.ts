/** Operators that move elements are described once; what is read off the description must agree: constants, the operation, receptive fields. */
import { expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import { unravel } from "../../src/graph/regions";
import { evaluate } from "../../src/operators/evaluate";
import { dependsOn } from "../../src/operators/reach";
import { operators } from "../../src/operators/table";
import { sizeOf } from "../../src/tensor";
import { ints } from "../graph/build";
import { type Case, graphOf, Runner, reference, values } from "./harness";

const list = (shape: readonly number[], ...numbers: number[]): Constant => Constant.fromNumbers("int", numbers, shape);
const other = Constant.fromFloats(new Float32Array(12).fill(-1), [1, 2, 2, 3]);
const x = [1, 4, 2, 3];

const cases: readonly Case[] = [
  { op: "Concat", shape: x, attributes: { axis: 1 }, constants: [other], dataPosition: 1 },
  { op: "Concat", shape: x, attributes: { axis: 1 }, constants: [other] },
  { op: "DepthToSpace", shape: [1, 12, 2, 3], attributes: { blocksize: 2 } },
  { op: "DepthToSpace", shape: [1, 12, 2, 3], attributes: { blocksize: 2, mode: "CRD" } },
  { op: "SpaceToDepth", shape: [1, 3, 4, 6], attributes: { blocksize: 2 } },
  { op: "Expand", shape: [4, 1, 3], constants: [ints(1, 4, 2, 3)] },
  { op: "Gather", shape: x, attributes: { axis: 1 }, constants: [ints(2, -1, 2)] },
  { op: "Gather", shape: x, attributes: { axis: 1 }, constants: [ints(3, 0, 2, 1)] },
  { op: "Gather", shape: x, attributes: { axis: -1 }, constants: [list([], 1)] },
  { op: "Gather", shape: [1, 4, 5], attributes: { axis: 2 }, constants: [list([2, 3], 0, 4, 1, -1, 2, 0)] },
  { op: "Gather", shape: [1, 5, 3], attributes: { axis: 1 }, constants: [list([2, 2], 0, 4, 1, 3)] },
  {
    op: "GatherElements",
    shape: x,
    attributes: { axis: 1 },
    constants: [list([1, 2, 2, 3], 0, 3, 1, 2, -1, 0, 3, 3, 1, 0, 2, -2)],
  },
  { op: "GatherND", shape: x, constants: [list([3, 2], 0, 3, 0, 1, 0, -2)] },
  { op: "Pad", shape: x, constants: [ints(0, 1, -1, 0, 0, 0, 2, -1)] },
  { op: "Slice", shape: x, constants: [ints(3, 0), ints(-9, 2), ints(1, 3), ints(-2, 1)] },
  { op: "Slice", shape: x, constants: [ints(-1), ints(-9), ints(2), ints(-1)] },
  { op: "Split", shape: x, attributes: { axis: 1 }, constants: [ints(1, 3)], outputs: 2 },
  { op: "Tile", shape: x, constants: [ints(1, 2, 1, 3)] },
  { op: "Tile", shape: [1, 3, 4], constants: [ints(1, 1, 2)] },
  { op: "Transpose", shape: x, attributes: { perm: [0, 3, 1, 2] } },
  { op: "Trilu", shape: x, attributes: { upper: 0 }, constants: [list([], -1)] },
  { op: "Reshape", shape: x, constants: [ints(1, 2, 12)] },
  { op: "Reshape", shape: [1, 6, 4], constants: [ints(1, 4, 6)] },
  { op: "Flatten", shape: x },
  { op: "Squeeze", shape: [1, 4, 1, 3], constants: [ints(2)] },
  { op: "Unsqueeze", shape: [1, 4, 3], constants: [ints(3)] },
];

/** A part of several inputs is none of ONNX: its sample stands with those of the completeness test. */
it("has a case for every such operator", () => {
  const tested = new Set(cases.map(({ op }) => op));
  const moving = [...operators].filter(
    ([op, { nature, arrange, reach }]) =>
      nature === "moves" && op !== "InputPart" && (arrange || reach === "row-major"),
  );
  expect(moving.map(([op]) => op).filter((op) => !tested.has(op))).toEqual([]);
});

/** Numbers that say where they come from: element i of the data is i + 1, everything else is below 1. */
const counted = (shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1);

for (const given of cases) {
  const { shape } = given;
  const name = `${given.op} of ${shape.join("×")} with ${JSON.stringify(given.attributes ?? {})} ${(given.constants ?? []).map((c) => (c === "" ? "" : c.numbers().join())).join(" ")}`;
  it(name, async () => {
    const graph = graphOf(given);
    const runner = new Runner(graph);
    const [node] = graph.nodes;
    const inputs = node.inputs.map((input) =>
      input === "x" ? Constant.fromFloats(counted(shape), shape) : graph.constants.get(input),
    );
    const shapes = inputs.map((input) => input?.shape);
    const outputs = graph.outputs.map((output) => runner.shapeOf(output));
    const folded = evaluate(node, inputs, shapes, outputs) as Constant[];
    const expected = await reference(graph, counted(shape));

    for (const [output, constant] of folded.entries()) {
      const elements = constant.floats();
      const label = graph.outputs[output];
      expect(constant.shape).toEqual(expected.get(label)?.dims);
      expect(elements, "as onnxruntime").toEqual(expected.get(label)?.data);
      expect(runner.forward(counted(shape), label), "the operation").toEqual(elements);

      // The adjoint sums what arrives at the copies of an element.
      const dy = values(constant.shape, 3);
      const sums = new Float64Array(sizeOf(shape));
      elements.forEach((element, i) => {
        if (element >= 1) sums[element - 1] += dy[i];
      });
      const dx = runner.backward(counted(shape), dy, undefined, label);
      for (const [i, sum] of sums.entries()) expect(dx[i], `adjoint at ${i}`).toBeCloseTo(sum, 5);

      const position = node.inputs.indexOf("x");
      elements.forEach((element, i) => {
        const place = unravel(i, constant.shape);
        const out = constant.shape.map((extent, axis) => new Uint8Array(extent).fill(1, place[axis], place[axis] + 1));
        const read = dependsOn(operators.get(node.op), {
          node,
          opset: graph.opset,
          out,
          output,
          shapes: inputs.map((input) => input?.shape ?? []),
          constants: node.inputs.map((input) => graph.constants.get(input)),
        })?.[position];
        const marked = read?.every((mask) => mask.includes(1))
          ? read.map((mask) => [...mask.keys()].filter((k) => mask[k]))
          : undefined;
        expect(marked, `element ${i}`).toEqual(
          element >= 1 ? unravel(element - 1, shape).map((index) => [index]) : undefined,
        );
      });
    }
  });
}

it("refuses a Gather from outside of its axis", () => {
  const gather = (axis: number, index: number) => () =>
    new Runner(graphOf({ op: "Gather", shape: x, attributes: { axis }, constants: [ints(0, index)] }));
  expect(gather(1, 4)).toThrow('Gather "Gather": index 4 is outside of the 4 elements of axis 1.');
  expect(gather(3, -4)).toThrow('Gather "Gather": index -4 is outside of the 3 elements of axis 3.');
});
