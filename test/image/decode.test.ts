import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { describe, expect, it } from "vitest";
import { upright } from "../../src/image/orientation";
import { decodeImage, encodePng, type ImageLike, InputError } from "../../src/index";

/** A picture in which every pixel differs. */
const gradient = (width: number, height: number, channels: number): Uint8Array =>
  Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37) % 256);

describe("PNG", () => {
  it("RGB and RGBA come back exactly, through our own encoder", async () => {
    for (const channels of [3, 4]) {
      const image = { data: gradient(5, 4, channels), width: 5, height: 4 };
      const back = await decodeImage(await encodePng(image));
      expect({ ...back, data: Array.from(back.data) }).toEqual({ ...image, data: Array.from(image.data) });
    }
  });

  it("grey, grey with alpha and 16 bits become 8-bit colours", async () => {
    const grey = await decodeImage(encode({ width: 2, height: 1, data: Uint8Array.of(7, 200), channels: 1, depth: 8 }));
    expect(Array.from(grey.data)).toEqual([7, 7, 7, 200, 200, 200]);
    const alpha = await decodeImage(
      encode({ width: 1, height: 1, data: Uint8Array.of(9, 128), channels: 2, depth: 8 }),
    );
    expect(Array.from(alpha.data)).toEqual([9, 9, 9, 128]);
    const deep = await decodeImage(
      encode({ width: 1, height: 1, data: Uint16Array.of(0xffff, 0x8000, 0x00ff), channels: 3, depth: 16 }),
    );
    expect(Array.from(deep.data)).toEqual([255, 128, 1]);
  });

  it("1-bit rows start at a byte", async () => {
    // Nine pixels need two bytes per row: 101010101, then 000000001.
    const bits = Uint8Array.of(0b10101010, 0b10000000, 0b00000000, 0b10000000);
    const image = await decodeImage(encode({ width: 9, height: 2, data: bits, channels: 1, depth: 1 }));
    const red = Array.from(image.data).filter((_, i) => i % 3 === 0);
    expect(red).toEqual([255, 0, 255, 0, 255, 0, 255, 0, 255, ...new Array(8).fill(0), 255]);
  });

  it("a palette becomes colours", async () => {
    const palette = [
      [255, 0, 0],
      [0, 255, 0],
      [0, 0, 255],
    ] as [number, number, number][];
    const bytes = encode({ width: 3, height: 1, data: Uint8Array.of(2, 0, 1), channels: 1, depth: 8, palette });
    const image = await decodeImage(bytes);
    expect(Array.from(image.data)).toEqual([0, 0, 255, 255, 0, 0, 0, 255, 0]);
  });

  it("a file that is cut off or damaged says so", async () => {
    const bytes = new Uint8Array(readFileSync("examples/images/scene-cat-00.png"));
    await expect(decodeImage(bytes.slice(0, bytes.length / 2))).rejects.toThrow("The PNG file stops half way");
    const damaged = bytes.slice();
    damaged[200] ^= 0xff;
    await expect(decodeImage(damaged)).rejects.toThrow(InputError);
  });
});

describe("JPEG", () => {
  const pixels = Uint8Array.from({ length: 16 * 8 * 4 }, (_, i) => (i % 4 === 3 ? 255 : Math.floor(i / 64) * 20));
  const file = new Uint8Array(jpeg.encode({ data: pixels, width: 16, height: 8 }, 95).data);

  it("pixels come back within the loss", async () => {
    const { data, width, height } = await decodeImage(file);
    expect([width, height, data.length]).toEqual([16, 8, 16 * 8 * 3]);
    data.forEach((value, i) => {
      expect(Math.abs(value - pixels[Math.floor(i / 3) * 4])).toBeLessThan(12);
    });
  });

  it("a file that stops half way says so, wherever it stops", async () => {
    for (const share of [0.3, 0.6, 0.9]) {
      await expect(decodeImage(file.slice(0, Math.floor(file.length * share)))).rejects.toThrow(/stops half way/);
    }
  });

  it("the Exif orientation is applied", async () => {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const stored = await decodeImage(withOrientation(file, orientation));
      const [width, height] = orientation >= 5 ? [8, 16] : [16, 8];
      expect([stored.width, stored.height], `orientation ${orientation}`).toEqual([width, height]);
    }
  });
});

/** Inserts an APP1 segment with one Exif entry after the start marker. */
function withOrientation(file: Uint8Array, orientation: number): Uint8Array {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const payload = [0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
  return Uint8Array.from([0xff, 0xd8, 0xff, 0xe1, 0, payload.length + 2, ...payload, ...file.subarray(2)]);
}

describe("sources", () => {
  const path = "examples/images/scene-cat-00.png";
  const bytes = new Uint8Array(readFileSync(path));
  it("a path, a URL, a Blob and a Response are the file's bytes", async () => {
    const right = await decodeImage(bytes);
    const url = `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
    const sources = [path, pathToFileURL(path), url, new Blob([bytes]), new Response(bytes), bytes.buffer];
    for (const source of sources) expect((await decodeImage(source)).data).toEqual(right.data);
  });
});

describe("orientation", () => {
  /** How a camera stores the upright picture abc/def. */
  const stored: Readonly<Record<number, [string, number]>> = {
    1: ["abcdef", 3],
    2: ["cbafed", 3],
    3: ["fedcba", 3],
    4: ["defabc", 3],
    5: ["adbecf", 2],
    6: ["cfbead", 2],
    7: ["fcebda", 2],
    8: ["daebfc", 2],
  };
  for (const [orientation, [letters, width]] of Object.entries(stored)) {
    it(`${orientation}`, () => {
      const image: ImageLike = { data: new TextEncoder().encode(letters), width, height: 6 / width };
      const { data } = upright(image, Number(orientation));
      expect(new TextDecoder().decode(data)).toBe("abcdef");
    });
  }
});

describe("bytes that are no picture", () => {
  const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  it("are named", async () => {
    await expect(decodeImage(new Uint8Array(0))).rejects.toThrow("The image is empty: 0 bytes.");
    await expect(decodeImage(bytesOf("GIF89a........"))).rejects.toThrow(
      /^GIF images are not decoded here\. Convert to PNG, JPEG or WebP/,
    );
    await expect(decodeImage(bytesOf("RIFF....WEBPVP8 "))).rejects.toThrow(/^The WebP file stops half way/);
    await expect(decodeImage(bytesOf("....ftypheic...."))).rejects.toThrow(/^HEIC images/);
    await expect(decodeImage(bytesOf("hello"))).rejects.toThrow(
      "neither a PNG nor a JPEG nor a WebP file; they start with 68 65 6c 6c 6f",
    );
    await expect(decodeImage(5 as never)).rejects.toThrow(/takes a PNG, JPEG or WebP file: its bytes .*; got number/);
    await expect(decodeImage("photo.png")).rejects.toThrow(/The image file "photo.png" cannot be read: ENOENT/);
  });
});
