import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  type AttributionMethod,
  gradCam,
  inspect,
  type LoadOptions,
  loadModel,
  noiseTunnel,
  OptionError,
  occlusion,
  type Preprocess,
  preprocess,
  rise,
  saliency,
  Tensor,
  toCamModel,
} from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf, ints } from "../graph/build";
import { describeShared, readShared } from "../shared-folder";

const code = "normalisation-assumed";
const picture = {
  data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 37) % 256),
  width: 32,
  height: 32,
};

describe("how pixels become numbers", () => {
  const size = { width: 32, height: 32, channels: 3 };
  const accepted: Preprocess[] = [
    {},
    { mean: 0.5, std: 0.5 },
    { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    { range: [0, 255], mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
    { range: [0, 255], mean: 127.5, std: 127.5 },
    { range: [0, 255], std: 255 },
    { range: [0, 255], std: 256 },
    { range: [0, 255], mean: [103.939, 116.779, 123.68] },
    { range: [-1, 1], mean: [0.03, -0.2, 0.1], std: [1, 0.9, 2] },
    { range: [0, 1], std: 1 / 255 },
    { range: [0, 255], mean: 0, std: 1 },
    { mean: 0.1307, std: 0.3081 },
  ];
  for (const settings of accepted) {
    it(`takes ${JSON.stringify(settings)}`, () => {
      expect(preprocess(picture, size, settings).shape).toEqual([1, 32, 32, 3]);
    });
  }

  it("one number stands for all channels", () => {
    expect(preprocess(picture, size, { mean: 0.5, std: 0.25 })).toEqual(
      preprocess(picture, size, { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }),
    );
  });

  const bytes = "range: [0, 255], on the command line --range 0..255";
  const shares = "range: [0, 1], on the command line --range 0..1";
  const refused: [Preprocess, string, string][] = [
    [{ mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] }, "mean", bytes],
    [{ mean: 127.5 }, "mean", bytes],
    [{ range: [-1, 1], mean: 127.5, std: 127.5 }, "mean", bytes],
    [{ std: 58 }, "std", bytes],
    [{ mean: 0, std: [58.395, 57.12, 57.375] }, "std", bytes],
    [{ std: 255 }, "std", bytes],
    [{ range: [0, 255], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }, "mean", shares],
    [{ range: [0, 255], mean: 0.5, std: 0.5 }, "mean", shares],
    [{ range: [0, 255], std: 0.229 }, "std", shares],
    [{ range: [0, 255], mean: 127.5, std: 0.5 }, "std", shares],
  ];
  for (const [settings, name, meaning] of refused) {
    it(`refuses ${JSON.stringify(settings)}, before a picture comes too`, async () => {
      expect(() => preprocess(picture, size, settings)).toThrow(OptionError);
      expect(() => preprocess(picture, size, settings)).toThrow(`preprocess.${name} `);
      expect(() => preprocess(picture, size, settings)).toThrow(meaning);
      await expect(
        loadModel(undefined, { preprocess: { range: [0, 1], mean: 0, std: 1, ...settings } }),
      ).rejects.toThrow(meaning);
    });
  }

  it("names no range where no pixels can have such a mean", () => {
    expect(() => preprocess(picture, size, { mean: 300 })).toThrow(
      "preprocess.mean 300 cannot belong to pixels of 0 to 1, the range. It must have the unit of the range.",
    );
    expect(() => preprocess(picture, size, { mean: -123 })).toThrow("It must have the unit of the range.");
  });
});

/** A network of which the file says nothing, or what it is told to say. */
const bare = (options?: LoadOptions, metadata: Record<string, string> = {}) =>
  loadModel(
    writeOnnx({
      ...graphOf({
        inputs: { image: [1, 3, 32, 32] },
        constants: {
          w: floats(
            [4, 3, 3, 3],
            Array.from({ length: 108 }, (_, i) => Math.sin(i)),
          ),
          flat: ints(1, -1),
          g: floats(
            [4, 3],
            Array.from({ length: 12 }, (_, i) => Math.cos(i)),
          ),
        },
        nodes: [
          ["Conv", ["image", "w"], ["c"], { pads: [1, 1, 1, 1] }],
          ["Relu", ["c"], ["r"]],
          ["GlobalAveragePool", ["r"], ["p"]],
          ["Reshape", ["p", "flat"], ["f"]],
          ["Gemm", ["f", "g"], ["scores"]],
        ],
      }),
      metadata: new Map(Object.entries(metadata)),
    }),
    options,
  );
const codes = ({ notes }: { readonly notes: readonly { readonly code: string }[] }): string[] =>
  notes.map((each) => each.code).filter((each) => each === code);

describe("what nobody said is in a note", () => {
  for (const settings of [undefined, {}, { fit: "pad" }, { channels: "bgr" }, { mean: undefined }] as const) {
    it(`preprocess ${JSON.stringify(settings)} says nothing of it`, async () => {
      using model = await bare({ preprocess: settings as Preprocess | undefined });
      expect(codes(model)).toEqual([code]);
      expect(inspect(model).findings.join()).toContain("0 to 1 (pixel / 255), without mean and std, is assumed");
      const methods: AttributionMethod[] = [gradCam, saliency, occlusion, noiseTunnel(saliency, { samples: 2 })];
      for (const method of methods) {
        expect(codes(await method(model, picture, {}))).toEqual([code]);
      }
      expect(codes(await rise(model, picture, { masks: 8 }))).toEqual([code]);
      // A Tensor is what the network takes, whatever pixels would become.
      expect(codes(await saliency(model, model.preprocess(picture)))).toEqual([]);
      expect(codes(await rise(model, new Tensor(new Float32Array(32 * 32 * 3), [1, 32, 32, 3]), { masks: 8 }))).toEqual(
        [],
      );
    });
  }

  for (const settings of [{ range: [0, 255] }, { mean: 0.5 }, { std: [0.5] }, { range: [0, 1], fit: "pad" }] as const) {
    it(`preprocess ${JSON.stringify(settings)} does say`, async () => {
      using model = await bare({ preprocess: settings });
      expect(codes(model)).toEqual([]);
      expect(codes(await gradCam(model, picture))).toEqual([]);
      expect(inspect(model).findings.join()).not.toContain("is assumed");
    });
  }

  it("nor where the file says it, as the embedded one does, nor where no picture can be meant", async () => {
    using said = await bare(undefined, { input_scale: "1" });
    expect(codes(said)).toEqual([]);
    using embedded = await loadModel(undefined, { preprocess: { fit: "pad" } });
    expect(codes(embedded)).toEqual([]);
    using signal = await loadModel(
      writeOnnx(graphOf({ inputs: { signal: [1, 3, 32] }, nodes: [["Relu", ["signal"], ["y"]]] })),
    );
    expect(codes(signal)).toEqual([]);
  });

  it("what the file says of the colours alone says nothing of the range, and counts", async () => {
    using model = await bare(undefined, { input_color: "BGR" });
    expect(codes(model)).toEqual([code]);
    const red = { data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i % 3 ? 0 : 255)), width: 32, height: 32 };
    expect(Array.from(model.preprocess(red).data.slice(0, 3))).toEqual([0, 0, 1]);
  });

  it("what a file says for another range than the caller is refused, not mixed", async () => {
    const file = { input_mean: "[0.485, 0.456, 0.406]", input_std: "[0.229, 0.224, 0.225]" };
    await expect(bare({ preprocess: { range: [0, 255] } }, file)).rejects.toThrow("preprocess.mean");
    await expect(bare(undefined, { input_mean: "[123.675]" })).rejects.toThrow("range: [0, 255]");
    using model = await bare({ preprocess: { range: [0, 255] } }, { input_mean: "[123.675]" });
    expect(codes(model)).toEqual([]);
  });
});

