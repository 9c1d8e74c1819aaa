import { describe, expect, it } from "vitest";
import { LimitError, SeethroughError } from "../../src/errors";
import { loadModel, saliency, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];

const file = (parts: Parameters<typeof graphOf>[0]): Uint8Array => writeOnnx(graphOf(parts));

/** `count` nodes, each of the one before. */
const chain = (count: number, op: string, more: readonly string[] = []): Nodes =>
  Array.from({ length: count }, (_, i) => [op, [i === 0 ? "x" : `v${i - 1}`, ...more], [`v${i}`]]);

const x = new Tensor(Float32Array.of(-1, 2, 3, -4), [1, 4]);

describe("graphs of very many nodes", () => {
  it.each([
    ["Relu", [], 20_000],
    ["Add", ["one"], 20_000],
  ] as const)("a chain of %s loads, runs and is explained", async (op, more, count) => {
    const nodes = chain(count, op, more);
    using model = await loadModel(
      file({ inputs: { x: [1, 4] }, constants: { one: floats([1], [1 / 1024]) }, nodes, outputs: [`v${count - 1}`] }),
      { limits: { nodes: count } },
    );
    const { output } = await model.run(x);
    const shift = op === "Add" ? count / 1024 : 0;
    expect([...output.data]).toEqual([...x.data].map((value) => (op === "Add" ? value + shift : Math.max(value, 0))));
    const { values } = await saliency(model, x, { target: 2 });
    expect([...values.data]).toEqual([0, 0, 1, 0]);
  });

  it("a node that reads 20,000 values is sorted as quickly as any", async () => {
    const branches: Nodes = Array.from({ length: 20_000 }, (_, i) => ["Relu", ["x"], [`b${i}`]]);
    const joined: Nodes = [["Concat", branches.map((_, i) => `b${i}`), ["y"], { axis: 1 }]];
    // The reader stands before what it reads.
    using model = await loadModel(file({ inputs: { x: [1, 4] }, nodes: [...joined, ...branches], outputs: ["y"] }), {
      limits: { nodes: 20_001 },
    });
    const { output } = await model.run(x);
    expect(output.shape).toEqual([1, 80_000]);
    expect([...output.data.subarray(-4)]).toEqual([0, 2, 3, 0]);
  });

  it("a file that names each of 8,000 values as an output has no network for each of them", async () => {
    const nodes = chain(8000, "Relu");
    const outputs = nodes.map(([, , [name]]) => name);
    // A graph for each would fill the memory: the worker would end.
    using model = await loadModel(file({ inputs: { x: [1, 3, 8, 8] }, nodes, outputs }));
    expect(model.output.name).toBe(outputs[0]);
  });

  it("more nodes than the limit are refused by its name", async () => {
    const bytes = file({ inputs: { x: [1, 4] }, nodes: chain(30, "Relu"), outputs: ["v29"] });
    await expect(loadModel(bytes, { limits: { nodes: 20 } })).rejects.toThrow(
      /30, and at most 20 are allowed \(limits\.nodes\)/,
    );
    await expect(loadModel(bytes, { limits: { nodes: 30 } })).resolves.toBeDefined();
  });
});

