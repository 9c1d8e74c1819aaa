/** Boxes with their names: where they stand, how large, in which colour. */
import { describe, expect, it } from "vitest";
import { classProbabilityMap, detect, drawDetections, heatmapImage, loadModel, overlay, Tensor } from "../../src/index";
import { yoloV8 } from "../detect/networks";
import { cornersOf } from "../detect/reference";

const grey = (width: number, height: number) => ({
  data: new Uint8ClampedArray(width * height * 3).fill(128),
  width,
  height,
});
const dog = { box: { x: 20, y: 60, width: 60, height: 50 }, index: 0, label: "dog", score: 0.934 };

type Picture = Awaited<ReturnType<typeof drawDetections>>;
const at = ({ data, width }: Picture, x: number, y: number): string =>
  data.slice((y * width + x) * 4, (y * width + x) * 4 + 3).join();
/** Rows and columns that any pixel of a colour touches. */
function extent({ data, width, height }: Picture, colour: string) {
  const [red, green, blue] = colour.split(",").map(Number);
  const found = { left: width, right: 0, top: height, bottom: 0, count: 0 };
  for (let i = 0; i < width * height; i++) {
    if (data[4 * i] !== red || data[4 * i + 1] !== green || data[4 * i + 2] !== blue) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    found.left = Math.min(found.left, x);
    found.right = Math.max(found.right, x);
    found.top = Math.min(found.top, y);
    found.bottom = Math.max(found.bottom, y);
    found.count++;
  }
  return found;
}

describe("drawDetections", () => {
  it("draws the outline at the box, and its name on a plate above it", async () => {
    const picture = await drawDetections(grey(200, 200), [dog]);
    expect(at(picture, 20, 80)).toBe("255,176,0");
    expect(at(picture, 79, 80)).toBe("255,176,0");
    expect(at(picture, 19, 80)).toBe("20,20,20");
    expect(at(picture, 50, 85)).toBe("128,128,128");
    // Seven pixels of the font and two around them, twice: above the box.
    expect(extent(picture, "255,176,0")).toMatchObject({ left: 20, top: 60 - 22, bottom: 109 });
    const plain = await drawDetections(grey(200, 200), [dog], { caption: () => "" });
    expect(extent(plain, "255,176,0").top).toBe(60);
  });

  it("writes as large as the picture is, and inside it", async () => {
    for (const side of [40, 320, 1000, 4000]) {
      const box = { x: side * 0.5, y: -4, width: side * 0.6, height: side * 0.4 };
      const picture = await drawDetections(grey(side, side), [{ ...dog, box }]);
      const letters = extent(picture, "20,20,20");
      expect(letters.right).toBeLessThan(side);
      const size = side < 160 ? 1 : Math.max(2, Math.round(side / 240));
      expect(7 * size).toBeGreaterThanOrEqual(Math.min(14, side / 40));
      expect(extent(picture, "255,176,0").count).toBeGreaterThan(11 * size * 20 * size * 0.5);
    }
  }, 30_000);

  it("moves texts out of each other's way, the best first, and leaves out what has no room", async () => {
    const two = [dog, { ...dog, index: 1, label: "cat" }];
    const picture = await drawDetections(grey(200, 200), two);
    // A plate is 22 high; the second does not lie in the first.
    const first = extent(await drawDetections(grey(200, 200), [dog]), "255,176,0");
    expect(at(picture, 21, first.top + 1)).toBe("255,176,0");
    expect(extent(picture, "86,180,233").count).toBeGreaterThan(500);
    const many = Array.from({ length: 60 }, (_, index) => ({ ...dog, index }));
    await expect(drawDetections(grey(64, 64), many)).resolves.toMatchObject({ width: 64 });
  });

  it("takes boxes of another scale, without names, of any size, and refuses what is none", async () => {
    const half = await drawDetections(grey(100, 100), [{ box: dog.box }], { scale: 0.5 });
    expect(at(half, 10, 40)).toBe("255,176,0");
    for (const box of [
      { x: -1e6, y: 0, width: 3e6, height: 1e6 },
      { x: 3, y: 3, width: -4, height: 0 },
    ]) {
      await expect(drawDetections(grey(30, 30), [{ box }])).resolves.toMatchObject({ width: 30 });
    }
    const ask = (list: unknown, options?: object) => drawDetections(grey(30, 30), list as never, options);
    await expect(ask(3)).rejects.toThrow("takes the list that detect returns, got number");
    await expect(ask([{}])).rejects.toThrow("detections[0].box must be { x, y, width, height }");
    await expect(ask([], { scale: 0 })).rejects.toThrow("scale must be a number above 0");
    await expect(ask([], { captions: 0 })).rejects.toThrow('Did you mean "caption"?');
  });
});

describe("classProbabilityMap", () => {
  it("has at each pixel the most probable box that covers it", async () => {
    const model = await loadModel(yoloV8(0), { labels: ["cat", "dog", "bird"], preprocess: { fit: "pad" } });
    const wide = { data: new Uint8Array(48 * 24 * 3).map((_, i) => (i * 37) % 256), width: 48, height: 24 };
    const input = model.preprocess(wide);
    const map = await classProbabilityMap(model, wide, { target: "dog" });
    const { data } = (await model.run(input)).output;
    const plain = new Float32Array(64 * 64);
    for (let n = 0; n < 84; n++) {
      const [cx, cy, w, h, , p] = Array.from({ length: 7 }, (_, c) => data[c * 84 + n]);
      for (let y = Math.max(0, Math.round(cy - h / 2)); y < Math.min(64, Math.round(cy + h / 2)); y++) {
        for (let x = Math.max(0, Math.round(cx - w / 2)); x < Math.min(64, Math.round(cx + w / 2)); x++)
          plain[y * 64 + x] = Math.max(plain[y * 64 + x], p);
      }
    }
    expect(new Set(plain).size).toBeGreaterThan(3);
    map.data.forEach((value, i) => {
      expect(value).toBeCloseTo(plain[i], 5);
    });
    expect(overlay(wide, map).width).toBe(48);
    expect(heatmapImage(map).width).toBe(64);
    const asTensor = await classProbabilityMap(model, input, { target: 1 });
    expect(asTensor.data).toEqual(map.data);
    expect(asTensor.placement).toBeUndefined();
    const [best] = await detect(model, input, { threshold: 0 });
    expect(cornersOf(best).every(Number.isFinite)).toBe(true);
    const ask = (target: unknown) => classProbabilityMap(model, input, { target: target as number });
    await expect(ask("dig")).rejects.toThrow('has no label "dig". Did you mean "dog"?');
    await expect(ask(3)).rejects.toThrow("by label or index from 0 to 2, got 3");
    await expect(
      classProbabilityMap(await loadModel(), new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]), { target: 0 }),
    ).rejects.toThrow(/recognised as a detector's/);
  });
});
