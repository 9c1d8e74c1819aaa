/** The units of an output are its classes, wherever the file has them. */
import { describe, expect, it } from "vitest";
import { dissect, loadModel, projectActivation, Tensor } from "../src/index";
import { writeOnnx } from "../src/onnx/writer";
import { graphOf, randomFloats, randomIntegers } from "./graph/build";

const random = randomIntegers(5);
const [side, classes] = [4, 3];
/** A segmenter: classes last, as a softmax says. */
const file = writeOnnx(
  graphOf({
    inputs: { x: [1, 3, side, side] },
    constants: { w: randomFloats(random, [classes, 3, 1, 1]) },
    nodes: [
      ["Conv", ["x", "w"], ["c"]],
      ["Transpose", ["c"], ["t"], { perm: [0, 2, 3, 1] }],
      ["Softmax", ["t"], ["y"], { axis: -1 }],
    ],
  }),
);
const input = new Tensor(randomFloats(random, [1, side, side, 3]).floats(), [1, side, side, 3]);

describe("units of an output whose classes come last", () => {
  it("are kept by class and place", async () => {
    using model = await loadModel(file);
    const { output } = await model.run(input);
    expect(output.shape).toEqual([1, side, side, classes]);
    for (let unit = 0; unit < classes; unit++) {
      const { kept } = await projectActivation(model, input, { layer: "y", unit, position: [1, 2] });
      expect(kept).toEqual([{ unit, position: [1, 2], value: output.data[(1 * side + 2) * classes + unit] }]);
      const strongest = await projectActivation(model, input, { layer: "y", unit });
      const own = Array.from({ length: side * side }, (_, place) => output.data[place * classes + unit]);
      const best = own.indexOf(Math.max(...own));
      expect(strongest.kept).toEqual([{ unit, position: [Math.floor(best / side), best % side], value: own[best] }]);
    }
    await expect(projectActivation(model, input, { layer: "y", unit: classes })).rejects.toThrow("has units 0 to 2");
  });

  it("are compared with regions by class", async () => {
    using model = await loadModel(file);
    const { output } = await model.run(input);
    for (let unit = 0; unit < classes; unit++) {
      const own = Array.from({ length: side * side }, (_, place) => output.data[place * classes + unit]);
      const least = [...own].sort((a, b) => b - a)[3];
      const region = Uint8Array.from(own, (value) => Number(value >= least));
      const { units } = await dissect(model, [input], { layer: "y", region, quantile: 0.25 });
      expect(units.length).toBe(classes);
      expect(units.find((each) => each.unit === unit)).toEqual({ unit, iou: 1, threshold: least });
    }
  });
});
