import { describe, expect, it } from "vitest";
import { toColours } from "../../src/image/colours";
import { resizeBilinear } from "../../src/image/resize";
import { scaledColours } from "../../src/image/scaled-colours";
import {
  decodeImage,
  encodeJpeg,
  encodePng,
  type ImageLike,
  OptionError,
  preprocess,
  resize,
  toDataURL,
  toImageData,
} from "../../src/index";

const noise = (width: number, height: number, channels: number): ImageLike => {
  const data = new Uint8Array(width * height * channels);
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    data[i] = state >>> 24;
  }
  return { data, width, height };
};

describe("large pictures", () => {
  it("are scaled to the bits that the whole picture's floats give", () => {
    for (const given of [1, 3, 4]) {
      const image = noise(1001, 703, given);
      for (const channels of [1, 3]) {
        const source = { x: 149, y: -3, width: 703, height: 709 };
        const whole = { data: toColours(image, channels), width: 1001, height: 703, channels };
        const right = resizeBilinear(whole, 31, 47, { source });
        expect(scaledColours(image, { width: 31, height: 47, channels }, source)).toEqual(right);
      }
    }
  });

  it("are scaled once, and again when a pixel has changed", () => {
    const image = noise(2000, 1500, 3);
    const size = { width: 64, height: 64, channels: 3 };
    const source = { x: 0, y: 0, width: 2000, height: 1500 };
    const first = scaledColours(image, size, source);
    expect(scaledColours({ ...image }, size, source)).toBe(first);
    expect(scaledColours(image, size, { ...source, x: 8 })).not.toEqual(first);
    expect(scaledColours(image, size, source)).toBe(first);
    image.data[1500 * 2000] ^= 128;
    const changed = scaledColours(image, size, source);
    expect(changed).not.toEqual(first);
    const whole = { data: toColours(image, 3), width: 2000, height: 1500, channels: 3 };
    expect(changed).toEqual(resizeBilinear(whole, 64, 64));
  });

  it("what preprocess returns is the caller's own", () => {
    const image = noise(1000, 800, 3);
    const size = { width: 32, height: 32, channels: 3 };
    const right = preprocess(image, size).data.slice();
    preprocess(image, size).data.fill(7);
    expect(preprocess(image, size).data).toEqual(right);
  });

  it("JPEG files shrink while they are decoded, to the size that is asked for", async () => {
    const smooth = { width: 640, height: 400, data: new Uint8Array(640 * 400 * 3) };
    smooth.data.forEach((_, i) => {
      smooth.data[i] = 128 + 90 * Math.sin(((i % 1920) + 3 * Math.floor(i / 1920)) / 150);
    });
    const file = await encodeJpeg(smooth, { quality: 95 });
    for (const maxSide of [640, 300, 100, 33]) {
      const image = await decodeImage(file, { maxSide });
      const height = Math.round((400 * maxSide) / 640);
      expect([image.width, image.height]).toEqual([maxSide, height]);
      const right = resize(smooth, { width: maxSide, height });
      const apart = image.data.reduce((sum, value, i) => sum + Math.abs(value - right.data[i]), 0) / image.data.length;
      expect(apart, `${maxSide}`).toBeLessThan(1.5);
    }
    expect((await decodeImage(file, { maxSide: 5000 })).width).toBe(640);
  });

  it("survive PNG exactly above two megapixels, opaque ones without their alpha channel", async () => {
    for (const channels of [1, 3, 4]) {
      const image = noise(2001, 1001, channels);
      const back = await decodeImage(await encodePng(image));
      const same = back.data.every((value, i) => value === image.data[channels === 1 ? Math.floor(i / 3) : i]);
      expect([same, back.width, back.data.length / (2001 * 1001)]).toEqual([true, 2001, channels === 1 ? 3 : channels]);
    }
    const opaque = { width: 2001, height: 1001, data: new Uint8Array(2001 * 1001 * 4).fill(255) };
    expect((await decodeImage(await encodePng(opaque))).data.length).toBe(2001 * 1001 * 3);
  });
});

