import { interpolateInferno, interpolatePRGn, interpolateTurbo } from "d3-scale-chromatic";
import { describe, expect, it } from "vitest";
import {
  boundingBox,
  captioned,
  colormapNames,
  drawBox,
  enlarge,
  type Heatmap,
  heatmap,
  heatmapImage,
  type ImageLike,
  overlay,
  sideBySide,
  Tensor,
} from "../../src/index";
import { colormapTable } from "../../src/view/colormap";

const inputSize = { width: 4, height: 2 };
const perPixel = (method: string, values: readonly number[], channels = 1) => ({
  method,
  values: new Tensor(Float32Array.from(values), [1, 2, 4, channels]),
  inputSize,
});

describe("heatmap", () => {
  it("saliency: the largest magnitude over channels, scaled to 1", () => {
    const values = [-4, 1, 0, 2, ...new Array(12).fill(0)];
    const { data, signed } = heatmap(perPixel("saliency", values, 2));
    expect(signed).toBe(false);
    expect(Array.from(data)).toEqual([1, 0.5, 0, 0, 0, 0, 0, 0]);
  });

  it("shares of the score: signed sums over channels", () => {
    const values = [-4, 1, 0, 2, ...new Array(12).fill(0)];
    const { data, signed } = heatmap(perPixel("integrated-gradients", values, 2));
    expect(signed).toBe(true);
    expect(data[0]).toBe(-1);
    expect(data[1]).toBeCloseTo(2 / 3, 6);
  });

  it("other signs, percentiles, smoothing", () => {
    const source = perPixel("occlusion", [-2, 1, 0, 0, 0, 0, 0, 4]);
    expect(Array.from(heatmap(source, { sign: "negative" }).data)).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    expect(Array.from(heatmap(source, { sign: "positive" }).data)).toEqual([0, 0.25, 0, 0, 0, 0, 0, 1]);
    expect(heatmap(source, { percentile: 87.5 }).data[1]).toBe(0.5);
    const smooth = heatmap(source, { smooth: 1 }).data;
    expect(Math.abs(smooth[6])).toBeGreaterThan(0.2);
    expect(() => heatmap(source, { percentile: 0 })).toThrow(/percentile must be above 0/);
    expect(() => heatmap(source, { smooth: -1 })).toThrow(/smooth must be at least 0/);
    expect(() => heatmap(source, { smooth: Number.POSITIVE_INFINITY })).toThrow(/smooth must be at least 0/);
    expect(() => heatmap(source, { sign: "both" as never })).toThrow(/none of absolute, positive, negative, signed/);
  });

  it("a CAM is rectified, scaled, resized and scaled again", () => {
    const source = { method: "grad-cam", values: new Tensor(Float32Array.of(-3, 5), [1, 1, 2, 1]), inputSize };
    const { data } = heatmap(source);
    expect(Array.from(data.slice(0, 4)).map((value) => Math.round(value * 100) / 100)).toEqual([0, 0.25, 0.75, 1]);
    const negative = { ...source, values: new Tensor(Float32Array.of(-3, -5), [1, 1, 2, 1]) };
    expect(Array.from(heatmap(negative).data)).toEqual(new Array(8).fill(0));
    expect(heatmap(source, { sign: "signed" }).data[0]).toBeCloseTo(-0.6, 6);
  });

  it("a signal is a picture one pixel high", () => {
    const values = new Tensor(Float32Array.of(1, 2, -4, 0, 0, 2), [1, 2, 3]);
    const source = { method: "integrated-gradients", values, inputSize: { width: 3, height: 1 } };
    expect(Array.from(heatmap(source).data)).toEqual([0.5, 1, -1]);
  });

  it("nothing anywhere is zero everywhere, not NaN", () => {
    for (const method of ["saliency", "occlusion"]) {
      expect(Array.from(heatmap(perPixel(method, new Array(8).fill(0))).data)).toEqual(new Array(8).fill(0));
    }
  });
});

const flat: Heatmap = { data: Float32Array.of(0, 0, 1, 1, 0, 0, 1, 1), width: 4, height: 2, signed: false };
const picture = { data: new Uint8Array(4 * 2 * 3).fill(100), width: 4, height: 2 };

