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

  it("writes letters without their accents, and of a name that it cannot write the number of the class", async () => {
    const drawn = async (box: object): Promise<string> =>
      (await drawDetections(grey(200, 200), [{ ...dog, ...box }])).data.join();
    expect(await drawn({ label: "chiën" })).toBe(await drawn({ label: "chien" }));
    expect(await drawn({ label: "собака" })).toBe(await drawn({ label: "class 0" }));
    expect(await drawn({ label: "犬", index: undefined })).toBe(await drawn({ label: undefined, index: undefined }));
    // What a caption says is the caller's.
    const own = await drawDetections(grey(200, 200), [dog], { caption: () => "犬 ?" });
    const asked = await drawDetections(grey(200, 200), [dog], { caption: () => "? ?" });
    expect(own.data.join()).toBe(asked.data.join());
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
    await expect(ask([dog], { textScale: 1e9 })).rejects.toThrow("textScale must be at most 1000, got 1000000000");
    await expect(ask([dog], { caption: "dog" })).rejects.toThrow("caption must be a function that makes a text");
    const own = new Error("no words");
    const wordless = ask([dog], {
      caption: () => {
        throw own;
      },
    });
    await expect(wordless).rejects.toBe(own);
  });

  it("writes texts of any length smaller and cuts them, in a moment", async () => {
    const long = (length: number, width: number, textScale = 1000) =>
      drawDetections(grey(width, 60), [{ ...dog, box: { x: 0, y: 40, width: 9, height: 9 } }], {
        caption: () => "I".repeat(length),
        textScale,
      });
    const began = performance.now();
    const million = await long(5_000_000, 400);
    expect(performance.now() - began).toBeLessThan(3000);
    // 66 letters of six columns less the last gap, and two columns around them, are 399.
    expect(extent(million, "255,176,0")).toMatchObject({ left: 0, right: 398 });
    expect(million).toEqual(await long(66, 400, 1));
    // 10 letters are 63 columns: six times as large in 400, as wide in 63, and one letter less in 62.
    expect(extent(await long(10, 400), "255,176,0").right).toBe(6 * 63 - 1);
    expect(extent(await long(10, 400, 2), "255,176,0").right).toBe(2 * 63 - 1);
    expect(extent(await long(10, 63), "255,176,0").right).toBe(62);
    expect(extent(await long(10, 62), "255,176,0").right).toBe(56);
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
    await expect(ask("dig")).rejects.toThrow('"dig" is none of the model\'s 3 labels. Did you mean "dog"?');
    await expect(ask(3)).rejects.toThrow("by label or index from 0 to 2, got 3");
    // As every target takes them: one of several names, in any case.
    const named = await loadModel(yoloV8(0), { labels: ["cat, puss", "dog", "bird"] });
    const byName = await classProbabilityMap(named, input, { target: "Puss" });
    expect(byName.data).toEqual((await classProbabilityMap(model, input, { target: "cat" })).data);
    await expect(classProbabilityMap(await loadModel(yoloV8(0)), input, { target: "cat" })).rejects.toThrow(
      "has no labels. Pass labels to loadModel",
    );
    // What is no probability is refused as detect does.
    const wrong = { boxes: "output0", layout: "columns", classAt: 0, classes: 4 } as const;
    await expect(classProbabilityMap(model, input, { target: 0, head: wrong })).rejects.toThrow(
      /has the score .*, which is no probability/,
    );
    const infinite = new Tensor(input.data.with(0, 3e38).with(1, 3e38), input.shape);
    await expect(classProbabilityMap(model, infinite, { target: 0 })).rejects.toThrow(/not finite/);
    await expect(
      classProbabilityMap(await loadModel(), new Tensor(new Float32Array(96 * 96 * 3), [1, 96, 96, 3]), { target: 0 }),
    ).rejects.toThrow(/recognised as a detector's/);
  });
});
