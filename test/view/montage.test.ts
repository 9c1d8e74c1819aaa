import { expect, it } from "vitest";
import { heatmap, InputError, montage, OptionError, overlay, Tensor } from "../../src/index";

const [D, H, W] = [5, 6, 4];
const ramp = (length: number, from: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(from + i * 1.7) * 3);
const volume = (channels: number) => new Tensor(ramp(channels * D * H * W, channels), [1, channels, D, H, W]);
const found = {
  method: "occlusion",
  values: new Tensor(ramp(D * H * W, 9), [1, 1, D, H, W]),
  inputSize: { width: W, height: D * H, depth: D },
};

/** Where a picture lies in another one: the first place, row by row. */
function placeOf(
  sheet: { data: ArrayLike<number>; width: number; height: number },
  tile: { data: ArrayLike<number>; width: number; height: number },
): readonly [x: number, y: number] | undefined {
  for (let top = 0; top + tile.height <= sheet.height; top++) {
    for (let left = 0; left + tile.width <= sheet.width; left++) {
      let same = true;
      for (let i = 0; same && i < tile.width * tile.height * 4; i++) {
        const [x, y] = [Math.floor(i / 4) % tile.width, Math.floor(i / 4 / tile.width)];
        same = sheet.data[((top + y) * sheet.width + left + x) * 4 + (i % 4)] === tile.data[i];
      }
      if (same) return [left, top];
    }
  }
  return undefined;
}

/** A slice as it is to be drawn. */
function sliceOf({ data }: Tensor, channels: number, slice: number, [black, white]: readonly [number, number]) {
  const level = (channel: number, place: number): number =>
    ((data[(channel * D + slice) * H * W + place] - black) * 255) / (white - black);
  const pixels = Uint8ClampedArray.from({ length: H * W * 3 }, (_, i) => {
    const [place, colour] = [Math.floor(i / 3), i % 3];
    if (channels === 3) return level(colour, place);
    return Array.from({ length: channels }, (_, k) => level(k, place)).reduce((a, b) => a + b) / channels;
  });
  return overlay({ data: pixels, width: W, height: H }, heatmap(found, { slice }));
}

it.each([1, 2, 3])(
  "shows the slices of %d channels where they belong, each under its part of the map",
  async (channels) => {
    const given = volume(channels);
    const range = [Math.min(...given.data), Math.max(...given.data)] as const;
    const sheet = await montage(given, found, { scale: 1, columns: 3 });
    const places = Array.from({ length: D }, (_, slice) => placeOf(sheet, sliceOf(given, channels, slice, range)));
    expect(places).not.toContain(undefined);
    const [columns, rows] = [0, 1].map((axis) => places.map((place) => place?.[axis] as number));
    expect(columns[0]).toBeLessThan(columns[1]);
    expect(columns[1]).toBeLessThan(columns[2]);
    expect([columns[3], columns[4]]).toEqual([columns[0], columns[1]]);
    expect(new Set(rows.slice(0, 3)).size).toBe(1);
    expect(rows[3]).toBeGreaterThan(rows[0] + H);
  },
);

it("shows the slices that are asked for, in black and white of a range", async () => {
  const given = volume(1);
  const range = [-1, 2] as const;
  const sheet = await montage(given, found, { slices: [4, 1], columns: 1, scale: 1, range });
  const places = [4, 1].map((slice) => placeOf(sheet, sliceOf(given, 1, slice, range)));
  expect(places[0]?.[1]).toBeLessThan(places[1]?.[1] as number);
  expect(placeOf(sheet, sliceOf(given, 1, 0, range))).toBeUndefined();
  const enlarged = await montage(given, heatmap(found), { slices: [2] });
  expect(enlarged.width).toBeGreaterThan(60);
});

it("refuses what is no volume, and a map of another one", async () => {
  const given = volume(1);
  const refuses = async (call: Promise<unknown>, kind: typeof InputError | typeof OptionError, message: RegExp) => {
    await expect(call).rejects.toThrow(kind);
    await expect(call).rejects.toThrow(message);
  };
  await refuses(
    montage(new Tensor(new Float32Array(12), [1, 2, 2, 3]), found),
    InputError,
    /Tensor \[1, C, D, H, W\].*got \D*1\D+2\D+2\D+3/,
  );
  await refuses(montage(null as never, found), InputError, /\[1, C, D, H, W\].*null/);
  await refuses(
    montage(new Tensor(new Float32Array(8), [1, 1, 2, 2, 2]), found),
    OptionError,
    /4×30 places.* 2×2 each/,
  );
  await refuses(montage(given, heatmap(found, { slice: 1 })), OptionError, /or of one slice/);
  await refuses(montage(given, found, { slices: [5] }), OptionError, /slice must be a whole number from 0 to 4, got 5/);
  await refuses(montage(given, found, { slices: [] }), OptionError, /slices must be a list of at least one slice/);
  await refuses(montage(given, found, { columns: 0 }), OptionError, /columns must be a whole number of at least 1/);
  await refuses(montage(given, found, { scale: 65 }), OptionError, /scale must be at most 64/);
  await refuses(montage(given, found, { range: [2, 1] }), OptionError, /range must be two numbers/);
  await refuses(montage(given, found, { colums: 2 } as never), OptionError, /columns/);
  const slices = new Array<number>(200_000).fill(0);
  await refuses(montage(given, found, { slices, scale: 64 }), OptionError, /too many pixels/);
  const holes = volume(1);
  holes.data[3] = Number.NaN;
  await refuses(montage(holes, found), InputError, /not finite: number 3/);
});