describe("values beyond all bounds", () => {
  const refused = async (parts: Parameters<typeof graphOf>[0], options = {}): Promise<unknown> =>
    loadModel(file(parts), options).then(
      () => undefined,
      (error: unknown) => error,
    );

  it("a height of two thousand million is refused before a window looks at it", async () => {
    const error = await refused({
      inputs: { x: [1, 1, 2 ** 31 - 1, 1] },
      nodes: [["MaxPool", ["x"], ["y"], { kernel_shape: [2, 1] }]],
    });
    expect(error).toBeInstanceOf(LimitError);
    expect(error).toMatchObject({ limit: "elements", value: 2 ** 31 - 1, most: 2 ** 30 });
  });

  it("products of extents do not overflow", async () => {
    const error = await refused({ inputs: { x: [1, 2 ** 53 - 1, 2 ** 53 - 1, 3] }, nodes: [["Relu", ["x"], ["y"]]] });
    expect(error).toBeInstanceOf(LimitError);
  });

  it("a window wider than anything is refused, one as wide as the padding allows has no empty place", async () => {
    const pool = (attributes: Record<string, number[]>): Promise<unknown> =>
      refused({ inputs: { x: [1, 1, 4, 4] }, nodes: [["MaxPool", ["x"], ["y"], attributes]] });
    expect(await pool({ kernel_shape: [2 ** 31, 2 ** 31], pads: [2 ** 31, 2 ** 31, 2 ** 31, 2 ** 31] })).toBeInstanceOf(
      SeethroughError,
    );
    expect(String(await pool({ kernel_shape: [2, 2], pads: [0, 0, 3, 0] }))).toMatch(/lie in the padding alone/);
    expect(String(await pool({ kernel_shape: [2, 2], pads: [2, 0, 0, 0] }))).toMatch(/lie in the padding alone/);
    expect(String(await pool({ kernel_shape: [2, 2], dilations: [5, 1], pads: [1, 0, 5, 0] }))).toMatch(
      /lie in the padding alone/,
    );
    expect(await pool({ kernel_shape: [2, 2], pads: [1, 1, 1, 1] })).toBeUndefined();
    expect(await pool({ kernel_shape: [2, 2], dilations: [3, 3], pads: [2, 2, 2, 2] })).toBeUndefined();
  });

  it("a node that reads one value 200,000 times is refused at once, and may be allowed", async () => {
    const parts = {
      inputs: { x: [1, 4] },
      nodes: [["Concat", new Array<string>(200_000).fill("x"), ["y"], { axis: 1 }]] as Nodes,
    };
    expect(await refused(parts)).toMatchObject({ limit: "nodes", value: 20_000, most: 12_000 });
    expect(await refused(parts, { limits: { nodes: 20_000 } })).toBeUndefined();
  });

  it("constants are bounded all together, and by maxMemory", async () => {
    const count = 10;
    const parts = {
      inputs: { x: [1, 4] },
      constants: { shape: ints(2 ** 20), one: floats([1], [1]) },
      nodes: [
        ...Array.from({ length: count }, (_, i): Nodes[number] => ["Expand", ["one", "shape"], [`c${i}`]]),
        ["Concat", Array.from({ length: count }, (_, i) => `c${i}`), ["all"], { axis: 0 }] as Nodes[number],
        ["ReduceSum", ["all"], ["total"], { keepdims: 0 }] as Nodes[number],
        ["Add", ["x", "total"], ["y"]] as Nodes[number],
      ],
    };
    expect(await refused(parts)).toBeUndefined();
    expect(await refused(parts, { maxMemory: 64 * 2 ** 20 })).toMatchObject({
      limit: "foldedBytes",
      most: 64 * 2 ** 20,
    });
    expect(await refused(parts, { limits: { foldedBytes: 10_000_000 } })).toMatchObject({ limit: "foldedBytes" });
  });

  it("a tensor of 100,000 axes is refused", async () => {
    const error = await refused({
      inputs: { x: [1, 4] },
      constants: { deep: floats(new Array<number>(100_000).fill(1), [1]) },
      nodes: [["Add", ["x", "deep"], ["y"]]],
    });
    expect(error).toMatchObject({ limit: "rank", value: 100_000, most: 32 });
  });

  it("an option limits that is not known is refused", async () => {
    expect(
      String(
        await refused({ inputs: { x: [1, 4] }, nodes: chain(1, "Relu"), outputs: ["v0"] }, { limits: { node: 3 } }),
      ),
    ).toMatch(/limits has no option "node"\. Did you mean "nodes"/);
  });
});

describe("local response normalisation over more channels than there are", () => {
  const values = Float32Array.from({ length: 5 }, (_, i) => i - 2.5);
  it("sees them all, however wide it is", async () => {
    for (const size of [11, 13, 1001, 2 ** 31 - 1]) {
      using model = await loadModel(
        file({ inputs: { x: [1, 5, 1, 1] }, nodes: [["LRN", ["x"], ["y"], { size, alpha: 2, beta: 0.5, bias: 1 }]] }),
      );
      const { output } = await model.run(Tensor.fromNCHW(values, [1, 5, 1, 1]));
      const sum = values.reduce((total, value) => total + value * value, 0);
      output.data.forEach((value, i) => {
        expect(value).toBeCloseTo(values[i] / Math.sqrt(1 + (2 / size) * sum), 5);
      });
    }
  });
});

describeShared("hostile files", () => {
  it.each([
    "01-maxpool-huge-height-kills-process",
    "02-maxpool-kernel-hang",
    "03-resize-huge-height-hang",
    "05-constant-folding-memory",
  ])("%s is refused by a typed error", async (name) => {
    await expect(loadModel(readShared(`cases/hostile/${name}.onnx`), { maxMemory: 2 ** 28 })).rejects.toBeInstanceOf(
      SeethroughError,
    );
  });

  it("04: a window of two thousand million channels sees what there is", async () => {
    using model = await loadModel(readShared("cases/hostile/04-lrn-size-hang-in-run.onnx"));
    const { shape } = model.input;
    const { output } = await model.run(new Tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape));
    expect(output.data.every(Number.isFinite)).toBe(true);
  });

  it("08: six thousand rectifiers in a row load and run", async () => {
    using model = await loadModel(readShared("cases/hostile/08-chain-6000-stack-overflow.onnx"));
    const { shape } = model.input;
    const { output } = await model.run(new Tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape));
    expect(output.data.every((value) => value === 1)).toBe(true);
  });
});
