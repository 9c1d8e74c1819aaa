/** Class activation maps of a box: averages over the places that its score is computed from, and nothing elsewhere. */
import { expect, it } from "vitest";
import { detect, gradCam, gradCamPlusPlus, hiResCam, loadModel, xGradCam } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";
import { randomPicture } from "./random-picture";

const side = 16;
const channels = 3;
const random = randomIntegers(19);
const weights = randomFloats(random, [1, channels, 3, 3]);
/** Maps of 16×16, and of each place a box and a score that see three by three of them. */
const file = writeOnnx(
  graphOf({
    inputs: { x: [1, 3, 64, 64] },
    constants: {
      first: randomFloats(random, [channels, 3, 4, 4]),
      box: randomFloats(random, [4, channels, 1, 1]),
      weights,
    },
    nodes: [
      ["Conv", ["x", "first"], ["c"], { kernel_shape: [4, 4], strides: [4, 4] }],
      ["Sigmoid", ["c"], ["maps"]],
      ["Conv", ["maps", "box"], ["b"], { kernel_shape: [1, 1] }],
      ["Exp", ["b"], ["boxes"]],
      ["Conv", ["maps", "weights"], ["logit"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
      ["Sigmoid", ["logit"], ["score"]],
      ["Concat", ["boxes", "score"], ["rows"], { axis: 1 }],
    ],
    outputs: ["rows"],
  }),
);

it("are those of the places with a gradient, by each formula", async () => {
  const model = await loadModel(file);
  const x = randomPicture(64, 3);
  const maps = (await (await loadModel(file, { output: "maps" })).run(x)).output;
  const at = (k: number, y: number, column: number): number => maps.data[(y * side + column) * channels + k];
  const found = await detect(model, x, {
    threshold: 0,
    iou: 1,
    head: { boxes: "rows", layout: "map", classAt: 4, classes: 1 },
  });
  const detection = found.find(
    ({ anchor }) => anchor % side > 0 && anchor % side < side - 1 && anchor > side && anchor < side * (side - 1),
  );
  if (!detection) throw new Error("no box lies in the middle");
  const [row, column] = [Math.floor(detection.anchor / side), detection.anchor % side];
  const w = weights.floats();
  const window = Array.from({ length: 9 }, (_, i) => [row - 1 + Math.floor(i / 3), column - 1 + (i % 3)] as const);
  const perMap = (f: (gradients: readonly number[], values: readonly number[]) => number): number[] =>
    Array.from({ length: channels }, (_, k) =>
      f(
        Array.from(w.slice(9 * k, 9 * k + 9)),
        window.map(([y, c]) => at(k, y, c)),
      ),
    );
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  const formulas = [
    [gradCam, perMap((g) => sum(g) / 9)],
    [xGradCam, perMap((g, a) => sum(g.map((each, i) => each * a[i])) / (sum(a) + 1e-7))],
    [
      gradCamPlusPlus,
      perMap((g, a) => sum(g.map((each) => (each > 0 ? each ** 3 / (2 * each ** 2 + sum(a) * each ** 3 + 1e-6) : 0)))),
    ],
  ] as const;
  for (const [method, factors] of formulas) {
    const { values } = await method(model, x, { target: { detection }, layer: "maps" });
    expect(values.shape).toEqual([1, side, side, 1]);
    values.data.forEach((value, place) => {
      const [y, c] = [Math.floor(place / side), place % side];
      const isSeen = Math.abs(y - row) <= 1 && Math.abs(c - column) <= 1;
      if (isSeen) expect(value).toBeCloseTo(sum(factors.map((factor, k) => factor * at(k, y, c))), 4);
      else expect(value).toBe(0);
    });
  }
  const { values } = await hiResCam(model, x, { target: { detection }, layer: "maps" });
  for (const [i, [y, c]] of window.entries()) {
    const shares = Array.from({ length: channels }, (_, k) => w[9 * k + i] * at(k, y, c));
    expect(values.data[y * side + c]).toBeCloseTo(sum(shares), 4);
  }
});
