import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../src/decode-image";
import { InputError } from "../../src/errors";
import { checkImage } from "../../src/image/image";
import { readOrientation } from "../../src/image/orientation";
import fc from "../seeded";
import { ascii, chunk, pngOf } from "./png-file";

const pixelsOf = async (bytes: Uint8Array): Promise<number[]> => Array.from((await decodeImage(bytes)).data);

describe("PNG files an encoder rarely writes", () => {
  it("2 and 4 bits of grey are stretched to 0..255, rows start at a byte", async () => {
    const two = pngOf({ size: [5, 1], depth: 2, colourType: 0, rows: [0, 0b00011011, 0b01000000] });
    expect((await pixelsOf(two)).filter((_, i) => i % 3 === 0)).toEqual([0, 85, 170, 255, 85]);
    const four = pngOf({ size: [3, 2], depth: 4, colourType: 0, rows: [0, 0x0f, 0x80, 0, 0x12, 0x30] });
    expect((await pixelsOf(four)).filter((_, i) => i % 3 === 0)).toEqual([0, 255, 136, 17, 34, 51]);
  });

  it("a palette with transparency becomes RGBA, at any bit depth", async () => {
    const palette = chunk("PLTE", [10, 20, 30, 40, 50, 60, 70, 80, 90]);
    const alpha = chunk("tRNS", [0, 128]);
    const expected = [70, 80, 90, 255, 10, 20, 30, 0, 40, 50, 60, 128];
    const eight = { size: [3, 1], depth: 8, colourType: 3, extra: [...palette, ...alpha], rows: [0, 2, 0, 1] } as const;
    expect(await pixelsOf(pngOf(eight))).toEqual(expected);
    expect(await pixelsOf(pngOf({ ...eight, depth: 2, rows: [0, 0b10000100] }))).toEqual(expected);
  });

  it("a transparent colour is compared at the file's own depth", async () => {
    const extra = chunk("tRNS", [0x12, 0x34]);
    const file = pngOf({ size: [2, 1], depth: 16, colourType: 0, extra, rows: [0, 0x12, 0x34, 0x12, 0x35] });
    expect((await pixelsOf(file)).filter((_, i) => i % 4 === 3)).toEqual([0, 255]);
    const colour = chunk("tRNS", [0, 1, 0, 2, 0, 3]);
    const rgb = pngOf({ size: [3, 1], depth: 8, colourType: 2, extra: colour, rows: [0, 1, 2, 3, 1, 2, 4, 9, 9, 9] });
    expect(await pixelsOf(rgb)).toEqual([1, 2, 3, 0, 1, 2, 4, 255, 9, 9, 9, 255]);
  });

  it("the palette a truecolour file suggests is not its pixels", async () => {
    const extra = chunk("PLTE", [1, 2, 3, 4, 5, 6]);
    const file = pngOf({ size: [2, 1], depth: 8, colourType: 2, extra, rows: [0, 10, 20, 30, 40, 50, 60] });
    expect(await pixelsOf(file)).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it("a malformed text chunk or colour profile does not cost the picture", async () => {
    const extra = [...chunk("tEXt", ascii("\0")), ...chunk("iCCP", ascii("name\0\0not zlib"))];
    expect(await pixelsOf(pngOf({ size: [1, 1], depth: 8, colourType: 0, extra, rows: [0, 9] }))).toEqual([9, 9, 9]);
  });

  it("interlaced pictures decode", async () => {
    const data = Uint8Array.from({ length: 9 * 7 * 3 }, (_, i) => (i * 29) % 256);
    const file = encode({ width: 9, height: 7, data, channels: 3 }, { interlace: "Adam7" });
    expect(await pixelsOf(file)).toEqual(Array.from(data));
  });

  it("says what is wrong", async () => {
    const one = { size: [1, 1], depth: 8, colourType: 3, extra: chunk("PLTE", [1, 2, 3]) } as const;
    await expect(decodeImage(pngOf({ ...one, rows: [0, 9] }))).rejects.toThrow(
      "a pixel has colour 9 of a palette of 1",
    );
    await expect(decodeImage(pngOf({ size: [20000, 20000], depth: 8, colourType: 0, rows: [0] }))).rejects.toThrow(
      "20000×20000, 400 megapixels; at most 64 are decoded",
    );
    await expect(decodeImage(pngOf({ size: [0, 4], depth: 8, colourType: 0, rows: [0] }))).rejects.toThrow(
      "0×4: it has no pixels",
    );
    const text = Uint8Array.from([0x89, ...ascii("PNG\n"), 0x1a, 0x0a, 0, 0, 0, 13]);
    await expect(decodeImage(text)).rejects.toThrow(/signature is not intact, as after a transfer in text mode/);
  });

  it("every cut of a file is an InputError that says it stops half way", async () => {
    const data = Uint8Array.from({ length: 12 * 12 * 3 }, (_, i) => (i * 91) % 256);
    const file = encode({ width: 12, height: 12, data, channels: 3 });
    for (let length = 8; length < file.length; length++) {
      const error = await decodeImage(file.slice(0, length)).catch((reason: unknown) => reason);
      expect(error, `${length} bytes`).toBeInstanceOf(InputError);
      expect(String(error)).toContain("stops half way");
    }
  });
});

interface JpegParts {
  readonly size: readonly [number, number];
  /** Per component, what each block in turn adds to its level: 0 or +30. */
  readonly blocks: readonly (readonly (0 | 30)[])[];
  readonly restartInterval?: number;
  readonly adobeTransform?: number;
  readonly precision?: number;
  readonly frameMarker?: number;
}

/**
 * A baseline JPEG of flat 8×8 blocks, byte by byte. Quantisers are 16; the Huffman codes are 0 (no change) and 10 (category 4)
 * for DC, 0 (end of block) for AC. A difference of 15 adds 15·16/8 = 30 to the level 128.
 */
function jpegOf({ size, blocks, restartInterval, adobeTransform, precision = 8, frameMarker = 0xc0 }: JpegParts) {
  const segment = (marker: number, data: readonly number[]): number[] => [0xff, marker, 0, data.length + 2, ...data];
  const ids = blocks.map((_, i) => i + 1);
  const [width, height] = size;
  const scan: number[] = [];
  let bits = "";
  const flush = (): void => {
    if (bits === "") return;
    bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
    for (let at = 0; at < bits.length; at += 8) {
      const byte = Number.parseInt(bits.slice(at, at + 8), 2);
      scan.push(...(byte === 0xff ? [0xff, 0] : [byte]));
    }
    bits = "";
  };
  blocks[0].forEach((_, mcu) => {
    if (restartInterval && mcu > 0 && mcu % restartInterval === 0) {
      flush();
      scan.push(0xff, 0xd0 + ((mcu / restartInterval - 1) & 7));
    }
    for (const component of blocks) bits += component[mcu] === 30 ? "1011110" : "00";
  });
  flush();
  return Uint8Array.from([
    ...[0xff, 0xd8],
    ...(adobeTransform === undefined ? [] : segment(0xee, [...ascii("Adobe"), 0, 100, 0, 0, 0, 0, adobeTransform])),
    ...segment(0xdb, [0, ...new Array<number>(64).fill(16)]),
    ...segment(0xc4, [0x00, 1, 1, ...new Array<number>(14).fill(0), 0, 4]),
    ...segment(0xc4, [0x10, 1, ...new Array<number>(15).fill(0), 0]),
    ...(restartInterval ? segment(0xdd, [0, restartInterval]) : []),
    ...segment(frameMarker, [precision, 0, height, 0, width, ids.length, ...ids.flatMap((id) => [id, 0x11, 0])]),
    ...segment(0xda, [ids.length, ...ids.flatMap((id) => [id, 0]), 0, 63, 0]),
    ...scan,
    ...[0xff, 0xd9],
  ]);
}

describe("JPEG files of other writers", () => {
  it("grey with restart markers whose last interval is not full", async () => {
    const { data, width } = await decodeImage(jpegOf({ size: [24, 8], blocks: [[0, 30, 30]], restartInterval: 2 }));
    expect(width).toBe(24);
    // Each interval starts again from 128.
    expect([data[0], data[8 * 3], data[16 * 3]]).toEqual([128, 158, 158]);
  });

  it("three components are YCbCr, and RGB where Adobe says so", async () => {
    const file = { size: [8, 8], blocks: [[30], [0], [30]] } as const;
    const [r, g, b] = await pixelsOf(jpegOf(file));
    // 158 + 1.402·30, 158 − 0.714·30, 158
    expect([r, g, b]).toEqual([200, 137, 158]);
    expect((await pixelsOf(jpegOf({ ...file, adobeTransform: 0 }))).slice(0, 3)).toEqual([158, 128, 158]);
  });

  it("CMYK of Adobe: stored inverted, so each colour is its sample times black", async () => {
    const file = { size: [8, 8], blocks: [[30], [0], [0], [30]] } as const;
    const [r, g, b] = await pixelsOf(jpegOf({ ...file, adobeTransform: 0 }));
    expect(Math.abs(r - (158 * 158) / 255)).toBeLessThan(2);
    expect(Math.abs(g - (128 * 158) / 255)).toBeLessThan(2);
    expect(b).toBe(g);
    // Without Adobe's marker too: Pillow and libjpeg's other users take the samples for inverted.
    expect(await pixelsOf(jpegOf(file))).toEqual(await pixelsOf(jpegOf({ ...file, adobeTransform: 0 })));
  });

  it("names what is not decoded", async () => {
    const file = { size: [8, 8], blocks: [[30]] } as const;
    await expect(decodeImage(jpegOf({ ...file, precision: 12 }))).rejects.toThrow("12 bits per sample; 8 are decoded");
    await expect(decodeImage(jpegOf({ ...file, frameMarker: 0xc9 }))).rejects.toThrow(/arithmetic-coded/);
    await expect(decodeImage(jpegOf({ ...file, size: [8, 0] }))).rejects.toThrow("8×0: it has no pixels");
  });

  const photo = new Uint8Array(
    jpeg.encode({ width: 24, height: 16, data: Uint8Array.from({ length: 24 * 16 * 4 }, (_, i) => (i * 7) % 251) }, 80)
      .data,
  );

  it("every cut of a file stops half way, even where a thumbnail has an end marker", async () => {
    const thumbnail = [...ascii("Exif\0\0"), 0xff, 0xd8, 0xff, 0xd9];
    const file = Uint8Array.from([0xff, 0xd8, 0xff, 0xe1, 0, thumbnail.length + 2, ...thumbnail, ...photo.subarray(2)]);
    await expect(decodeImage(file)).resolves.toMatchObject({ width: 24, height: 16 });
    for (let length = 2; length < file.length; length++) {
      await expect(decodeImage(file.slice(0, length)), `${length} bytes`).rejects.toThrow(/JPEG file stops half way/);
    }
  });

  it("bytes after the end marker do not matter", async () => {
    const longer = Uint8Array.from([...photo, ...ascii("a motion photo's video")]);
    expect(await pixelsOf(longer)).toEqual(await pixelsOf(photo));
  });

  it("damage is an InputError or a picture, never anything else", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(photo.length - 3), fc.nat(255), async (at, value) => {
        const damaged = photo.slice();
        damaged[at + 2] = value;
        const result = await decodeImage(damaged).catch((error: unknown) => error);
        if (!(result instanceof InputError)) expect(() => checkImage(result as never)).not.toThrow();
      }),
      { numRuns: 150, seed: 5 },
    );
  });
});

