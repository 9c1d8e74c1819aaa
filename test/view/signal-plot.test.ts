import { describe, expect, it } from "vitest";
import { heatmap, OptionError, ShapeError, signalPlot, Tensor } from "../../src/index";

const values = (data: readonly number[], channels: number): Tensor =>
  new Tensor(Float32Array.from(data), [1, channels, data.length / channels]);
const source = (data: readonly number[], channels: number, method = "integrated-gradients") => ({
  method,
  values: values(data, channels),
  inputSize: { width: data.length / channels, height: 1 },
});

/** The strips of colour: where each begins, how wide it is, its colour. */
const strips = (svg: string): { x: number; y: number; width: number; fill: string }[] =>
  [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="140" fill="(rgb[^"]+)"/g)].map(
    ([, x, y, width, fill]) => ({ x: Number(x), y: Number(y), width: Number(width), fill }),
  );

describe("a plot of a signal", () => {
  const signal = values([0, 1, 2, 1, 0, -1, 0, 0], 1);

  it("lays the colour of each sample's attribution behind it", () => {
    const svg = signalPlot(signal, heatmap(source([0, 0, 1, 1, 0, -1, 0, 0], 1)));
    const found = strips(svg);
    // 800 wide, 58 left and 14 right of the panel: 91 pixels per sample.
    expect(found.map(({ x, width }) => [x, width])).toEqual([
      [58, 182],
      [240, 182],
      [422, 91],
      [513, 91],
      [604, 182],
    ]);
    const [nothing, red, , blue] = found.map(({ fill }) => (fill.match(/\d+/g) ?? []).map(Number));
    expect(red[0]).toBeGreaterThan(red[2] + 50);
    expect(blue[2]).toBeGreaterThan(blue[0] + 50);
    expect(Math.min(...nothing)).toBeGreaterThan(230);
    expect(found[0].fill).toBe(found[4].fill);
    expect(svg).toContain(">against<");
    expect(svg).toContain(">sample<");
  });

  it("draws the samples between their axes, in seconds where the rate is known", () => {
    const svg = signalPlot(signal, heatmap(source([1, 0, 0, 0, 0, 0, 0, 0], 1, "saliency")), {
      ...{ sampleRate: 4, title: "A < B & C", channelNames: ["mV"], marks: [[2, 4]], markLabel: "here" },
    });
    const [, path] = /<path d="M([^"]+)" fill="none"[^>]+stroke="#111"/.exec(svg) as unknown as [string, string];
    const points = path.split("L").map((point) => point.split(" ").map(Number));
    expect(points).toHaveLength(8);
    expect(points[0][0]).toBe(58 + 91 / 2);
    const heights = points.map(([, y]) => y);
    expect(heights.indexOf(Math.min(...heights))).toBe(2);
    expect(heights.indexOf(Math.max(...heights))).toBe(5);
    // From -1 to 2 over a panel with eight hundredths of margin on each side.
    expect(heights[5] - heights[2]).toBeCloseTo((140 * 3) / (3 * 1.16), 1);
    for (const label of ["A &#60; B &#38; C", "seconds", "mV", "here", "0.5", "−1", "much"])
      expect(svg).toContain(`>${label}<`);
    expect(svg).toContain('<rect x="240" y="195" width="182" height="4"');
    expect(svg.startsWith("<svg ")).toBe(true);
  });

  it("has a panel per channel, coloured alike or each by its own values", () => {
    const two = values([0, 1, 0, 1, 5, 4, 3, 2], 2);
    const attribution = source([4, 0, 0, 0, 0, 0, 0, -2], 2);
    const alike = strips(signalPlot(two, heatmap(attribution)));
    expect(alike).toHaveLength(6);
    expect(alike.slice(0, 3).map(({ fill }) => fill)).toEqual(alike.slice(3).map(({ fill }) => fill));
    const own = heatmap(attribution, { channels: "each" });
    expect([own.width, own.height]).toEqual([4, 2]);
    expect(Array.from(own.data)).toEqual([1, 0, 0, 0, 0, 0, 0, -0.5]);
    const each = strips(signalPlot(two, own));
    expect(each.map(({ y, width }) => [y, width])).toEqual([
      [30, 182],
      [30, 546],
      [184, 546],
      [184, 182],
    ]);
  });

  it("blurs each channel by itself", () => {
    const impulse = new Array<number>(40).fill(0).map((_, i) => Number(i === 5));
    const { data } = heatmap(source(impulse, 2), { channels: "each", smooth: 1 });
    expect(data[5]).toBe(1);
    expect(data[4]).toBeCloseTo(data[6], 6);
    expect(data.slice(20).every((value) => value === 0)).toBe(true);
  });

  it("says what is wrong", () => {
    const map = heatmap(source([0, 0, 1, 1, 0, -1, 0, 0], 1));
    const image = new Tensor(new Float32Array(12), [1, 2, 2, 3]);
    expect(() => signalPlot(image, map)).toThrow(/takes a signal \[1, C, L\], got 1×2×2×3/);
    expect(() => signalPlot(signal, source([1], 1) as never)).toThrow(/signalPlot\(signal, heatmap\(attribution\)\)/);
    expect(() => signalPlot(signal, signal as never)).toThrow(
      /^A heatmap is what heatmap\(attribution\) returns: signalPlot/,
    );
    expect(() => signalPlot(values([1, 2], 1), map)).toThrow(ShapeError);
    expect(() => signalPlot(values([1, 2], 1), map)).toThrow(/heatmap is 1×8, the signal has 1 channels of 2 samples/);
    expect(() => signalPlot(signal, map, { sampleRate: 0 })).toThrow(OptionError);
    expect(() => signalPlot(signal, map, { marks: [[3, 9]] })).toThrow(
      /mark \[3, 9\] does not lie in the signal's 8 samples/,
    );
    expect(() => signalPlot(values([1, Number.NaN, 1, 1, 1, 1, 1, 1], 1), map)).toThrow(/value NaN at element 1/);
    expect(() =>
      heatmap({ method: "saliency", values: image, inputSize: { width: 2, height: 2 } }, { channels: "each" }),
    ).toThrow(/channels "each" is for the values of a signal/);
  });
});
