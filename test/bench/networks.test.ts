import { build } from "esbuild";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Random } from "../../bench/networks/builder";
import { networks } from "../../bench/networks/index";
import { specialise } from "../../src/compile/specialise";
import { numberAttribute } from "../../src/graph/ir";
import { loadModel, Tensor } from "../../src/index";
import { readOnnx } from "../../src/onnx/reader";
import { sizeOf } from "../../src/tensor";
import { difference } from "../reference/goldens";

/** Counted from the shapes alone: outputs × fan-in of every convolution, dense layer and product. */
function countMacs(bytes: Uint8Array): number {
  const graph = specialise(readOnnx(bytes), new Map());
  let macs = 0;
  for (const node of graph.nodes) {
    if (node.op !== "Conv" && node.op !== "Gemm" && node.op !== "MatMul") continue;
    const outputs = sizeOf(graph.shapes.get(node.outputs[0]) ?? []);
    if (node.op === "MatMul") {
      macs += outputs * (graph.shapes.get(node.inputs[0])?.at(-1) ?? 0);
      continue;
    }
    const weight = graph.constants.get(node.inputs[1])?.shape ?? [];
    expect(node.op === "Conv" || numberAttribute(node, "transB") === 1).toBe(true);
    macs += outputs * sizeOf(weight.slice(1));
  }
  return macs;
}

describe("the networks of the benchmark", () => {
  it.each(Object.entries(networks))("%s costs what the original costs", (_, { mmac, build }) => {
    const ratio = countMacs(build()) / 1e6 / mmac;
    expect(ratio).toBeGreaterThan(0.98);
    expect(ratio).toBeLessThan(1.02);
  });

  it.each(["squeezenet", "mobilenet-v2", "shufflenet-v2", "resnet-18", "mobilevit-s", "convnext-t", "swin-t"])(
    "%s gives what onnxruntime gives",
    async (name) => {
      const { side = 224, build } = networks[name];
      const bytes = build();
      const shape = [1, 3, side, side];
      const image = new Random(1).uniform(sizeOf(shape), -2, 2);

      const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 });
      const results = await session.run({ input: new OrtTensor("float32", image, shape) });
      const expected = results[session.outputNames[0]].data as Float32Array;
      const model = await loadModel(bytes);
      const { output } = await model.run(Tensor.fromNCHW(image, shape));

      expect(output.shape).toEqual([1, 1000]);
      // Weights that let the signal vanish or explode would make the comparison, and the benchmark, worthless.
      const deviation = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length);
      expect(deviation).toBeGreaterThan(0.1);
      expect(deviation).toBeLessThan(10);
      expect(difference(output.data, expected).max).toBeLessThan(1e-4);
      model.dispose();
      await session.release();
    },
  );
});

it("the programs fit the package's source: their imports exist", async () => {
  const { warnings } = await build({
    entryPoints: ["run", "profile", "cold-start-child", "occlusion/run", "search/run"].map(
      (name) => `bench/${name}.ts`,
    ),
    external: ["../../dist/*"],
    packages: "external",
    bundle: true,
    format: "esm",
    platform: "node",
    outdir: "bench/build",
    write: false,
    logLevel: "silent",
  });
  expect(warnings).toEqual([]);
});
