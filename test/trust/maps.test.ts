import { describe, expect, it } from "vitest";
import {
  type Attribution,
  controlHeatmaps,
  energyPointingGame,
  gradCam,
  type Heatmap,
  loadModel,
  pointingGame,
  sparseness,
  Tensor,
} from "../../src/index";
import { scene } from "./networks";

const heat = (width: number, height: number, values: ArrayLike<number>): Heatmap => ({
  data: Float32Array.from(values),
  width,
  height,
  signed: false,
});
const peak = (width: number, height: number, x: number, y: number): Heatmap =>
  heat(
    width,
    height,
    Array.from({ length: width * height }, (_, i) => Number(i === y * width + x)),
  );

describe("sparseness", () => {
  it("is 1 − 1/d of one value among d, and 0 of equal ones", () => {
    for (const d of [2, 7, 100]) {
      expect(
        sparseness(
          heat(
            d,
            1,
            Array.from({ length: d }, (_, i) => (i === 3 % d ? -2 : 0)),
          ),
        ),
      ).toBeCloseTo(1 - 1 / d, 12);
      expect(sparseness(heat(d, 1, new Array(d).fill(0.3)))).toBeCloseTo(0, 12);
    }
    expect(sparseness(heat(4, 1, [0, 0, 0, 0]))).toBe(0);
  });

  it("is the Gini index: mean difference of pairs over twice the mean", () => {
    const values = [3, -1, 4, 1, -5, 9, 2, 6];
    let differences = 0;
    for (const a of values) for (const b of values) differences += Math.abs(Math.abs(a) - Math.abs(b));
    const sum = values.reduce((total, value) => total + Math.abs(value), 0);
    expect(sparseness(heat(8, 1, values))).toBeCloseTo(differences / (2 * values.length * sum), 12);
  });

  it("refuses what is no map", async () => {
    // @ts-expect-error a promise is no map
    expect(() => sparseness(Promise.resolve())).toThrow(
      "must be an Attribution or a Heatmap, got a promise: await it first",
    );
    expect(() => sparseness(heat(2, 1, [Number.NaN, 1]))).toThrow("not finite");
  });
});

describe("pointing game", () => {
  const box = { x: 4, y: 3, width: 3, height: 2 };

  it("counts points at most the tolerance away from the region", () => {
    const at = (x: number, y: number, tolerance: number) => pointingGame(peak(12, 10, x, y), box, { tolerance });
    expect(at(4, 3, 0)).toMatchObject({ hit: true, distance: 0, point: { x: 4, y: 3 }, method: "heatmap" });
    expect(at(6, 4, 0).hit).toBe(true);
    expect(at(7, 4, 0)).toMatchObject({ hit: false, distance: 1 });
    expect(at(9, 8, 5)).toMatchObject({ hit: true, distance: 5 });
    expect(at(9, 8, 4.9).hit).toBe(false);
  });

  it("chance is the share of points that would hit", () => {
    for (const tolerance of [0, 1, 1.5, 3, 20]) {
      let hits = 0;
      for (let y = 0; y < 10; y++) {
        for (let x = 0; x < 12; x++) hits += Number(pointingGame(peak(12, 10, x, y), box, { tolerance }).hit);
      }
      expect(pointingGame(peak(12, 10, 0, 0), box, { tolerance }).chance).toBeCloseTo(hits / 120, 12);
    }
  });

  it("tolerates 15 pixels of 224, in proportion", () => {
    expect(pointingGame(peak(224, 224, 0, 0), box).tolerance).toBe(15);
    expect(pointingGame(peak(448, 112, 0, 0), box).tolerance).toBe(7.5);
    expect(pointingGame(peak(448, 1, 0, 0), { x: 0, y: 0, width: 9, height: 1 }).tolerance).toBe(30);
  });

  it("a map without anything positive points nowhere", () => {
    const nothing = pointingGame(heat(12, 10, new Array(120).fill(0)), box);
    expect(nothing).toMatchObject({ hit: false, point: null, distance: null });
  });

  it("takes a mask as it takes the box", () => {
    const mask = Uint8Array.from({ length: 120 }, (_, i) => {
      const [x, y] = [i % 12, Math.floor(i / 12)];
      return x >= 4 && x < 7 && y >= 3 && y < 5 ? 255 : 0;
    });
    const map = peak(12, 10, 8, 4);
    const byBox = pointingGame(map, box, { tolerance: 2 });
    expect(pointingGame(map, mask, { tolerance: 2 })).toEqual(byBox);
    expect(pointingGame(map, { data: mask, width: 12, height: 10 }, { tolerance: 2 })).toEqual(byBox);
  });

  it("says what is wrong with a region", () => {
    const map = peak(12, 10, 0, 0);
    const refused = (region: unknown) => () => pointingGame(map, region as Uint8Array);
    expect(refused(new Uint8Array(7))).toThrow("The mask is 7 bytes, the map 10×12: a mask takes one byte per pixel");
    expect(refused({ data: new Uint8Array(120), width: 10, height: 12 })).toThrow("The mask is 12×10, the map 10×12");
    expect(refused({ x: 20, y: 0, width: 3, height: 3 })).toThrow(
      "no pixel inside the map, which is 12 wide and 10 high",
    );
    expect(refused([1, 2, 3, 4])).toThrow("A region is a box { x, y, width, height } or a mask, got [1,2,3,4]");
    expect(() => pointingGame(map, box, { tolerance: -1 })).toThrow("tolerance must be at least 0, got -1");
  });
});