describe("pictures", () => {
  it("an overlay of a picture is the same however its channels came, and leaves it as it is", () => {
    const ramp = { data: Float32Array.from({ length: 8 }, (_, i) => i / 7), width: 4, height: 2, signed: false };
    const colours = Array.from({ length: 8 }, (_, i) => [i * 30, 255 - i * 17, (i * 89) % 256]);
    const rgb = { data: Uint8Array.from(colours.flat()), width: 4, height: 2 };
    const opaque = Uint8Array.from([7, ...colours.flatMap((colour) => [...colour, 255])]);
    const later = { data: opaque.subarray(1), width: 4, height: 2 };
    const before = opaque.slice();
    expect(overlay(later, ramp).data).toEqual(overlay(rgb, ramp).data);
    expect(opaque).toEqual(before);
    const clear = later.data.slice();
    clear.fill(0, 0, 4);
    const white = later.data.slice();
    white.fill(255, 0, 4);
    expect(overlay({ ...later, data: clear }, ramp).data).toEqual(overlay({ ...later, data: white }, ramp).data);
  });

  it("an overlay shows the picture where nothing is, the colour where the evidence is", () => {
    const { data } = overlay(picture, flat, { opacity: 1, colormap: "inferno" });
    expect(Array.from(data.slice(0, 4))).toEqual([100, 100, 100, 255]);
    expect(Array.from(data.slice(12, 15))).toEqual(Array.from(colormapTable("inferno").slice(-3)));
    const untouched = overlay(picture, flat, { opacity: 0 });
    expect(Array.from(untouched.data).every((value, i) => value === (i % 4 === 3 ? 255 : 100))).toBe(true);
  });

  it("a region puts the heatmap where the network looked", () => {
    const large = { data: new Uint8Array(12 * 6 * 3).fill(50), width: 12, height: 6 };
    const ones: Heatmap = { ...flat, data: new Float32Array(8).fill(1) };
    const { data } = overlay(large, ones, { opacity: 1, region: { x: 4, y: 2, width: 4, height: 2 } });
    const coloured = Array.from({ length: 72 }, (_, pixel) => data[pixel * 4] !== 50 || data[pixel * 4 + 1] !== 50);
    coloured.forEach((value, pixel) => {
      const [x, y] = [pixel % 12, Math.floor(pixel / 12)];
      expect(value).toBe(x >= 4 && x < 8 && y >= 2 && y < 4);
    });
  });

  it("colour maps: ends, the neutral middle of the diverging one, wrong names", () => {
    expect(colormapNames.length).toBeGreaterThan(5);
    for (const name of colormapNames) expect(colormapTable(name).length).toBe(768);
    const table = colormapTable("red-blue");
    const [blue, white, red] = [table.slice(0, 3), table.slice(381, 384), table.slice(-3)];
    expect(blue[2]).toBeGreaterThan(blue[0] + 50);
    expect(red[0]).toBeGreaterThan(red[2] + 50);
    expect(Math.min(...white)).toBeGreaterThan(235);
    expect(() => overlay(picture, flat, { colormap: "jet2" })).toThrow(
      /There is no colour map "jet2"\. Colour maps: turbo/,
    );
    expect(() => overlay(picture, flat, { colormap: "Red_blu" })).toThrow(/Did you mean "red-blue"\? Colour maps:/);
    expect(() => overlay(picture, flat, { opacity: 2 })).toThrow(/opacity must lie between 0 and 1/);
  });

  it("colour maps: every level has the colour that d3-scale-chromatic gives it", () => {
    const originals = { inferno: interpolateInferno, turbo: interpolateTurbo, "green-purple": interpolatePRGn };
    for (const [name, interpolate] of Object.entries(originals)) {
      const colours = Array.from({ length: 256 }, (_, level) => interpolate(level / 255)).flatMap((css) =>
        css.startsWith("#")
          ? [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16))
          : Array.from(css.matchAll(/\d+/g), Number),
      );
      expect(Array.from(colormapTable(name)), name).toEqual(colours);
    }
  });

  it("a heatmap alone, enlarged, side by side", () => {
    const image = heatmapImage(flat, { colormap: "greys" });
    expect(Array.from(image.data.slice(0, 3))).toEqual([0, 0, 0]);
    expect(Array.from(image.data.slice(8, 11))).toEqual([255, 255, 255]);
    const big = enlarge(picture, 5);
    expect([big.width, big.height]).toEqual([12, 6]);
    expect(enlarge(big, 5)).toBe(big);
    expect(() => enlarge(picture, Number.NaN)).toThrow("side must be a whole number of at least 1, got NaN.");
    const both = sideBySide([picture, image], { columns: 2, gap: 1 });
    expect([both.width, both.height]).toEqual([9, 2]);
    expect(Array.from(both.data.slice(16, 20))).toEqual([255, 255, 255, 255]);
    expect(() => sideBySide([])).toThrow(/at least one/);
    expect(() => sideBySide([picture, big])).toThrow(/one size; 4×2 and 12×6/);
  });
});

