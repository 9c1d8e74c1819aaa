/**
 * Files of graphs inside of graphs: branches, loops, scans and functions that call one another, deep, often, in circles, with parts
 * missing and names that are long. Each loads and runs or is refused by a typed error, soon and within its memory.
 */
import { describe, expect, it } from "vitest";
import { loadModel, Tensor } from "../../src/index";
import {
  type FunctionParts,
  functionDomain,
  type GraphParts,
  type NodeParts,
  onnxFile,
  rawFloats,
} from "../onnx/protobuf";
import { expectSound, tryAll } from "./mutants";

type Below = (n: number) => number;
const pick = <T>(list: readonly T[], below: Below): T => list[below(list.length)];
/** One in `n`. */
const seldom = (n: number, below: Below): boolean => below(n) === 0;

const [float, int64, bool] = [1, 7, 9];
const whole = (name: string, value: bigint, dims: number[] = []) => ({
  ...{ name, type: int64, dims },
  raw: new Uint8Array(BigInt64Array.of(value).buffer),
});
const flag = (name: string, value: number) => ({ name, type: bool, dims: [], raw: Uint8Array.of(value) });

const counts = [0n, 1n, 2n, 3n, 7n, 40n, 1000n, 100_000n, 2n ** 31n, 2n ** 62n, -1n, -(2n ** 63n)];
const outside = [
  ...counts.map((value, i) => whole(`count${i}`, value)),
  flag("yes", 1),
  flag("no", 0),
  { name: "two", type: float, dims: [1], raw: rawFloats(2) },
];

/** What a file is made of, as far as it has come. */
interface Made {
  readonly below: Below;
  /** Nodes that may still be written. */
  room: number;
  names: number;
  readonly functions: number;
  readonly longest: number;
  /** How many times seldomer than usual something is wrong. */
  readonly care: number;
}

const nameOf = (made: Made): string => {
  const name = `v${made.names++}`;
  return seldom(12, made.below) ? name.padEnd(1 + made.below(made.longest), "ü") : name;
};

const conditions = ["yes", "yes", "no", "no", "count1", "x", "", "missing", "c"];

function nodesOf(made: Made, seen: readonly string[], depth: number): { nodes: NodeParts[]; values: string[] } {
  const { below, care } = made;
  const values = [...seen];
  const nodes: NodeParts[] = [];
  const value = (): string =>
    seldom(60 * care, below) ? pick(["missing", "", "two", "yes"], below) : pick(values.slice(-4), below);
  for (let n = 1 + below(4); n > 0 && made.room > 0; n--) {
    made.room -= 1;
    const output = seldom(80 * care, below) ? pick(values, below) : nameOf(made);
    const kind = depth > 0 ? below(9) : below(4);
    const name = seldom(3, below) ? nameOf(made) : undefined;
    const common = { ...(name !== undefined && { name }), outputs: [output] };
    if (kind <= 1) nodes.push({ ...common, op: pick(["Relu", "Neg", "Identity"], below), inputs: [value()] });
    else if (kind === 2) nodes.push({ ...common, op: "Add", inputs: [value(), value()] });
    else if (kind === 3 && made.functions > 0)
      nodes.push({ ...common, ...called(made, below(made.functions)), inputs: [value()] });
    else if (kind <= 6) {
      const branches = Object.fromEntries(
        ["then_branch", "else_branch"]
          .filter(() => !seldom(25 * care, below))
          .map((key) => [key, graphOf(made, values, depth)]),
      );
      nodes.push({
        ...common,
        op: "If",
        inputs: [conditions[below(care > 1 ? 5 : conditions.length)]],
        attributes: branches,
      });
    } else if (kind === 7) {
      const own = { i: [int64, []], going: [bool, []], v: [float, [1, 4]] } as const;
      const body = graphOf(made, [...values, "v"], depth, own, ["going"]);
      const inputs = [
        seldom(9, below) ? "" : `count${below(counts.length)}`,
        pick(["yes", "", "yes", "no", "x"], below),
        value(),
      ];
      const attributes: NodeParts["attributes"] = seldom(25 * care, below) ? {} : { body };
      nodes.push({ ...common, op: "Loop", inputs, attributes });
    } else {
      const own = { s: [float, [4]], e: [float, [4]] } as const;
      const attributes = {
        ...(!seldom(25 * care, below) && { body: graphOf(made, [...values, "s", "e"], depth, own, ["s"]) }),
        ...(!seldom(25 * care, below) && { num_scan_inputs: pick([1, 1, 1, 0, 2, -1, 2 ** 31], below) }),
      };
      nodes.push({ ...common, op: "Scan", inputs: [value(), value()], attributes });
    }
    values.push(output);
  }
  return { nodes, values };
}

