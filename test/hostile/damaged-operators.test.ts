/** Nodes of files that no export writes: what each lacks or names wrongly is said. */
import { describe, expect, it } from "vitest";
import { Constant } from "../../src/graph/ir";
import { loadModel, MemoryError, ModelError, ShapeError } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints } from "../graph/build";

type Parts = Parameters<typeof graphOf>[0];
const whole = (value: number): Constant => Constant.fromNumbers("int", [value], []);
const folded = (constants: Parts["constants"], node: Parts["nodes"][number]): Uint8Array =>
  writeOnnx(
    graphOf({
      inputs: { x: [1, 4] },
      constants,
      nodes: [node, ["ReduceSum", [node[2][0]], ["s"]], ["Add", ["x", "s"], ["y"]]],
    }),
  );

describe("a damaged node", () => {
  it.each(["Detached", "GridSum", "InputPart", "Lookup", "RoundToGrid", "Truncate"])(
    "that names %s, an operator of this package's own, is not known",
    async (op) => {
      const attributes = { start: -99_999, shape: [1, 4] };
      const own = graphOf({
        inputs: { x: [1, 4] },
        constants: { one: floats([1], [1]) },
        nodes: [[op, ["x", "one", "one"], ["y"], attributes]],
      });
      await expect(loadModel(writeOnnx(own))).rejects.toThrow(/the operator is not known/);
    },
  );

  it.each([
    ["CumSum", { a: floats([2], [1, 2]) }, ["a"]],
    ["ScatterND", { a: floats([2], [1, 2]), i: ints(1) }, ["a", "i"]],
    ["ScatterElements", { a: floats([2], [1, 2]), i: ints(1) }, ["a", "i"]],
  ])("%s without one of its inputs says which", async (op, constants, inputs) => {
    const error = await loadModel(folded(constants, [op, inputs, ["f"]])).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ModelError);
    expect(String(error)).toMatch(new RegExp(`${op} "f": input ${inputs.length} is missing`));
  });

  it("whose result would have less than nothing says so", async () => {
    const constants = { i: ints(0, 1), d: whole(-6), v: floats([2], [0, 1]) };
    await expect(loadModel(folded(constants, ["OneHot", ["i", "d", "v"], ["f"]]))).rejects.toThrow(
      /OneHot "f": its result would be .*-6.*no shape/,
    );
  });

  it("ScatterND whose updates are too few is refused", async () => {
    const indices = Constant.fromNumbers("int", [0, 1], [2, 1]);
    const constants = { a: floats([3], [1, 2, 3]), i: indices, u: floats([1], [5]) };
    await expect(loadModel(folded(constants, ["ScatterND", ["a", "i", "u"], ["f"]]))).rejects.toThrow(ShapeError);
  });
});

it("an output of 67 million places is refused before they are listed", async () => {
  const graph = graphOf({
    inputs: { x: [1, 3, 2 ** 24, 4] },
    constants: { s: floats([3], [1, 1, 1]), b: floats([3], [0, 0, 0]) },
    nodes: [["InstanceNormalization", ["x", "s", "b"], ["y"]]],
  });
  const bytes = writeOnnx(graph);
  const before = process.resourceUsage().maxRSS;
  await expect(loadModel(bytes, { maxMemory: 2 ** 28 })).rejects.toThrow(MemoryError);
  // In KiB: a list of them takes 256 MiB.
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(128 * 1024);
});
