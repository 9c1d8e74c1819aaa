import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { deflateSync } from "node:zlib";
import { decode } from "fast-png";
import { describe, expect, it } from "vitest";
import { decodeImage, encodePng, type ImageLike, InputError, loadModel, OptionError, saliency } from "../../src/index";
import { describeShared, readShared, sharedPath } from "../shared-folder";
import { chunk, pngOf, uint32 } from "./png-file";

/** Largest difference of two pictures of one size, over all channels. */
function apart(a: ImageLike, b: ImageLike): number {
  expect([a.width, a.height, a.data.length]).toEqual([b.width, b.height, b.data.length]);
  return Array.from(a.data).reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i])), 0);
}

/** What Pillow made of a picture, read by another decoder than ours. */
function expected(bytes: Uint8Array): ImageLike {
  const { data, width, height } = decode(bytes);
  return { data: Uint8Array.from(data), width, height };
}

// Made with Pillow 9.4 (libjpeg-turbo, libwebp 1.2.4) from examples/images/scene-cat-00.png.
const folder = new URL("./files/", import.meta.url);
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));

describe("files as Pillow reads them", () => {
  const names = readdirSync(folder).filter((name) => !name.endsWith(".png"));
  it("are there", () => expect(names.length).toBe(11));
  for (const name of names) {
    it(name, async () => {
      const image = await decodeImage(file(name));
      expect(apart(image, expected(file(name.replace(/\.\w+$/, ".expected.png"))))).toBe(0);
    });
  }
});

describeShared("pictures of other writers", () => {
  const cases = [
    ["jpeg-420", "jpg", 3],
    ["cmyk-without-adobe", "jpg", 0],
    ["png-exif-orientation", "png", 0],
    ["png-interlaced-palette", "png", 0],
  ] as const;
  for (const [name, format, tolerance] of cases) {
    it(name, async () => {
      const image = await decodeImage(readShared(`cases/${name}/picture.${format}`));
      const right = expected(readShared(`cases/${name}/expected.png`));
      const indexed = decode(readShared(`cases/${name}/expected.png`)).palette;
      expect(
        apart(image, indexed ? await decodeImage(readShared(`cases/${name}/expected.png`)) : right),
      ).toBeLessThanOrEqual(tolerance);
    });
  }
});

describeShared("hostile pictures", () => {
  const reasons: Readonly<Record<string, RegExp>> = {
    "11-png-second-IHDR.png": /two headers/,
    "12-jpeg-86-bytes-100MP.jpg": /100 megapixels; at most 64|no scan/,
    "13-jpeg-progressive-2000-scans.jpg": /more than 100 scans/,
    "14-jpeg-no-scan-accepted.jpg": /no scan/,
    "14-png-bad-adler-accepted.png": /Adler-32/,
    "14-png-depth16-indexed-accepted.png": /colour type 3 with 16 bits/,
    "14-png-depth2-rgb-accepted.png": /colour type 2 with 2 bits/,
    "14-png-half-row-accepted.png": /end after|cannot be inflated/,
    "14-png-no-palette-accepted.png": /palette is missing/,
    "15-png-100MP-16bit-760KB.png": /100 megapixels; at most 64/,
    "16-png-two-tRNS-five-channels.png": /two transparency chunks/,
  };
  it("all have a reason here", () => {
    const pictures = readdirSync(sharedPath("cases/hostile")).filter((name) => /\.(png|jpg)$/.test(name));
    expect(pictures).toEqual(Object.keys(reasons));
  });
  for (const [name, reason] of Object.entries(reasons)) {
    it(`${name} is refused at once, and why`, async () => {
      const started = performance.now();
      const error = await decodeImage(readShared(`cases/hostile/${name}`)).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(InputError);
      expect(String(error)).toMatch(reason);
      expect(performance.now() - started).toBeLessThan(2000);
    });
  }
});

