/** The units of an output are its classes, wherever the file has them. */
import { describe, expect, it } from "vitest";
import {
  contactSheet,
  dissect,
  loadModel,
  projectActivation,
  receptiveField,
  Tensor,
  topActivations,
  unitEffects,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, ints, randomFloats, randomIntegers } from "../graph/build";

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

  it("are searched by class and place, with what each sees", async () => {
    using model = await loadModel(file);
    const { output } = await model.run(input);
    expect(model.layers.find(({ op }) => op === "Softmax")?.shape).toEqual([1, side, side, classes]);
    const images = [{ id: "a", image: input }];
    const found = await topActivations(model, images, { layer: "y" });
    expect(found.units.length).toBe(classes);
    const means = await topActivations(model, images, { layer: "y", score: "mean" });
    for (let unit = 0; unit < classes; unit++) {
      const own = Array.from({ length: side * side }, (_, place) => output.data[place * classes + unit]);
      const best = own.indexOf(Math.max(...own));
      const [y, x] = [Math.floor(best / side), best % side];
      // A 1×1 convolution: each place sees its own pixel.
      const crop = { x, y, width: 1, height: 1 };
      expect(found.units[unit].top).toEqual([{ id: "a", score: own[best], position: [y, x], crop }]);
      expect(receptiveField(model, "y", { unit, position: [y, x] })).toEqual(crop);
      expect(means.units[unit].top[0].score).toBeCloseTo(own.reduce((sum, value) => sum + value) / own.length, 7);
    }
    const picture = { data: new Uint8Array(side * side * 3), width: side, height: side };
    await expect(contactSheet(model, found, () => picture)).resolves.toBeDefined();
    await expect(topActivations(model, images, { layer: "y", unit: classes })).rejects.toThrow("has units 0 to 2");
  });

  it("are silenced by class", async () => {
    using model = await loadModel(file);
    const { units } = await unitEffects(model, [input], { layer: "t", target: { position: [1, 2], channel: 1 } });
    const { output } = await loadModel(file, { output: "t" }).then((scores) => scores.run(input));
    expect(units.map(({ unit }) => unit).sort()).toEqual([0, 1, 2]);
    for (const { unit, drop } of units)
      expect(drop).toBeCloseTo(unit === 1 ? output.data[(1 * side + 2) * classes + 1] : 0, 6);
  });
});

/** Two convolution maps listed place by place: one row of places, each of which sees its own window. */
describe("places of a list of anchors", () => {
  const anchors = writeOnnx(
    graphOf({
      inputs: { x: [1, 3, side, side] },
      constants: {
        w: randomFloats(random, [classes, 3, 1, 1]),
        shape: ints(1, classes, side * side),
      },
      nodes: [
        ["Conv", ["x", "w"], ["c"]],
        ["Relu", ["c"], ["r"]],
        ["Reshape", ["r", "shape"], ["list"]],
        ["Transpose", ["list"], ["t"], { perm: [0, 2, 1] }],
        ["Softmax", ["t"], ["y"], { axis: 2 }],
      ],
    }),
  );

  it.each(["list", "y"])("see their own pixel, whichever was asked for before (%s)", async (layer) => {
    using model = await loadModel(anchors);
    const search = await topActivations(model, [{ id: "a", image: input }], { layer, top: 1 });
    expect(search.units.length).toBe(classes);
    for (const { top } of search.units) {
      const [{ position, crop }] = top;
      expect(position[0]).toBe(0);
      expect(crop).toEqual({ x: position[1] % side, y: Math.floor(position[1] / side), width: 1, height: 1 });
    }
  });

  it("swap with the axes of a map that lies on its side", async () => {
    const turned = writeOnnx(
      graphOf({
        inputs: { x: [1, 3, side, side] },
        constants: { w: randomFloats(random, [classes, 3, 1, 1]) },
        nodes: [
          ["Conv", ["x", "w"], ["c"]],
          ["Transpose", ["c"], ["t"], { perm: [0, 1, 3, 2] }],
          ["Relu", ["t"], ["y"]],
        ],
      }),
    );
    using model = await loadModel(turned);
    const images = Array.from({ length: 12 }, (_, i) => ({
      id: `${i}`,
      image: new Tensor(randomFloats(random, [1, side, side, 3]).floats(), [1, side, side, 3]),
    }));
    const { units } = await topActivations(model, images, { layer: "y", top: 12 });
    for (const { position, crop } of units.flatMap(({ top }) => top))
      expect(crop).toEqual({ x: position[0], y: position[1], width: 1, height: 1 });
  });
});

describe("units of a channels-last value inside of a network", () => {
  it("are its channels everywhere", async () => {
    const width = 5;
    const inner = writeOnnx(
      graphOf({
        inputs: { x: [1, 3, side, side] },
        constants: {
          w: randomFloats(random, [classes, 3, 1, 1]),
          m: randomFloats(random, [classes, width]),
          d: randomFloats(random, [2, width, 1, 1]),
        },
        nodes: [
          ["Conv", ["x", "w"], ["c"]],
          ["Transpose", ["c"], ["t"], { perm: [0, 2, 3, 1] }],
          ["MatMul", ["t", "m"], ["wide"]],
          ["Relu", ["wide"], ["r"]],
          ["Transpose", ["r"], ["back"], { perm: [0, 3, 1, 2] }],
          ["Conv", ["back", "d"], ["y"]],
          ["GlobalAveragePool", ["y"], ["g"]],
          ["Flatten", ["g"], ["scores"]],
        ],
      }),
    );
    using model = await loadModel(inner);
    const { activations } = await model.run(input, { capture: ["back"] });
    const maps = activations.get("back")?.data ?? new Float32Array();
    const { units } = await topActivations(model, [{ id: "a", image: input }], { layer: "wide" });
    const effects = await unitEffects(model, [input], { layer: "r", target: 1 });
    const same = await unitEffects(model, [input], { layer: "back", target: 1 });
    expect(units.length).toBe(width);
    expect(effects.units).toEqual(same.units);
    units.forEach(({ top: [{ score, position, crop }] }, unit) => {
      const own = Array.from({ length: side * side }, (_, place) => maps[place * width + unit]);
      expect(Math.max(score, 0)).toBe(Math.max(...own));
      expect(crop).toEqual({ x: position[1], y: position[0], width: 1, height: 1 });
      if (score > 0) expect(own[position[0] * side + position[1]]).toBe(score);
    });
    const { kept } = await projectActivation(model, input, { layer: "r", unit: width - 1 });
    expect(kept.every(({ unit }) => unit === width - 1)).toBe(true);
    await expect(projectActivation(model, input, { layer: "r", unit: width })).rejects.toThrow("has units 0 to 4");
  });
});