const called = ({ below, care }: Made, which: number) => ({
  op: `F${which}`,
  ...(!seldom(20 * care, below) && { domain: functionDomain }),
});

function graphOf(
  made: Made,
  seen: readonly string[],
  depth: number,
  inputs?: GraphParts["inputs"],
  first: readonly string[] = [],
): GraphParts {
  const { below, care } = made;
  const { nodes, values } = nodesOf(made, seen, depth - 1);
  const outputs = [...first, values[values.length - 1]];
  if (seldom(40 * care, below)) outputs.pop();
  return {
    nodes: seldom(60 * care, below) ? [] : nodes,
    outputs,
    tensors: [flag("c", below(2))],
    ...(inputs && { inputs }),
  };
}

function functionsOf(made: Made): FunctionParts[] {
  const { below, care, functions } = made;
  return Array.from({ length: functions }, (_, own): FunctionParts => {
    // Mostly the next one, twice: each doubles what there is.
    const next = (): number => (seldom(12 * care, below) ? below(functions + 1) : own + 1);
    const { nodes, values } = seldom(8, below) ? nodesOf(made, ["a"], 1) : { nodes: [], values: ["a"] };
    for (let n = below(4); n > 0; n--) {
      const output = nameOf(made);
      const which = next();
      const call = which < functions || care === 1 ? called(made, which) : { op: "Neg" };
      nodes.push({ ...call, inputs: [pick(values, below)], outputs: [output] });
      values.push(output);
    }
    return {
      name: `F${own}`,
      inputs: seldom(20 * care, below) ? [] : ["a"],
      outputs: [values[values.length - 1]],
      nodes,
    };
  });
}

function wildFile(below: Below): Uint8Array {
  const made: Made = {
    ...{ care: pick([1, 20, 100], below), below, names: 0, room: pick([10, 60, 300, 1000], below) },
    ...{ functions: pick([0, 2, 6, 20, 60, 400], below), longest: pick([10, 300, 20_000, 70_000], below) },
  };
  const depth = pick([1, 2, 4, 8, 19, 30, 60], below);
  const { nodes, values } = nodesOf(made, ["x"], depth);
  while (nodes.length < 3) {
    nodes.push({
      op: "If",
      inputs: ["yes"],
      outputs: [`n${nodes.length}`],
      attributes: {
        then_branch: graphOf(made, values, depth),
        else_branch: graphOf(made, values, depth),
      },
    });
    values.push(`n${nodes.length - 1}`);
  }
  const functions = functionsOf(made);
  return onnxFile({
    inputs: { x: [1, 4] },
    outputs: { [values[values.length - 1]]: [1, 4] },
    nodes,
    functions,
    tensors: outside,
  });
}

const x = new Tensor(Float32Array.of(-1, 2, 3, -4), [1, 4]);

