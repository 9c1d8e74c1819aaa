/** Loops whose rounds are known run as those rounds, as onnxruntime runs them; all others are refused by the reason. */
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { loadModel, saliency, Tensor, UnsupportedOperatorError } from "../../src/index";
import { type GraphParts, type NodeParts, onnxFile, rawFloats } from "./protobuf";

const [float, int64, bool] = [1, 7, 9];
const whole = (name: string, value: number, dims: number[] = []) => ({
  ...{ name, type: int64, dims },
  raw: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
});
const flag = (name: string, value: number) => ({ name, type: bool, dims: [], raw: Uint8Array.of(value) });

/** A value that is doubled by a constant of the body and shifted by the round's number; every round's value is kept too. */
const doubling: GraphParts = {
  inputs: { i: [int64, []], going: [bool, []], v: [float, [1, 4]] },
  nodes: [
    { op: "Cast", inputs: ["i"], outputs: ["number"], attributes: { to: float } },
    { op: "Mul", inputs: ["v", "two"], outputs: ["twice"] },
    { op: "Add", inputs: ["twice", "number"], outputs: ["shifted"] },
    { op: "Add", inputs: ["shifted", "square"], outputs: ["next"] },
    { op: "Identity", inputs: ["going"], outputs: ["goes"] },
    { op: "Neg", inputs: ["next"], outputs: ["kept"] },
  ],
  outputs: ["goes", "next", "kept"],
  tensors: [{ name: "two", type: float, dims: [1], raw: rawFloats(2) }],
};

function file(
  loop: NodeParts,
  outputs: Record<string, readonly number[]>,
  { count = 3, x = [1, 4] }: { readonly count?: number; readonly x?: readonly number[] } = {},
): Uint8Array {
  return onnxFile({
    inputs: { x },
    outputs,
    nodes: [
      { op: "Mul", inputs: ["x", "x"], outputs: ["square"] },
      loop,
      { op: "Relu", inputs: ["last"], outputs: ["y"] },
      { op: "Relu", inputs: ["all"], outputs: ["z"] },
    ].filter((_, i) => i < 3 || "z" in outputs) as NodeParts[],
    tensors: [whole("count", count), flag("yes", 1), flag("no", 0)],
  });
}

const loopOf = (body: GraphParts, condition = "yes", outputs = ["last", "all"]): NodeParts => ({
  ...{ name: "loop", op: "Loop", inputs: ["count", condition, "x"], outputs, attributes: { body } },
});

const data = Float32Array.of(1, -2, 3, -4);

async function agrees(bytes: Uint8Array, shape: readonly number[] = [1, 4]): Promise<void> {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => data[i % 4] + i / 8);
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
  const expected = await session.run({ x: new ort.Tensor("float32", values, [...shape]) });
  for (const [name, tensor] of Object.entries(expected)) {
    using model = await loadModel(bytes, { output: name });
    const { output } = await model.run(new Tensor(values, [...shape]));
    const found = [...output.data];
    expect(found, name).toHaveLength((tensor.data as Float32Array).length);
    (tensor.data as Float32Array).forEach((value, i) => {
      expect(found[i], name).toBeCloseTo(value, 4);
    });
  }
}

/** Sums that grow, of the elements of what it walks. */
const growing: GraphParts = {
  inputs: { sum: [float, [1]], element: [float, [1]] },
  nodes: [
    { op: "Mul", inputs: ["element", "half"], outputs: ["part"] },
    { op: "Add", inputs: ["sum", "part"], outputs: ["more"] },
    { op: "Identity", inputs: ["more"], outputs: ["step"] },
  ],
  outputs: ["more", "step"],
  tensors: [{ name: "half", type: float, dims: [1], raw: rawFloats(0.5) }],
};