describe("Exif orientation", () => {
  const little = [0x49, 0x49, 42, 0, 8, 0, 0, 0, 2, 0, 0x0f, 0x01, 2, 0, 1, 0, 0, 0, 65, 0, 0, 0];
  const entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0];

  it("is read in either byte order, behind other entries; malformed blocks count as upright", () => {
    expect(readOrientation(Uint8Array.from([...little, ...entry]))).toBe(6);
    expect(readOrientation(Uint8Array.from([...little, ...entry.slice(0, 8)]))).toBe(1);
    expect(readOrientation(Uint8Array.from([...little, ...entry.map((byte, i) => (i === 8 ? 9 : byte))]))).toBe(1);
    expect(readOrientation(Uint8Array.from([0, ...little, ...entry]))).toBe(1);
    expect(readOrientation(undefined)).toBe(1);
  });

  it("1 to 8 all give the same upright picture", async () => {
    // Corners of the upright picture: bright upper left, middle upper right, dark below.
    const level = (x: number, y: number, width: number): number => (y >= 8 ? 20 : x < width / 2 ? 230 : 120);
    const sources: ((x: number, y: number) => [number, number])[] = [
      (x, y) => [x, y],
      (x, y) => [31 - x, y],
      (x, y) => [31 - x, 15 - y],
      (x, y) => [x, 15 - y],
      (x, y) => [y, x],
      (x, y) => [31 - y, x],
      (x, y) => [31 - y, 15 - x],
      (x, y) => [y, 15 - x],
    ];
    for (const [i, uprightOf] of sources.entries()) {
      const [width, height] = i >= 4 ? [16, 32] : [32, 16];
      const stored = Uint8Array.from({ length: width * height * 4 }, (_, at) => {
        const pixel = Math.floor(at / 4);
        return at % 4 === 3 ? 255 : level(...uprightOf(pixel % width, Math.floor(pixel / width)), 32);
      });
      const file = jpeg.encode({ data: stored, width, height }, 95).data;
      const tiff = [...little, ...entry.map((byte, at) => (at === 8 ? i + 1 : byte)), 0, 0, 0, 0];
      const app1 = [0xff, 0xe1, 0, tiff.length + 8, ...ascii("Exif\0\0"), ...tiff];
      const image = await decodeImage(Uint8Array.from([0xff, 0xd8, ...app1, ...file.subarray(2)]));
      expect([image.width, image.height], `orientation ${i + 1}`).toEqual([32, 16]);
      for (const [x, y] of [
        [4, 3],
        [28, 3],
        [4, 12],
        [28, 12],
      ]) {
        const error = Math.abs(image.data[(y * 32 + x) * 3] - level(x, y, 32));
        expect(error, `orientation ${i + 1} at ${x}, ${y}`).toBeLessThan(8);
      }
    }
  });
});

