import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { decodeImage, loadModel, resize, Tensor } from "../../src/index";
import { describeShared, readShared } from "../shared-folder";
import recorded from "./litert-digests.json";

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/**
 * Results of layers as LiteRT computes them: of a file's copy whose only output is that layer, on the processor, in Chromium
 * (`@litertjs/core`, accelerator 'wasm', which is XNNPACK). Its integers' bytes, as digests.
 */
describeShared("LiteRT", () => {
  for (const [file, { scale, zero, input, layers }] of Object.entries(recorded.networks)) {
    it(`gives the integers that ${file} gives, at the first, a middle and the last layer`, async () => {
      const bytes = readShared(`models/deployed/${file}`);
      const names = Object.keys(layers) as (keyof typeof layers)[];
      for (const name of [names[0], names[names.length >> 1], names[names.length - 1]]) {
        const layer = layers[name] as { scale: number; zero: number; digest: string };
        const model = await loadModel(bytes, { output: name });
        const [, height, width] = model.input.shape;
        const picture = resize(await decodeImage(readShared("images/cat.png")), { width, height });
        const channels = picture.data.length / (width * height);
        const integers = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
          const value = picture.data[Math.floor(i / 3) * channels + (i % 3)];
          return zero < 0 ? value - 128 : value;
        });
        expect(digest(integers)).toBe(input);
        const places = zero < 0 ? new Int8Array(integers.buffer) : integers;
        const reals = Float32Array.from(places, (value) => (value - zero) * scale);
        const { output } = await model.run(new Tensor(reals, model.input.shape));
        const made = Uint8Array.from(output.data, (value) => Math.round(value / layer.scale) + layer.zero);
        expect([name, digest(made)]).toEqual([name, layer.digest]);
        model.dispose();
      }
    });
  }
});