describe("a Loop", () => {
  it.each([1, 2, 3])("may hold a Scan, in %i rounds", (count) => {
    const body: GraphParts = {
      inputs: { i: [int64, []], going: [bool, []], v: [float, [1, 4]] },
      nodes: [
        { op: "Transpose", inputs: ["v"], outputs: ["walked"], attributes: { perm: [1, 0] } },
        {
          ...{ name: "inner", op: "Scan", inputs: ["nothing", "walked"], outputs: ["sum", "sums"] },
          attributes: { body: growing, num_scan_inputs: 1 },
        },
        { op: "Transpose", inputs: ["sums"], outputs: ["turned"], attributes: { perm: [1, 0] } },
        { op: "Add", inputs: ["turned", "sum"], outputs: ["next"] },
        { op: "Identity", inputs: ["going"], outputs: ["goes"] },
      ],
      outputs: ["goes", "next"],
      tensors: [{ name: "nothing", type: float, dims: [1], raw: rawFloats(0) }],
    };
    return agrees(file(loopOf(body, "yes", ["last"]), { y: [1, 4] }, { count }));
  });
  it("that runs no round and gathers is refused as such", async () => {
    const none = file(loopOf(doubling), { y: [1, 4], z: [0, 1, 4] }, { count: 0 });
    await expect(loadModel(none, { output: "z" })).rejects.toThrow(/runs no round, and what it gathers is empty/);
  });
  it("runs its rounds, hands values on and keeps each round's", () =>
    agrees(file(loopOf(doubling), { y: [1, 4], z: [3, 1, 4] })));
  it("hands its values through where it does not run", async () => {
    await agrees(file(loopOf({ ...doubling, outputs: ["goes", "next"] }, "no", ["last"]), { y: [1, 4] }));
    await agrees(
      file(loopOf({ ...doubling, outputs: ["goes", "next"] }, "yes", ["last"]), { y: [1, 4] }, { count: 0 }),
    );
  });
  it("ends after a round whose condition is false", async () => {
    const once = { ...doubling, outputs: ["no", "next", "kept"] };
    const within = {
      ...once,
      tensors: [...(doubling.tensors ?? []), flag("stop", 0)],
      outputs: ["stop", "next", "kept"],
    };
    await agrees(file(loopOf(within), { y: [1, 4], z: [1, 1, 4] }));
  });
  it("may hold another one, and a branch", async () => {
    const inner: GraphParts = {
      inputs: { j: [int64, []], on: [bool, []], w: [float, [1, 4]] },
      nodes: [
        { op: "Sub", inputs: ["w", "half"], outputs: ["less"] },
        { op: "Identity", inputs: ["on"], outputs: ["stays"] },
      ],
      outputs: ["stays", "less"],
      tensors: [{ name: "half", type: float, dims: [1], raw: rawFloats(0.5) }],
    };
    const first: GraphParts = { nodes: [{ op: "Neg", inputs: ["v"], outputs: ["r"] }], outputs: ["r"] };
    const later: GraphParts = { nodes: [{ op: "Add", inputs: ["v", "square"], outputs: ["r"] }], outputs: ["r"] };
    const outer: GraphParts = {
      inputs: { i: [int64, []], going: [bool, []], v: [float, [1, 4]] },
      nodes: [
        { op: "Equal", inputs: ["i", "zero"], outputs: ["isFirst"] },
        { op: "If", inputs: ["isFirst"], outputs: ["chosen"], attributes: { then_branch: first, else_branch: later } },
        { op: "Loop", inputs: ["twoRounds", "going", "chosen"], outputs: ["next"], attributes: { body: inner } },
        { op: "Identity", inputs: ["going"], outputs: ["goes"] },
        { op: "Identity", inputs: ["next"], outputs: ["kept"] },
      ],
      outputs: ["goes", "next", "kept"],
      tensors: [whole("zero", 0), whole("twoRounds", 2)],
    };
    await agrees(file(loopOf(outer), { y: [1, 4], z: [3, 1, 4] }));
  });
  it("has gradients through its rounds", async () => {
    using model = await loadModel(file(loopOf(doubling), { y: [1, 4] }));
    const { values } = await saliency(model, new Tensor(Float32Array.of(1, 2, 3, 4), [1, 4]), { target: 2 });
    // y = 8x + 7x² + 4
    expect(values.data[2]).toBeCloseTo(8 + 14 * 3, 3);
  });
  const refused: Readonly<Record<string, readonly [() => Uint8Array, RegExp]>> = {
    "that asks the image how long": [
      () => {
        const going: NodeParts = { op: "Less", inputs: ["next", "square"], outputs: ["less"] };
        const sum: NodeParts = { op: "ReduceMax", inputs: ["less"], outputs: ["goes"], attributes: { keepdims: 0 } };
        const nodes = [...doubling.nodes.filter(({ outputs }) => outputs[0] !== "goes"), going, sum];
        return file(loopOf({ ...doubling, nodes }), { y: [1, 4] });
      },
      /Loop \(at "loop": its condition is computed in every round\)/,
    ],
    "without an end": [
      () => file({ ...loopOf(doubling), inputs: ["", "yes", "x"] }, { y: [1, 4] }),
      /Loop \(at "loop": it never ends\)/,
    ],
    "that an image counts": [
      () =>
        onnxFile({
          ...{ inputs: { x: [1, 4] }, outputs: { last: [1, 4] } },
          nodes: [
            { op: "ReduceMax", inputs: ["x"], outputs: ["most"], attributes: { keepdims: 0 } },
            { op: "Cast", inputs: ["most"], outputs: ["count"], attributes: { to: int64 } },
            { op: "Mul", inputs: ["x", "x"], outputs: ["square"] },
            loopOf({ ...doubling, outputs: ["goes", "next"] }, "yes", ["last"]),
          ],
          tensors: [flag("yes", 1)],
        }),
      /Loop \(at "loop": how often it runs depends on the image\)/,
    ],
  };
  for (const [what, [make, message]] of Object.entries(refused)) {
    it(`${what} is refused`, async () => {
      await expect(loadModel(make())).rejects.toThrow(message);
      await expect(loadModel(make())).rejects.toBeInstanceOf(UnsupportedOperatorError);
    });
  }
  it("of a billion rounds is refused before they are written", async () => {
    await expect(loadModel(file(loopOf(doubling), { y: [1, 4] }, { count: 1e9 }))).rejects.toThrow(/limits\.nodes/);
  });
});

