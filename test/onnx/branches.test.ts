import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { UnsupportedOperatorError } from "../../src/errors";
import { loadModel, Tensor } from "../../src/index";
import { type GraphParts, type NodeParts, onnxFile, rawFloats } from "./protobuf";

/** Doubles a value of outside by a constant of its own. */
const doubled: GraphParts = {
  nodes: [{ op: "Mul", inputs: ["steep", "two"], outputs: ["r"] }],
  outputs: ["r"],
  tensors: [{ name: "two", type: 1, dims: [1], raw: rawFloats(2) }],
};
/** A name of the other branch stands for something else here. */
const passed: GraphParts = {
  nodes: [
    { op: "Neg", inputs: ["x"], outputs: ["two"] },
    { op: "Identity", inputs: ["two"], outputs: ["r"] },
  ],
  outputs: ["r"],
};

/** Squeezes where the last axis has one element, as exporters of PyTorch write it. */
const file = (condition: readonly NodeParts[], branches: Record<string, GraphParts>): Uint8Array =>
  onnxFile({
    inputs: { x: [1, 4] },
    outputs: { y: [1, 4] },
    nodes: [
      { op: "Mul", inputs: ["x", "x"], outputs: ["steep"] },
      ...condition,
      { name: "choice", op: "If", inputs: ["c"], outputs: ["chosen"], attributes: branches },
      { op: "Relu", inputs: ["chosen"], outputs: ["y"] },
    ],
    tensors: [
      { name: "four", type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(4n).buffer) },
      { name: "last", type: 7, dims: [1], raw: new Uint8Array(BigInt64Array.of(1n).buffer) },
    ],
  });

const widthIs = (name: string): NodeParts[] => [
  { op: "Shape", inputs: ["x"], outputs: ["s"] },
  { op: "Gather", inputs: ["s", "last"], outputs: ["w"] },
  { op: "Equal", inputs: ["w", name], outputs: ["c"] },
];

const data = Float32Array.of(1, -2, 3, -4);

describe("an If", () => {
  for (const [what, name, expected] of [
    ["then", "four", [2, 8, 18, 32]],
    ["else", "last", [0, 2, 0, 4]],
  ] as const) {
    it(`takes its ${what} branch where its condition follows from the input's size, as onnxruntime does`, async () => {
      const bytes = file(widthIs(name), { then_branch: doubled, else_branch: passed });
      using model = await loadModel(bytes);
      const { output } = await model.run(new Tensor(data, [1, 4]));
      expect([...output.data]).toEqual(expected);
      const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
      const { y } = await session.run({ x: new ort.Tensor("float32", data, [1, 4]) });
      expect([...(y.data as Float32Array)]).toEqual(expected);
    });
  }

  it("does not mind what it does not take", async () => {
    const unknown: GraphParts = { nodes: [{ op: "Unheard", inputs: ["x"], outputs: ["r"] }], outputs: ["r"] };
    using model = await loadModel(file(widthIs("four"), { then_branch: doubled, else_branch: unknown }));
    expect((await model.run(new Tensor(data, [1, 4]))).output.data[1]).toBe(8);
    const taken = loadModel(file(widthIs("last"), { then_branch: doubled, else_branch: unknown }));
    await expect(taken).rejects.toThrow(/Unheard \(at "choice\/else_branch\/r": the operator is not known\)/);
  });

  it("is refused where the image decides", async () => {
    const decided: NodeParts[] = [
      { op: "ReduceMax", inputs: ["x"], outputs: ["m"] },
      { op: "Cast", inputs: ["m"], outputs: ["c"], attributes: { to: 9 } },
    ];
    const refused = loadModel(file(decided, { then_branch: doubled, else_branch: passed }));
    await expect(refused).rejects.toThrow(UnsupportedOperatorError);
    await expect(refused).rejects.toThrow(/If \(at "choice": its condition depends on the image\)/);
  });

  it("stands inside of another one, and graphs without end are no network", async () => {
    const inner = (branch: GraphParts): GraphParts => ({
      nodes: [
        { op: "Abs", inputs: ["steep"], outputs: ["two"] },
        { op: "If", inputs: ["c"], outputs: ["r"], attributes: { then_branch: branch, else_branch: doubled } },
      ],
      outputs: ["r"],
    });
    // Reads a value of the branch around it, whose name is that of another value elsewhere.
    const reading: GraphParts = { nodes: [{ op: "Sqrt", inputs: ["two"], outputs: ["r"] }], outputs: ["r"] };
    const bytes = file(widthIs("four"), { then_branch: inner(reading), else_branch: passed });
    using model = await loadModel(bytes);
    expect([...(await model.run(new Tensor(data, [1, 4]))).output.data]).toEqual([1, 2, 3, 4]);
    let deep = doubled;
    for (let i = 0; i < 30; i++) deep = inner(deep);
    const endless = (): Promise<unknown> =>
      loadModel(file(widthIs("four"), { then_branch: deep, else_branch: passed }));
    await expect(endless()).rejects.toThrow(
      /graphs inside of graphs, too deep: 21, and at most 20 are allowed \(limits\.subgraphs\)/,
    );
  });
});
