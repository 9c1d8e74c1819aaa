import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { foldBatchNorm } from "../../src/compile/fold-batch-norm";
import { compounds } from "../../src/compile/lowering/compounds";
import { removeDeadNodes } from "../../src/compile/remove-dead-nodes";
import { removeNoOps } from "../../src/compile/remove-no-ops";
import { specialise } from "../../src/compile/specialise";
import type { Graph } from "../../src/graph/ir";
import { readOnnx } from "../../src/onnx/reader";
import { randomFloats, randomIntegers, runReference } from "../graph/build";

const directories = ["models", "../shared/models", "../shared/petshop"];
const shared = "../shared/models";
if (!existsSync(shared))
  console.log(`skipped: the networks in ${shared} (only models/ is read); the folder is not here`);

const files = directories
  .filter((directory) => existsSync(directory))
  .flatMap((directory) =>
    readdirSync(directory)
      .filter((file) => file.endsWith(".onnx"))
      .map((file) => `${directory}/${file}`),
  );

const length = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** For files that leave height and width open. */
const inputShapes: readonly [string, number[]][] = [
  ["/enet", [1, 3, 360, 480]],
  ["ppocrv4-det", [1, 3, 320, 320]],
  ["ppocr-mobile", [1, 3, 48, 192]],
  ["/digit-dcgan", [1, 64, 1, 1]],
];

describe("real networks", () => {
  it.each(files)(
    "%s: shapes and results after all passes are onnxruntime's",
    async (file) => {
      const bytes = new Uint8Array(readFileSync(file));
      const graph = readOnnx(bytes);
      const [input] = graph.inputs;
      const given = inputShapes.find(([part]) => file.includes(part))?.[1];
      const fixed = specialise(graph, new Map(given ? [[input.name, given]] : []), { compounds });
      const small = foldBatchNorm(removeDeadNodes(removeNoOps(fixed), fixed.outputs), new Set());

      const integers = ["Shape", "Size", "ConstantOfShape", "Range", "Cast"];
      expect(small.nodes.filter(({ op }) => integers.includes(op))).toEqual([]);
      const [output] = fixed.outputs;
      const x = randomFloats(randomIntegers(4), fixed.shapes.get(input.name) as number[]);
      const run = async (model: Graph | Uint8Array, name: string) =>
        (await runReference(model, { [input.name]: x }))[name] as { dims: readonly number[]; data: Float32Array };
      const expected = await run(bytes, output);
      expect(fixed.shapes.get(output)).toEqual(expected.dims);

      const exact = removeNoOps(fixed);
      const same = await run(exact, exact.aliases.get(output) ?? output);
      expect(same.dims).toEqual(expected.dims);
      expect(same.data.every((value, i) => Object.is(value, expected.data[i]))).toBe(true);

      const folded = await run(small, small.aliases.get(output) ?? output);
      expect(folded.dims).toEqual(expected.dims);
      // Rounding the folded weights may flip single decisions of a max-pool, hence the norm and not the maximum. The text
      // detector answers 1e-7 on noise; one unit in the last place of the input moves that as much as folding does (measured).
      const norm = Math.hypot(1e-3 * Math.sqrt(expected.data.length), length(expected.data));
      expect(length(expected.data.map((value, i) => value - folded.data[i])) / norm).toBeLessThan(1e-4);
    },
    60_000,
  );
});

describe.skipIf(!existsSync(shared))("the networks in ../shared/models", () => {
  it("are all there", () => {
    expect(files.filter((file) => file.startsWith(shared)).length).toBeGreaterThanOrEqual(12);
  });
});