describe("pictures that do not fit", () => {
  it("name the slip", () => {
    const bytes = (count: number): Uint8Array => new Uint8Array(count);
    expect(() => checkImage({ data: bytes(16), width: 2.5, height: 2 })).toThrow(/must be whole numbers of at least 1/);
    expect(() => checkImage({ data: bytes(12), width: 3, height: 2 })).toThrow(/Two channels \(grey with alpha\)/);
    expect(() => checkImage({ data: bytes(64), width: 4, height: 5 })).toThrow("would fill 4×4 with 4 channels");
    expect(() => checkImage({ data: new Float32Array(12) as never, width: 2, height: 2 })).toThrow(/pass a Tensor/);
    expect(() => checkImage(Uint8Array.of(0xff, 0xd8, 0xff) as never)).toThrow(/are a JPEG file: decodeImage/);
  });

  it("bytes of a page and of a video are told as such", async () => {
    await expect(decodeImage(Uint8Array.from(ascii("<!DOCTYPE html>")))).rejects.toThrow('As text that is "<!DOCTYP"');
    await expect(decodeImage(Uint8Array.from(ascii("\0\0\0 ftypisom")))).rejects.toThrow(
      /neither a PNG nor a JPEG nor a WebP/,
    );
    await expect(decodeImage(Uint8Array.from(ascii("\0\0\0 ftypavif")))).rejects.toThrow(/^AVIF images/);
    await expect(decodeImage(new Response("", { status: 404 }))).rejects.toThrow(/could not be fetched: HTTP 404/);
    expect(
      await pixelsOf(
        new Uint8Array(
          await new Blob([
            encode({ width: 1, height: 1, data: Uint8Array.of(1, 2, 3), channels: 3 }) as BlobPart,
          ]).arrayBuffer(),
        ),
      ),
    ).toEqual([1, 2, 3]);
  });
});
