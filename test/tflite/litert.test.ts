import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { decodeImage, loadModel, resize, Tensor } from "../../src/index";
import { describeShared, readShared } from "../shared-folder";
import recorded from "./litert-digests.json";

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

type Recorded = (typeof recorded.networks)[keyof typeof recorded.networks];

/** A picture of ../shared/images as the bytes that a network of integers is given, and as the numbers that they stand for. */
async function seen(picture: string, { scale, zero }: Recorded, shape: readonly number[]) {
  const [, height, width] = shape;
  const { data } = resize(await decodeImage(readShared(`images/${picture}.png`)), { width, height });
  const channels = data.length / (width * height);
  const integers = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const value = data[Math.floor(i / 3) * channels + (i % 3)];
    return zero < 0 ? value - 128 : value;
  });
  const places = zero < 0 ? new Int8Array(integers.buffer) : integers;
  return {
    integers,
    numbers: new Tensor(
      Float32Array.from(places, (value) => (value - zero) * scale),
      shape,
    ),
  };
}

const placesOf = (data: Float32Array, { scale, zero }: { readonly scale: number; readonly zero: number }): number[] =>
  Array.from(data, (value) => Math.round(value / scale) + zero);

/**
 * Results of layers as LiteRT computes them: of a file's copy whose only output is that layer, on the processor, in Chromium
 * (`@litertjs/core`, accelerator 'wasm', which is XNNPACK). Its integers' bytes, as digests; of the last layer for more pictures, as they are.
 * `npm run litert:record` records them.
 */
describeShared("LiteRT", () => {
  for (const [file, network] of Object.entries(recorded.networks)) {
    const { input, layers, outputs } = network;
    const grids = Object.entries<{ scale: number; zero: number; digest: string }>(layers);

    it(`gives the integers that ${file} gives, at the first, a middle and the last layer`, async () => {
      const bytes = readShared(`models/deployed/${file}`);
      for (const [name, layer] of [grids[0], grids[grids.length >> 1], grids[grids.length - 1]]) {
        const model = await loadModel(bytes, { output: name });
        const { integers, numbers } = await seen("cat", network, model.input.shape);
        expect(digest(integers)).toBe(input);
        const { output } = await model.run(numbers);
        expect([name, digest(Uint8Array.from(placesOf(output.data, layer)))]).toEqual([name, layer.digest]);
        model.dispose();
      }
    });

    it(`gives every result of ${file} for ${Object.keys(outputs).length} pictures`, async () => {
      const model = await loadModel(readShared(`models/deployed/${file}`));
      const [, last] = grids[grids.length - 1];
      for (const [picture, base64] of Object.entries(outputs)) {
        const { numbers } = await seen(picture, network, model.input.shape);
        const { output } = await model.run(numbers);
        const found = Buffer.from(Uint8Array.from(placesOf(output.data, last))).toString("base64");
        expect([picture, found]).toEqual([picture, base64]);
      }
      model.dispose();
    });
  }
});
