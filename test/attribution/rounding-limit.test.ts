/** Where little evidence ends and rounding begins. */
import { expect, it } from "vitest";
import { inputXGradient, loadModel, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf } from "../graph/build";

it("five millionths of the score are evidence, half a millionth is rounding", async () => {
  for (const [share, codes] of [
    [5e-6, []],
    [5e-7, ["rounding-only"]],
  ] as const) {
    const graph = graphOf({
      inputs: { x: [1, 1, 2, 2] },
      constants: { k: floats([1], [share]), one: floats([1], [1]) },
      nodes: [
        ["Mul", ["x", "k"], ["m"]],
        ["GlobalAveragePool", ["m"], ["g"]],
        ["Flatten", ["g"], ["f"]],
        ["Add", ["f", "one"], ["y"]],
      ],
    });
    const model = await loadModel(writeOnnx(graph));
    const { notes } = await inputXGradient(model, new Tensor(Float32Array.of(1, 1, 1, 1), [1, 2, 2, 1]), { target: 0 });
    expect(notes.map(({ code }) => code).filter((code) => code === "rounding-only")).toEqual(codes);
  }
});