describe("energy-based pointing game", () => {
  it("is the share of positive values inside", () => {
    const map = heat(3, 2, [0.5, 1, -1, 0.25, 0, 0.25]);
    const { energy, area } = energyPointingGame(map, { x: 1, y: 0, width: 2, height: 2 });
    expect(energy).toBeCloseTo(1.25 / 2, 12);
    expect(area).toBeCloseTo(4 / 6, 12);
    expect(energyPointingGame(heat(2, 1, [0, -1]), { x: 0, y: 0, width: 1, height: 1 }).energy).toBe(0);
  });

  it("of a map that is the same everywhere is the region's share of the input", () => {
    const { energy, area } = energyPointingGame(heat(8, 8, new Array(64).fill(0.7)), {
      x: 1,
      y: 2,
      width: 3,
      height: 5,
    });
    expect(energy).toBeCloseTo(area, 12);
  });

  it("takes an attribution as the heatmap that it is shown as", async () => {
    const model = await loadModel();
    const attribution = await gradCam(model, await scene("scene-cat-00"));
    const cat = { x: 42, y: 5, width: 36, height: 27 };
    const found = energyPointingGame(attribution, cat);
    expect(found.method).toBe("grad-cam");
    expect(found.energy).toBeGreaterThan(2 * found.area);
    expect(pointingGame(attribution, cat).hit).toBe(true);
  });
});

it("controls know where edges and the centre are", async () => {
  const model = await loadModel();
  const picture = Float32Array.from({ length: 96 * 96 * 3 }, (_, i) => Number(Math.floor(i / 3) % 96 >= 40));
  const { random, edge, centre } = controlHeatmaps(model, new Tensor(picture, [1, 96, 96, 3]));
  edge.data.forEach((value, i) => {
    expect(value).toBe(Number(i % 96 === 39 || i % 96 === 40));
  });
  expect(pointingGame(centre, { x: 47, y: 47, width: 2, height: 2 }, { tolerance: 0 }).hit).toBe(true);
  expect([0, 95, 96 * 95, 96 * 96 - 1].map((corner) => centre.data[corner])).toEqual([0, 0, 0, 0]);
  expect(Math.max(...random.data)).toBe(1);
  expect(random.data.reduce((a, b) => a + b) / random.data.length).toBeCloseTo(0.5, 1);
  const other = controlHeatmaps(model, new Tensor(picture, [1, 96, 96, 3]), { seed: 1 });
  expect(other.random.data).not.toEqual(random.data);
});

it("refuses heatmaps that are none", () => {
  const box = { x: 0, y: 0, width: 1, height: 1 };
  expect(() => pointingGame(heat(3, 3, [1, 2]), box)).toThrow("this one is 3×3 with 2 values");
  expect(() => energyPointingGame(heat(2, 1, [1, Number.NaN]), box)).toThrow(
    "The heatmap has the value NaN at element 1.",
  );
});

it("needs a map, not the function that makes it", () => {
  expect(() => pointingGame(gradCam as unknown as Attribution, { x: 0, y: 0, width: 1, height: 1 })).toThrow(
    "The map to judge must be an Attribution or a Heatmap, got a function",
  );
});
