/** Class activation maps of a box: averages over the places that its score is computed from, and nothing elsewhere. */
import { expect, it } from "vitest";
import {
  ablationCam,
  detect,
  eigenCam,
  gradCam,
  gradCamPlusPlus,
  hiResCam,
  loadModel,
  scoreCam,
  xGradCam,
} from "../../src/index";
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

/** Each row's place along the direction in which the rows vary most, the farthest of them positive. */
function firstComponent(rows: readonly (readonly number[])[]): number[] {
  const means = rows[0].map((_, k) => rows.reduce((total, row) => total + row[k], 0) / rows.length);
  const centred = rows.map((row) => row.map((value, k) => value - means[k]));
  const along = (direction: readonly number[]): number[] =>
    centred.map((row) => row.reduce((total, value, k) => total + value * direction[k], 0));
  let direction = means.map((_, k) => 1 + k);
  for (let step = 0; step < 500; step++) {
    const places = along(direction);
    const next = means.map((_, k) => centred.reduce((total, row, i) => total + row[k] * places[i], 0));
    direction = next.map((value) => value / Math.hypot(...next));
  }
  const places = along(direction);
  const farthest = places.reduce((most, place) => (Math.abs(place) > Math.abs(most) ? place : most), 0);
  return places.map((place) => (farthest < 0 ? -place : place));
}

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
  // Without the map k the score, a sum over maps, is smaller by its own part.
  const parts = perMap((g, a) => sum(g.map((each, i) => each * a[i])));
  const silenced = parts.map((part) => part / sum(parts));
  const component = firstComponent(window.map(([y, c]) => Array.from({ length: channels }, (_, k) => at(k, y, c))));
  const inWindow = [
    [ablationCam, window.map(([y, c]) => sum(silenced.map((weight, k) => weight * at(k, y, c))))],
    [eigenCam, component],
    // Its weights add up to one: no more than the strongest map, no less than the weakest.
    [scoreCam, undefined],
  ] as const;
  for (const [method, expected] of inWindow) {
    const { values } = await method(model, x, { target: { detection }, layer: "maps" });
    const own = window.map(([y, c]) => values.data[y * side + c]);
    expect(values.data.reduce((count, value) => count + Number(value !== 0), 0)).toBe(9);
    own.forEach((value, i) => {
      const maps = Array.from({ length: channels }, (_, k) => at(k, ...window[i]));
      if (expected) expect(value).toBeCloseTo(expected[i], 4);
      else expect(value >= Math.min(...maps) - 1e-6 && value <= Math.max(...maps) + 1e-6).toBe(true);
    });
  }
  const { values } = await hiResCam(model, x, { target: { detection }, layer: "maps" });
  for (const [i, [y, c]] of window.entries()) {
    const shares = Array.from({ length: channels }, (_, k) => w[9 * k + i] * at(k, y, c));
    expect(values.data[y * side + c]).toBeCloseTo(sum(shares), 4);
  }
});
