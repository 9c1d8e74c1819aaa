import { describe, expect, it } from "vitest";
import { gaussianBlur } from "../../src/image/blur";
import { resizeBilinear } from "../../src/image/resize";
import { placement, preprocess } from "../../src/index";
import fc from "../seeded";

const grey = (values: readonly number[], width: number) => ({
  data: values,
  width,
  height: values.length / width,
  channels: 1,
});

describe("bilinear resampling", () => {
  it("enlarging looks between the two nearest pixel centres", () => {
    // Centres of 4 pixels over 2: −0.25 (edge), 0.25, 0.75, 1.25 (edge).
    const out = resizeBilinear(grey([0, 100], 2), 4, 1);
    expect(Array.from(out)).toEqual([0, 25, 75, 100]);
  });

  it("shrinking with antialiasing weighs every pixel by a triangle as wide as the scale", () => {
    // Output 0 of 2 over 4 pixels: centre 0.5, support 2, weights ¾, ¾, ¼ over pixels 0, 1, 2.
    const out = resizeBilinear(grey([4, 8, 16, 32], 4), 2, 1);
    expect(out[0]).toBeCloseTo((0.75 * 4 + 0.75 * 8 + 0.25 * 16) / 1.75, 5);
    expect(out[1]).toBeCloseTo((0.25 * 8 + 0.75 * 16 + 0.75 * 32) / 1.75, 5);
    // Without it the two pixels next to the centre count.
    expect(Array.from(resizeBilinear(grey([4, 8, 16, 32], 4), 2, 1, { antialias: false }))).toEqual([6, 24]);
  });

  it("keeps constants, its own size, and mirrors with the picture", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 12 }),
        (w, h, outW, outH) => {
          const flat = resizeBilinear(grey(new Array(w * h).fill(7), w), outW, outH);
          for (const value of flat) expect(value).toBeCloseTo(7, 5);
          const values = Array.from({ length: w * h }, (_, i) => (i * 53) % 17);
          expect(Array.from(resizeBilinear(grey(values, w), w, h))).toEqual(values);
          const mirrored = values.map((_, i) => values[i - (i % w) + (w - 1 - (i % w))]);
          const [there, back] = [
            resizeBilinear(grey(values, w), outW, outH),
            resizeBilinear(grey(mirrored, w), outW, outH),
          ];
          there.forEach((value, i) => {
            expect(back[i - (i % outW) + (outW - 1 - (i % outW))]).toBeCloseTo(value, 4);
          });
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });

  it("a blur keeps the sum of an inner spot and is symmetric", () => {
    const spot = new Float32Array(21 * 21);
    spot[10 * 21 + 10] = 1;
    const blurred = gaussianBlur(spot, 21, 21, 1, 2);
    expect(blurred.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    expect(blurred[10 * 21 + 7]).toBeCloseTo(blurred[13 * 21 + 10], 7);
    expect(blurred[10 * 21 + 10] / blurred[10 * 21 + 12]).toBeCloseTo(Math.exp(0.5), 4);
  });
});

describe("preprocess", () => {
  const rgb = { data: Uint8Array.of(0, 51, 102, 153, 204, 255), width: 2, height: 1 };
  const size = { width: 2, height: 1, channels: 3 };

  it("scales, subtracts, divides; a picture of the input's size passes unchanged", () => {
    const plain = preprocess(rgb, size);
    expect(plain.shape).toEqual([1, 1, 2, 3]);
    plain.data.forEach((value, i) => {
      expect(value).toBeCloseTo(rgb.data[i] / 255, 6);
    });
    const caffe = preprocess(rgb, size, { range: [0, 255], mean: [123, 117, 104], channels: "bgr" });
    expect(Array.from(caffe.data)).toEqual([102 - 123, 51 - 117, 0 - 104, 255 - 123, 204 - 117, 153 - 104]);
    const signed = preprocess(rgb, size, { mean: [0.5], std: [0.5] });
    expect(signed.data[0]).toBe(-1);
    expect(signed.data[5]).toBe(1);
  });

  it("one channel is luma; grey fills three; transparent pixels lie on white", () => {
    const luma = preprocess(rgb, { ...size, channels: 1 }, { range: [0, 255] });
    expect(luma.data[0]).toBeCloseTo(0.587 * 51 + 0.114 * 102, 4);
    const filled = preprocess({ data: Uint8Array.of(9, 9), width: 2, height: 1 }, size, { range: [0, 255] });
    expect(Array.from(filled.data)).toEqual([9, 9, 9, 9, 9, 9]);
    const clear = preprocess({ data: Uint8Array.of(0, 0, 0, 0, 10, 20, 30, 255), width: 2, height: 1 }, size, {
      range: [0, 255],
    });
    expect(Array.from(clear.data)).toEqual([255, 255, 255, 10, 20, 30]);
  });

  it("crop takes the centre, pad shows everything with a border of zero, stretch distorts", () => {
    // Four columns of a wide picture: black, dark, light, white; the input is square.
    const wide = { data: Uint8Array.of(0, 100, 200, 255, 0, 100, 200, 255), width: 4, height: 2 };
    const square = { width: 2, height: 2, channels: 1 };
    expect(Array.from(preprocess(wide, square, { range: [0, 255] }).data)).toEqual([100, 200, 100, 200]);
    expect(placement(wide, square)).toEqual({ x: 1, y: 0, width: 2, height: 2 });
    expect(placement(wide, { width: 4, height: 4 }, "pad")).toEqual({ x: 0, y: -1, width: 4, height: 4 });
    const padded = preprocess(wide, { width: 4, height: 4, channels: 1 }, { range: [0, 255], mean: [50], fit: "pad" });
    expect(Array.from(padded.data.slice(0, 4))).toEqual([0, 0, 0, 0]);
    expect(Array.from(padded.data.slice(4, 8))).toEqual([-50, 50, 150, 205]);
    const stretched = preprocess(wide, { width: 4, height: 1, channels: 1 }, { range: [0, 255], fit: "stretch" });
    expect(Array.from(stretched.data)).toEqual([0, 100, 200, 255]);
  });

  it("refuses what cannot be meant", () => {
    expect(() => preprocess(rgb, size, { mean: [1, 2] })).toThrow(
      /preprocess\.mean takes one number or 3, got \[1,2\]/,
    );
    expect(() => preprocess(rgb, size, { std: [0] })).toThrow(/std must not be 0/);
    expect(() => preprocess(rgb, size, { range: [1, 0] })).toThrow(/two rising numbers/);
    expect(() => preprocess(rgb, { ...size, width: 3 }, { fit: "cover" as never })).toThrow(
      /fit "cover" is none of crop, stretch, pad/,
    );
    expect(() => preprocess({ data: Uint8Array.of(1, 2), width: 2, height: 2 }, size)).toThrow(
      /takes 12 bytes \(RGB\), 16 \(RGBA\) or 4 \(grey\), got 2/,
    );
    expect(() => preprocess({ data: Uint8Array.of(0x89, 0x50, 1, 1, 1), width: 0, height: 0 }, size)).toThrow(
      /These bytes are a PNG file: decodeImage/,
    );
    expect(() => preprocess(rgb, { ...size, channels: 4 })).toThrow(/takes 4 channels; only 1 or 3/);
  });
});