describe("a network made of another one", () => {
  it("takes pictures as that one does, from its own metadata too", async () => {
    for (const settings of [{ range: [-1, 1] }, { range: [0, 255], mean: 127.5, std: 127.5 }] as const) {
      const flat = await readFile("models/petshop-flatten.onnx");
      using model = await loadModel(flat, { preprocess: { mean: 0, std: 1, ...settings } });
      const { model: made, onnx } = await toCamModel(model);
      using again = await loadModel(onnx);
      const given = model.preprocess(picture);
      expect(made.preprocess(picture)).toEqual(given);
      again.preprocess(picture).data.forEach((value, i) => {
        expect(value).toBeCloseTo(given.data[i], 5);
      });
    }
  });
});

describeShared("a network that says nothing of normalisation", () => {
  it("scores as its numbers are meant, and refuses what they cannot be", async () => {
    const imageNet = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
    const file = readShared("cases/normalisation-unsaid/model.onnx");
    using assumed = await loadModel(file);
    expect(codes(assumed)).toEqual([code]);
    await expect(loadModel(file, { preprocess: imageNet })).rejects.toThrow("range: [0, 255]");
    using model = await loadModel(file, { preprocess: { range: [0, 255], ...imageNet } });
    expect(codes(model)).toEqual([]);
  });
});