describe("resize", () => {
  const image = noise(30, 20, 3);
  it("keeps proportions, or takes both sides", () => {
    const sizeOf = (options: object): number[] => {
      const { width, height } = resize(image, options);
      return [width, height];
    };
    expect(sizeOf({ width: 15 })).toEqual([15, 10]);
    expect(sizeOf({ height: 40 })).toEqual([60, 40]);
    expect(sizeOf({ width: 7, height: 9 })).toEqual([7, 9]);
    expect(sizeOf({ maxSide: 10 })).toEqual([10, 7]);
    expect([...resize(image, { maxSide: 90 }).data]).toEqual([...image.data]);
  });

  it("transparent pixels lend no colour", () => {
    const half = { width: 2, height: 1, data: Uint8Array.of(200, 100, 50, 255, 0, 255, 0, 0) };
    expect(Array.from(resize(half, { width: 1 }).data)).toEqual([200, 100, 50, 128]);
  });

  it("says what it takes", () => {
    expect(() => resize(image, {})).toThrow(/needs a size: \{ maxSide \}/);
    expect(() => resize(image, { maxSide: 5, width: 3 })).toThrow(OptionError);
    expect(() => resize(image, { with: 3 } as never)).toThrow(/has no option "with".*width/);
    expect(() => resize(image, { width: 0 })).toThrow(OptionError);
  });
});

describe("pictures for the web", () => {
  const image = noise(9, 7, 3);
  it("a data URL is the file", async () => {
    const url = await toDataURL(image);
    expect(url).toMatch(/^data:image\/png;base64,iVBOR/);
    expect([...(await decodeImage(url)).data]).toEqual([...image.data]);
    expect(await (await decodeImage(url)).toDataURL()).toBe(url);
    expect(await toDataURL(image, { format: "jpeg", quality: 70 })).toMatch(/^data:image\/jpeg;base64,\/9j\//);
    await expect(toDataURL(image, { quality: 70 })).rejects.toThrow("add format: 'jpeg'");
    await expect(toDataURL(image, { format: "gif" as never })).rejects.toThrow(/none of png, jpeg/);
  });

  it("JPEG keeps colours within its loss, and lays what is transparent on white", async () => {
    const flat = { width: 16, height: 16, data: new Uint8Array(16 * 16 * 3).fill(90) };
    expect(Array.from((await decodeImage(await encodeJpeg(flat))).data.subarray(0, 3))).toEqual([90, 90, 90]);
    const clear = { width: 8, height: 8, data: new Uint8Array(8 * 8 * 4) };
    expect((await decodeImage(await encodeJpeg(clear))).data.every((value) => value === 255)).toBe(true);
    await expect(encodeJpeg(flat, { quality: 0 })).rejects.toThrow("quality must lie between 1 and 100, got 0");
  });

  it("ImageData is RGBA", () => {
    const { data, width, height, colorSpace } = toImageData(image);
    expect([width, height, colorSpace, data.length]).toEqual([9, 7, "srgb", 9 * 7 * 4]);
    expect(Array.from(data.subarray(0, 8))).toEqual([
      ...[...image.data.subarray(0, 3), 255],
      ...[...image.data.subarray(3, 6), 255],
    ]);
    expect(Array.from(toImageData(noise(1, 1, 1)).data)).toEqual([...Array(3).fill(noise(1, 1, 1).data[0]), 255]);
  });
});

it.each([2 ** 53, -(2 ** 53), 1e308, -1e308, 5000])(
  "a part of the picture that lies %d away from it is its edge",
  (far) => {
    const data = Float32Array.from({ length: 12 }, (_, i) => i);
    const pixels = { data, width: 4, height: 3, channels: 1 };
    const edge = far > 0 ? 3 : 0;
    for (const [width, out] of [
      [2, 3],
      [40, 3],
      [2 ** 30, 2],
    ]) {
      for (const antialias of [true, false]) {
        const found = resizeBilinear(pixels, out, 3, { source: { x: far, y: 0, width, height: 3 }, antialias });
        const isBeside = Math.abs(far) > width;
        const expected = Array.from({ length: 3 * out }, (_, i) => edge + 4 * Math.floor(i / out));
        if (isBeside) expect([...found]).toEqual(expected);
        else expect(found.every(Number.isFinite)).toBe(true);
      }
    }
  },
);
