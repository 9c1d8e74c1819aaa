import { describe, expect, it } from "vitest";
import fc from "../seeded";
import {
  expectAdjoint,
  expectClose,
  get,
  kernels,
  noise,
  output,
  put,
  record,
  reset,
  settings,
  tolerance,
} from "./harness.js";

const int = (min: number, max: number) => fc.integer({ min, max });

describe("resample", () => {
  it("agrees with the double sum, and its backward is its adjoint", () => {
    const shape = fc.record({
      samples: int(1, 2),
      inH: int(1, 5),
      inW: int(1, 5),
      channels: int(1, 9),
      outH: int(1, 6),
      outW: int(1, 6),
      tapsY: int(1, 4),
      tapsX: int(1, 4),
    });
    fc.assert(
      fc.property(shape, int(0, 1e6), (s, seed) => {
        reset();
        const index = (count: number, extent: number, shift: number) =>
          noise(seed + shift, count).map((v) => Math.min(extent - 1, Math.floor(((v + 1) / 2) * extent)));
        const iy = index(s.outH * s.tapsY, s.inH, 1);
        const ix = index(s.outW * s.tapsX, s.inW, 2);
        const wy = noise(seed + 3, iy.length);
        const wx = noise(seed + 4, ix.length);
        const x = noise(seed + 5, s.samples * s.inH * s.inW * s.channels);
        const expected: number[] = [];
        for (let n = 0; n < s.samples; n++)
          for (let oy = 0; oy < s.outH; oy++)
            for (let ox = 0; ox < s.outW; ox++)
              for (let c = 0; c < s.channels; c++) {
                let sum = 0;
                for (let i = oy * s.tapsY; i < (oy + 1) * s.tapsY; i++)
                  for (let j = ox * s.tapsX; j < (ox + 1) * s.tapsX; j++)
                    sum += wy[i] * wx[j] * x[((n * s.inH + iy[i]) * s.inW + ix[j]) * s.channels + c];
                expected.push(sum);
              }
        const geometry = record("ResampleGeometry", {
          ...s,
          indexY: put(iy, "i32"),
          indexX: put(ix, "i32"),
          weightY: put(wy),
          weightX: put(wx),
        });
        const dy = noise(seed + 6, expected.length);
        const [px, pdy] = [put(x), put(dy)];
        const y = output(expected.length, (p) => kernels.resample(px, p, geometry));
        expectClose(y, expected, tolerance.sum);
        expectAdjoint(
          y,
          dy,
          x,
          output(x.length, (p) => kernels.resampleBackward(pdy, p, geometry)),
        );
      }),
      settings,
    );
  });
});

describe("expandHalf", () => {
  it("is exact for all 65536 bit patterns", () => {
    reset();
    const value = (h: number) => {
      const exponent = (h >> 10) & 31;
      const mantissa = h & 1023;
      const magnitude =
        exponent === 31
          ? mantissa
            ? NaN
            : Infinity
          : exponent
            ? (1 + mantissa / 1024) * 2 ** (exponent - 15)
            : mantissa * 2 ** -24;
      return h & 0x8000 ? -magnitude : magnitude;
    };
    const halves = Array.from({ length: 65536 }, (_, i) => i);
    const source = put(halves, "u16");
    expect(output(65536, (y) => kernels.expandHalf(source, y, 65536))).toEqual(halves.map(value));
  });

  it.each([1, 2, 3, 5])("handles %d values", (count) => {
    reset();
    const source = put([0x3c00, 0xc000, 0x7c00, 0x0001, 0xfbff].slice(0, count), "u16");
    const y = output(count, (p) => kernels.expandHalf(source, p, count));
    expect(y).toEqual([1, -2, Infinity, 2 ** -24, -65504].slice(0, count));
    expect(get(source, count, "u16").length).toBe(count);
  });
});
