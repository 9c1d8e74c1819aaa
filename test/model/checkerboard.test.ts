import { expect, it } from "vitest";
import { convolutionOnnx, deconvolution, inspect, loadModel, showReport, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";

/** The findings about checkerboards of a network of one layer. */
async function findings(
  op: "Conv" | "ConvTranspose",
  kernel: readonly number[],
  strides: readonly number[],
  dilations = strides.map(() => 1),
): Promise<readonly string[]> {
  const graph = graphOf({
    inputs: { x: [1, 2, ...kernel.map(() => 16)] },
    constants: { w: randomFloats(randomIntegers(1), [2, 2, ...kernel]) },
    nodes: [
      [op, ["x", "w"], ["up"], { strides, dilations }],
      ["Relu", ["up"], ["y"]],
    ],
  });
  const report = inspect(await loadModel(writeOnnx(graph)));
  const found = report.findings.filter((finding) => finding.startsWith("Checkerboard"));
  // `seethrough inspect` prints this text.
  for (const finding of found) expect(showReport(report)).toContain(`note: ${finding}`);
  return found;
}

it("names transposed convolutions whose kernel is no multiple of the stride", async () => {
  const [finding] = await findings("ConvTranspose", [3, 3], [2, 2]);
  expect(finding).toMatch(/transposed convolution "up" \(kernel 3×3, stride 2×2\)/);
  expect(finding).toContain("1 to 4 kernel elements reach a pixel");
  expect(await findings("ConvTranspose", [4, 4], [2, 2])).toEqual([]);
  expect(await findings("ConvTranspose", [3, 3], [1, 1])).toEqual([]);
  // One axis is enough.
  expect(await findings("ConvTranspose", [4, 5], [2, 2])).toHaveLength(1);
});

it("names strided convolutions, whose gradient is uneven", async () => {
  const [finding] = await findings("Conv", [7, 7], [2, 2]);
  expect(finding).toMatch(/gradient of the strided convolution "up" \(kernel 7×7, stride 2×2\) is uneven/);
  expect(finding).toContain("9 to 16 kernel elements");
  expect(await findings("Conv", [2, 2], [2, 2])).toEqual([]);
  expect((await findings("Conv", [1, 1], [2, 2]))[0]).toContain("0 to 1 kernel elements");
  expect((await findings("Conv", [5], [2]))[0]).toMatch(/"up" \(kernel 5, stride 2\).*2 to 3/);
});

it("counts what dilation leaves: a multiple of the stride can be uneven too", async () => {
  // With stride and dilation 2 all kernel elements fall on one phase.
  expect((await findings("ConvTranspose", [4, 4], [2, 2], [2, 2]))[0]).toContain("0 to 16 kernel elements");
  expect(await findings("ConvTranspose", [4, 4], [2, 2], [3, 3])).toEqual([]);
});

it("the counts are those of the kernels: a plain input shows the grid", async () => {
  const ones = (length: number, shape: readonly number[]): Tensor =>
    new Tensor(new Float32Array(length).fill(1), shape);
  const grid = async (kernel: number): Promise<number[]> => {
    const layer = {
      weight: ones(kernel, [1, 1, kernel]),
      inputShape: [1, 1, 6],
      stride: 2,
      op: "ConvTranspose",
    } as const;
    const model = await loadModel(convolutionOnnx(layer));
    return Array.from((await deconvolution(model, ones(6, [1, 1, 6]))).engine.data);
  };
  expect((await grid(3)).slice(2, -2)).toEqual([2, 1, 2, 1, 2, 1, 2, 1, 2]);
  expect((await grid(4)).slice(2, -2)).toEqual(new Array(10).fill(2));
});

it("the embedded networks have no strided convolutions", async () => {
  expect(inspect(await loadModel()).findings.join()).not.toContain("Checkerboard");
});