describe("more than the header allows", () => {
  const header = (width: number, height: number): number[] => [...uint32(width), ...uint32(height), 8, 0, 0, 0, 0];
  const withData = (width: number, height: number, data: Uint8Array): Uint8Array =>
    Uint8Array.from([
      ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
      ...chunk("IHDR", header(width, height)),
      ...chunk("IDAT", data),
      ...chunk("IEND", []),
    ]);

  it("a picture of one pixel that inflates to a gigabyte is stopped at the first megabytes", async () => {
    const block = deflateSync(Buffer.alloc(1e9));
    const before = process.memoryUsage().rss;
    const bomb = withData(1, 1, block);
    await expect(decodeImage(bomb)).rejects.toThrow("its data hold more pixels than its header says");
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
  });

  it("a header that its data cannot fill takes no memory", async () => {
    await expect(decodeImage(withData(8000, 8000, deflateSync(new Uint8Array(10))))).rejects.toThrow(
      "18 bytes of data cannot hold its 64008000 bytes of pixels".replace(
        "18",
        String(deflateSync(new Uint8Array(10)).length),
      ),
    );
  });

  it("one row too many, one byte too few", async () => {
    await expect(
      decodeImage(pngOf({ size: [2, 1], depth: 8, colourType: 0, rows: [0, 1, 2, 0, 3, 4] })),
    ).rejects.toThrow("more pixels than its header");
    await expect(decodeImage(pngOf({ size: [2, 2], depth: 8, colourType: 0, rows: [0, 1, 2, 0, 3] }))).rejects.toThrow(
      "its data end after 5 of 6 bytes",
    );
  });

  it("maxPixels moves the limit, for each format", async () => {
    for (const name of ["lossy.webp", "progressive.jpg", "lossy.expected.png"]) {
      await expect(decodeImage(file(name), { maxPixels: 53 * 41 - 1 })).rejects.toThrow(
        /is 53×41, 0\.002\d* megapixels; at most 0\.002\d* are decoded.*maxPixels: 2173/,
      );
      await expect(decodeImage(file(name), { maxPixels: 53 * 41 })).resolves.toMatchObject({ width: 53 });
    }
    await expect(decodeImage(file("lossy.webp"), { maxPixels: 0 })).rejects.toThrow(OptionError);
  });
});

describe("bytes of another realm", () => {
  it("are bytes, as a file and as pixels", async () => {
    const foreign = (bytes: Uint8Array | Uint8ClampedArray, kind = "Uint8Array"): Uint8Array =>
      runInNewContext(`${kind}.from(bytes)`, { bytes: Array.from(bytes) });
    const bytes = file("lossy.webp");
    expect(foreign(bytes)).not.toBeInstanceOf(Uint8Array);
    const right = await decodeImage(bytes);
    expect((await decodeImage(foreign(bytes))).data).toEqual(right.data);
    expect((await decodeImage(foreign(bytes).buffer as ArrayBuffer)).data).toEqual(right.data);
    const pixels = { ...right, data: foreign(right.data, "Uint8ClampedArray") };
    expect((await decodeImage(await encodePng(pixels))).data).toEqual(right.data);
    const model = await loadModel(foreign(new Uint8Array(readFileSync("models/petshop.onnx"))));
    const { values } = await saliency(model, pixels);
    expect(values.data).toEqual((await saliency(model, right)).values.data);
  });
});

describe("rules of PNG", () => {
  const palette = chunk("PLTE", [1, 2, 3, 4, 5, 6]);
  const indexed = { size: [1, 1], depth: 8, colourType: 3, rows: [0, 0] } as const;
  const broken: Readonly<Record<string, [Uint8Array, RegExp]>> = {
    "two palettes": [pngOf({ ...indexed, extra: [...palette, ...palette] }), /two palettes/],
    "half a colour": [pngOf({ ...indexed, extra: chunk("PLTE", [1, 2, 3, 4]) }), /its palette has 4 bytes/],
    "more alpha than colours": [
      pngOf({ ...indexed, extra: [...palette, ...chunk("tRNS", [1, 2, 3])] }),
      /3 entries, its palette 2/,
    ],
    "alpha before the colours": [
      pngOf({ ...indexed, extra: [...chunk("tRNS", [1]), ...palette] }),
      /before its palette/,
    ],
    "a transparent grey of one byte": [
      pngOf({ size: [1, 1], depth: 8, colourType: 0, rows: [0, 0], extra: chunk("tRNS", [1]) }),
      /1 bytes, not 2/,
    ],
    "a colour type that is none": [pngOf({ size: [1, 1], depth: 8, colourType: 5, rows: [0, 0] }), /colour type is 5/],
    "a chunk that must be known": [pngOf({ ...indexed, extra: [...palette, ...chunk("ABCD", [])] }), /chunk "ABCD"/],
    "a filter that is none": [pngOf({ size: [1, 1], depth: 8, colourType: 0, rows: [5, 0] }), /filter 5/],
    "Apple's own kind": [
      Uint8Array.from([
        ...pngOf(indexed).subarray(0, 8),
        ...chunk("CgBI", [0, 0, 0, 0]),
        ...pngOf(indexed).subarray(8),
      ]),
      /Xcode.*CgBI.*revert-iphone-optimizations/,
    ],
  };
  for (const [name, [bytes, reason]] of Object.entries(broken)) {
    it(name, async () => {
      await expect(decodeImage(bytes)).rejects.toThrow(InputError);
      await expect(decodeImage(bytes)).rejects.toThrow(reason);
    });
  }

  it("a flipped bit anywhere in what makes the pixels is noticed", async () => {
    const bytes = file("lossless.expected.png");
    for (let at = 8; at < bytes.length; at += 7) {
      const flipped = bytes.slice();
      flipped[at] ^= 4;
      await expect(decodeImage(flipped), `byte ${at}`).rejects.toThrow(InputError);
    }
  });

  it("interlaced pictures of every depth are those that are not", async () => {
    for (const depth of [1, 2, 4, 8, 16]) {
      for (const [width, height] of [
        [1, 1],
        [3, 2],
        [9, 11],
      ] as const) {
        const level = (x: number, y: number): number => (x * 7 + y * 13) % 2 ** depth;
        const bitsOf = (value: number): string => value.toString(2).padStart(depth, "0");
        const row = (levels: readonly number[]): number[] => {
          const bits = levels.map(bitsOf).join("");
          const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
          return [
            0,
            ...Array.from({ length: padded.length / 8 }, (_, i) => Number.parseInt(padded.slice(i * 8, i * 8 + 8), 2)),
          ];
        };
        const range = (start: number, step: number, end: number): number[] =>
          Array.from({ length: Math.max(0, Math.ceil((end - start) / step)) }, (_, i) => start + i * step);
        const rowsOf = (x0: number, y0: number, dx: number, dy: number): number[] => {
          const columns = range(x0, dx, width);
          return columns.length === 0 ? [] : range(y0, dy, height).flatMap((y) => row(columns.map((x) => level(x, y))));
        };
        const passes = [
          [0, 0, 8, 8],
          [4, 0, 8, 8],
          [0, 4, 4, 8],
          [2, 0, 4, 4],
          [0, 2, 2, 4],
          [1, 0, 2, 2],
          [0, 1, 1, 2],
        ];
        const size = [width, height] as const;
        const flat = await decodeImage(pngOf({ size, depth, colourType: 0, rows: rowsOf(0, 0, 1, 1) }));
        const woven = await decodeImage(
          pngOf({
            size,
            depth,
            colourType: 0,
            interlaced: true,
            rows: passes.flatMap(([a, b, c, d]) => rowsOf(a, b, c, d)),
          }),
        );
        expect(apart(woven, flat), `${depth} bits, ${width}×${height}`).toBe(0);
        expect(flat.data[0]).toBe(0);
      }
    }
  });
});