describe("a Scan", () => {
  const running: GraphParts = {
    inputs: { sum: [float, [1, 4]], row: [float, [1, 4]] },
    nodes: [
      { op: "Add", inputs: ["sum", "row"], outputs: ["next"] },
      { op: "Mul", inputs: ["next", "row"], outputs: ["kept"] },
    ],
    outputs: ["next", "kept"],
  };
  const scan = (attributes: Record<string, readonly number[]>, start: NodeParts): Uint8Array =>
    onnxFile({
      ...{ inputs: { x: [1, 3, 4] }, outputs: { last: [1, 4], all: [1, 3, 4] } },
      nodes: [
        start,
        {
          ...{ name: "scan", op: "Scan", inputs: ["start", "x"], outputs: ["last", "all"] },
          attributes: { body: running, num_scan_inputs: 1, ...attributes },
        },
      ],
      tensors: [whole("one", 1, [1])],
    });
  const start: NodeParts = {
    op: "ReduceMax",
    inputs: ["x", "one"],
    outputs: ["start"],
    attributes: { keepdims: 0 },
  };
  it("walks an axis and keeps a slice of each round", () =>
    agrees(scan({ scan_input_axes: [1], scan_output_axes: [1] }, start), [1, 3, 4]));
  it("walks backwards on either side", async () => {
    const axes = { scan_input_axes: [1], scan_output_axes: [1] };
    await agrees(scan({ ...axes, scan_input_directions: [1] }, start), [1, 3, 4]);
    await agrees(scan({ ...axes, scan_output_directions: [1] }, start), [1, 3, 4]);
  });
});

it("loads what writes a loop and an operator for the sake of a graph inside of the file's alone", async () => {
  const body: GraphParts = {
    inputs: { i: [int64, []], going: [bool, []], v: [float, [1, 4]] },
    nodes: [
      { op: "Softsign", inputs: ["v"], outputs: ["next"] },
      { op: "Identity", inputs: ["going"], outputs: ["goes"] },
    ],
    outputs: ["goes", "next"],
  };
  const taken: GraphParts = { nodes: [loopOf(body, "yes", ["inner"])], outputs: ["inner"] };
  const other: GraphParts = { nodes: [{ op: "Identity", inputs: ["x"], outputs: ["same"] }], outputs: ["same"] };
  const choice: NodeParts = {
    ...{ name: "choice", op: "If", inputs: ["yes"], outputs: ["last"] },
    attributes: { then_branch: taken, else_branch: other },
  };
  await agrees(file(choice, { y: [1, 4] }));
});