describe("graphs inside of graphs", () => {
  it("end, thousands of them, in typed errors or results", async () => {
    const before = process.resourceUsage().maxRSS;
    let ran = 0;
    const found = await tryAll(1500, 17, async (below) => {
      // The first numbers of neighbouring seeds are alike.
      below(7);
      below(7);
      using model = await loadModel(wildFile(below), { maxMemory: 256 * 2 ** 20 });
      await model.run(x);
      ran += 1;
    });
    expectSound(`Control flow (${ran} ran)`, found);
    expect(ran).toBeGreaterThan(100);
    expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(400);
  }, 300_000);

  const branch = (op: string, count = 1): GraphParts => ({
    nodes: Array.from({ length: count }, (_, i) => ({ op, inputs: [i === 0 ? "x" : `r${i - 1}`], outputs: [`r${i}`] })),
    outputs: [`r${count - 1}`],
  });
  const choice = (name: string, taken: GraphParts, output: string): NodeParts => ({
    ...{ name, op: "If", inputs: ["yes"], outputs: [output] },
    attributes: { then_branch: taken, else_branch: branch("Abs") },
  });
  const file = (...nodes: readonly NodeParts[]): Uint8Array =>
    onnxFile({ inputs: { x: [1, 4] }, outputs: { y: [1, 4] }, nodes, tensors: outside });

  it.each([
    ["choices of one name", ["same", "same"], ["a", "b"]],
    ["names that look like those inside of another choice", ["same", "other"], ["a", "same/then_branch/r0"]],
    ["names that are alike in their last letters", [`1${"n".repeat(1000)}`, `2${"n".repeat(1000)}`], ["a", "b"]],
  ])("keep %s apart", async (_, [one, two], [a, b]) => {
    const sum: NodeParts = { op: "Sub", inputs: [a, b], outputs: ["y"] };
    using model = await loadModel(file(choice(one, branch("Neg"), a), choice(two, branch("Relu"), b), sum));
    expect([...(await model.run(x)).output.data]).toEqual([1, -4, -6, 4]);
  });

  it("do not repeat a long name for each value inside", async () => {
    const before = process.resourceUsage().maxRSS;
    using model = await loadModel(file(choice("n".repeat(60_000), branch("Relu", 4000), "y")));
    expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(200);
    expect(Math.max(...model.layers.map(({ name }) => name.length))).toBeLessThan(400);
  }, 60_000);

  it("do not repeat long names in thousands of rounds", async () => {
    const body: GraphParts = {
      inputs: { i: [int64, []], going: [bool, []], v: [float, [1, 4]] },
      nodes: [{ op: "Neg", inputs: ["v"], outputs: ["n".repeat(60_000)] }],
      outputs: ["going", "n".repeat(60_000)],
    };
    const loop: NodeParts = { op: "Loop", inputs: ["thousands", "yes", "x"], outputs: ["y"], attributes: { body } };
    const tensors = [whole("thousands", 4000n), ...outside];
    const bytes = onnxFile({ inputs: { x: [1, 4] }, outputs: { y: [1, 4] }, nodes: [loop], tensors });
    await expect(loadModel(bytes)).rejects.toMatchObject({ limit: "textBytes" });
  });

  /** Loops inside of one another, of two rounds each; the innermost turns signs. */
  const loops = (depth: number): Uint8Array => {
    const body = (d: number): GraphParts => ({
      inputs: { [`i${d}`]: [int64, []], [`going${d}`]: [bool, []], [`v${d}`]: [float, [1, 4]] },
      nodes:
        d === depth
          ? [{ op: "Neg", inputs: [`v${d}`], outputs: [`o${d}`] }]
          : [{ op: "Loop", inputs: ["count2", "yes", `v${d}`], outputs: [`o${d}`], attributes: { body: body(d + 1) } }],
      outputs: [`going${d}`, `o${d}`],
    });
    return file({ op: "Loop", inputs: ["count2", "yes", "x"], outputs: ["y"], attributes: { body: body(1) } });
  };

  it("write out loops in loops in loops, as far as the nodes that a network may have", async () => {
    using model = await loadModel(loops(11));
    expect([...(await model.run(x)).output.data]).toEqual([-1, 2, 3, -4]);
    await expect(loadModel(loops(14))).rejects.toMatchObject({ limit: "nodes" });
    await expect(loadModel(loops(20))).rejects.toMatchObject({ limit: "nodes" });
  }, 60_000);

  it("take choices in choices in choices that read thousands of values of outside", async () => {
    const count = 4000;
    const before = Array.from({ length: count }, (_, i) => ({
      ...{ op: "Relu", inputs: [i === 0 ? "x" : `p${i - 1}`], outputs: [`p${i}`] },
    }));
    const all = Array.from({ length: count }, (_, i) => `p${i}`);
    const inside = (d: number): GraphParts => ({
      nodes: [
        d === 0
          ? { op: "Sum", inputs: all, outputs: ["sum"] }
          : choice(`choice ${d}`, inside(d - 1), d === 1 ? "sum" : `taken${d}`),
      ],
      outputs: [d <= 1 ? "sum" : `taken${d}`],
    });
    using model = await loadModel(file(...before, choice("outermost", inside(18), "y")));
    expect([...(await model.run(x)).output.data]).toEqual([0, count * 2, count * 3, 0]);
  }, 60_000);

  it("do not repeat what a choice reads in every round", async () => {
    const count = 9000;
    const values = Array.from({ length: count }, (_, i) => `p${i}`);
    const body: GraphParts = {
      inputs: { i: [int64, []], going: [bool, []], v: [float, [1, 4]] },
      nodes: [
        choice("inside", { nodes: [{ op: "Sum", inputs: ["v", ...values], outputs: ["s"] }], outputs: ["s"] }, "o"),
      ],
      outputs: ["going", "o"],
    };
    const before = values.map((name) => ({ op: "Relu", inputs: ["x"], outputs: [name] }));
    const loop: NodeParts = { op: "Loop", inputs: ["rounds", "yes", "x"], outputs: ["y"], attributes: { body } };
    const tensors = [whole("rounds", 1000n), ...outside];
    const bytes = onnxFile({ inputs: { x: [1, 4] }, outputs: { y: [1, 4] }, nodes: [...before, loop], tensors });
    await expect(loadModel(bytes)).rejects.toMatchObject({ limit: "textBytes" });
  });

  it("name thousands of choices of one name without counting through all of them", async () => {
    const count = 2500;
    const nodes = Array.from({ length: count }, (_, i) => ({
      ...choice("same", branch("Neg"), i === count - 1 ? "y" : `c${i}`),
    }));
    using model = await loadModel(file(...nodes));
    expect([...(await model.run(x)).output.data]).toEqual([1, -2, -3, 4]);
  }, 60_000);
});