describe("JPEG that must not be decoded", () => {
  const jpeg = file("progressive.jpg");
  it("a second frame, a colour without a scan", async () => {
    const at = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc2);
    const frame = jpeg.subarray(at, at + 2 + jpeg[at + 2] * 256 + jpeg[at + 3]);
    const twice = Uint8Array.from([...jpeg.subarray(0, at), ...frame, ...jpeg.subarray(at)]);
    await expect(decodeImage(twice)).rejects.toThrow("two frame headers");
    const grey = file("grey.jpg");
    const start = grey.findIndex((byte, i) => byte === 0xff && grey[i + 1] === 0xc0);
    const three = grey.subarray(start, start + 13);
    const colour = [...three.subarray(0, 3), 17, ...three.subarray(4, 9), 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
    const missing = Uint8Array.from([...grey.subarray(0, start), ...colour, ...grey.subarray(start + 13)]);
    await expect(decodeImage(missing)).rejects.toThrow("a colour component has no scan");
  });

  it("more pixels than its data can hold", async () => {
    const at = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc2);
    const large = jpeg.slice();
    large.set([0x1f, 0x40, 0x1f, 0x40], at + 5);
    await expect(decodeImage(large)).rejects.toThrow(/bytes of data cannot hold 8000×8000 pixels/);
  });

  it("data that break off inside are damage with libjpeg's reason; padding before a marker is none", async () => {
    const baseline = file("chroma-422.jpg");
    const cut = Uint8Array.from([...baseline.subarray(0, baseline.length - 200), 0xff, 0xd9]);
    await expect(decodeImage(cut)).rejects.toThrow(/The JPEG file is damaged: Corrupt JPEG data: premature end/);
    const padded = Uint8Array.from([...baseline.subarray(0, -2), 0, 0, 0, 0xff, 0xd9]);
    expect(apart(await decodeImage(padded), await decodeImage(baseline))).toBe(0);
  });
});

describe("WebP that must not be decoded", () => {
  it("every cut of a file is an InputError", async () => {
    for (const name of ["lossy.webp", "alpha.webp", "animated.webp"]) {
      const bytes = file(name);
      for (let length = 12; length < bytes.length; length += 5) {
        await expect(decodeImage(bytes.slice(0, length)), `${name}, ${length} bytes`).rejects.toThrow(InputError);
      }
    }
  });

  it("a canvas smaller than its picture, a size beyond the limit", async () => {
    const bytes = file("alpha.webp");
    const small = bytes.slice();
    small[24] = 9;
    await expect(decodeImage(small)).rejects.toThrow("its picture is larger than its canvas");
    const lossless = file("lossless.webp");
    lossless.set([0xff, 0xff, 0xff, 0x0f], 21);
    await expect(decodeImage(lossless)).rejects.toThrow(/is 16384×16384, 268\.44 megapixels; at most 32 are decoded/);
  });
});