describe("bounding box", () => {
  const map = (rows: readonly string[]): Heatmap => ({
    data: Float32Array.from(rows.join(""), (digit) => Number(digit) / 10),
    width: rows[0].length,
    height: rows.length,
    signed: false,
  });

  it("surrounds the largest region above the threshold, not the strongest", () => {
    const two = map(["9000000", "0000550", "0000055", "0000000"]);
    expect(boundingBox(two)).toEqual({ x: 4, y: 1, width: 3, height: 2 });
    expect(boundingBox(two, { threshold: 0.7 })).toEqual({ x: 0, y: 0, width: 1, height: 1 });
  });

  it("does not frame what no picture shows", () => {
    const faint = (positive: number): Heatmap => ({
      data: Float32Array.of(-1, positive, -0.5, 0),
      width: 2,
      height: 2,
      signed: true,
    });
    expect(() => boundingBox(faint(1e-7))).toThrow(/1\.0e-7 of the largest negative one, which no picture shows/);
    expect(() => boundingBox(faint(0.0019))).toThrow(/nothing to put a box around/);
    expect(boundingBox(faint(0.01))).toEqual({ x: 1, y: 0, width: 1, height: 1 });
  });

  it("needs something positive", () => {
    expect(() => boundingBox(map(["000", "000"]))).toThrow(/no positive value/);
    expect(() => boundingBox(map(["5"]), { threshold: 1 })).toThrow(/threshold must be at least 0 and below 1/);
  });

  it("is drawn on a copy, clipped at the border", () => {
    const drawn = drawBox(picture, { x: 2, y: 0, width: 9, height: 2 }, { color: [1, 2, 3], thickness: 1 });
    expect(Array.from(drawn.data.slice(6, 9))).toEqual([1, 2, 3]);
    expect(picture.data[6]).toBe(100);
    expect(Array.from(drawn.data.slice(0, 3))).toEqual([100, 100, 100]);
  });
});

describe("captioned", () => {
  const grey = { data: new Uint8Array(120 * 40 * 3).fill(128), width: 120, height: 40 };

  it("writes a line below the picture, smaller where it is long, and keeps pictures of one size alike", async () => {
    const [short, long] = [await captioned(grey, "cat"), await captioned(grey, "grad-cam-plus-plus")];
    expect([short.width, short.height]).toEqual([long.width, long.height]);
    expect(short.width).toBe(120);
    expect(short.height).toBeGreaterThan(47);
    const dark = ({ data, width, height }: ImageLike): number =>
      [...Array(width * height).keys()].filter((pixel) => pixel >= 120 * 40 && data[pixel * 4] < 100).length;
    expect(dark(short)).toBeGreaterThan(40);
    expect(dark(await captioned(grey, "  "))).toBe(0);
    expect(short.data.slice(0, 120 * 40 * 4).every((value, i) => value === (i % 4 === 3 ? 255 : 128))).toBe(true);
    expect(sideBySide([short, long]).height).toBe(short.height);
  });

  it("says what is wrong", async () => {
    await expect(captioned(grey, 5 as never)).rejects.toThrow("A caption is a text, got number.");
  });
});
