import { strToU8, zipSync } from "fflate";
import { Builder } from "flatbuffers";
import { describe, expect, it } from "vitest";
import {
  cam,
  explain,
  gradCam,
  loadModel,
  maxSensitivity,
  noiseTunnel,
  OptionError,
  saliency,
  Tensor,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { describeShared, readShared } from "../shared-folder";
import { liteFile, type OperatorSpec, type TensorSpec } from "./lite-file";
import { smallLiteFile, wave } from "./small-file";

const f = Math.fround;

/** The nearest integer of a product in float32; halves go to the even one. */
function nearest(sum: number, unit: number): number {
  const value = f(sum * f(unit));
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** The network of `smallLiteFile("int8")` in whole numbers, as its runtime computes; the logits' integers. */
function integerLogits(places: readonly number[]): number[] {
  const [filter, matrix] = [wave(108, 1), wave(108, 2)].map((list) => list.map((value) => Math.round(value * 127)));
  const [bias, shift] = [wave(4, 3), wave(3, 4)].map((list) => list.map((value) => Math.round(value * 500)));
  const features = new Float64Array(144);
  for (let y = 0; y < 6; y++)
    for (let x = 0; x < 6; x++)
      for (let o = 0; o < 4; o++) {
        let sum = bias[o];
        for (let ky = 0; ky < 3; ky++)
          for (let kx = 0; kx < 3; kx++)
            for (let c = 0; c < 3; c++) {
              const [iy, ix] = [y + ky - 1, x + kx - 1];
              if (iy < 0 || ix < 0 || iy > 5 || ix > 5) continue;
              sum += places[(iy * 6 + ix) * 3 + c] * filter[((o * 3 + ky) * 3 + kx) * 3 + c];
            }
        const unit = f((1 / 64) * ((o + 2) / 512)) / f(0.04);
        features[(y * 6 + x) * 4 + o] = Math.min(Math.max(nearest(sum, unit), 0), 255);
      }
  const pooled: number[] = [];
  for (let y = 0; y < 3; y++)
    for (let x = 0; x < 3; x++)
      for (let o = 0; o < 4; o++) {
        const at = (dy: number, dx: number): number => features[((2 * y + dy) * 6 + 2 * x + dx) * 4 + o];
        pooled.push(Math.max(at(0, 0), at(0, 1), at(1, 0), at(1, 1)));
      }
  return [0, 1, 2].map((o) => {
    const sum = pooled.reduce((total, value, i) => total + value * matrix[o * 36 + i], shift[o]);
    const unit = f(f(0.04) * ((o + 2) / 512)) / 0.25;
    return Math.min(Math.max(nearest(sum, unit) + 3, -128), 127);
  });
}

const places = wave(108, 9).map((value) => Math.round(value * 100));
const input = new Tensor(
  Float32Array.from(places, (place) => place / 64),
  [1, 6, 6, 3],
);

describe("a quantised network of TensorFlow Lite", () => {
  it("computes the integers of the device", async () => {
    const model = await loadModel(smallLiteFile("int8"));
    const { activations, output } = await model.run(input, { capture: ["logits"] });
    const logits = activations.get("logits") as Tensor;
    expect([...logits.data].map((value) => value / 0.25 + 3)).toEqual(integerLogits(places));
    // The grid of the scores: 1/256, up to 255/256.
    for (const score of output.data) expect(Number.isInteger(score * 256)).toBe(true);
    expect(model.notes.find(({ code }) => code === "quantised")?.message).toMatch(/computes with integers/);
  });

  it("lies between two numbers of a grid where the input does: the nearer one counts", async () => {
    const model = await loadModel(smallLiteFile("int8"));
    const moved = new Tensor(
      input.data.map((value, i) => value + (i % 2 ? 0.4 : -0.4) / 64),
      input.shape,
    );
    expect((await model.run(moved)).output.data).toEqual((await model.run(input)).output.data);
  });

  it("is read as real numbers where that is asked", async () => {
    const model = await loadModel(smallLiteFile("int8"), { quantized: "float" });
    const { activations } = await model.run(input, { capture: ["logits"] });
    const logits = activations.get("logits") as Tensor;
    const integers = integerLogits(places).map((place) => (place - 3) * 0.25);
    expect([...logits.data]).not.toEqual(integers);
    integers.forEach((value, i) => {
      expect(Math.abs(logits.data[i] - value)).toBeLessThan(0.6);
    });
    expect(model.notes.find(({ code }) => code === "quantised")?.message).toMatch(/read as the real numbers/);
    await expect(loadModel(smallLiteFile("int8"), { quantized: "int8" as "float" })).rejects.toThrow(OptionError);
  });

  it("has gradients that pass straight through, and every share of a score", async () => {
    const [whole, real] = await Promise.all([
      loadModel(smallLiteFile("int8")),
      loadModel(smallLiteFile("int8"), { quantized: "float" }),
    ]);
    for (const method of ["saliency", "grad-cam", "lrp", "deep-lift"] as const) {
      const [a, b] = [
        await explain(whole, input, { method, target: 1 }),
        await explain(real, input, { method, target: 1 }),
      ];
      for (const { notes } of [a, b]) {
        const said = notes.filter(({ code }) => code === "quantised");
        expect(
          said.map(({ message }) => / the score is \S+ as deployed and \S+ without rounding/.test(message)),
        ).toEqual([true]);
      }
      const [x, y] = [a.values.data, b.values.data];
      const dot = (p: Float32Array, q: Float32Array): number => p.reduce((sum, value, i) => sum + value * q[i], 0);
      expect(dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)), method).toBeGreaterThan(0.9);
    }
  });

  it("is read twice for the input itself, and not for each of many samples", async () => {
    for (const [reading, extra] of [
      ["deployed", 1],
      // The file is loaded once more, as deployed: its pass is one of another model.
      ["float", 0],
    ] as const) {
      const model = loaded(await loadModel(smallLiteFile("int8"), { quantized: reading }));
      const own = model.watchedPass.bind(model);
      let passes = 0;
      model.watchedPass = (...given: Parameters<typeof own>) => {
        passes++;
        return own(...given);
      };
      const found = await noiseTunnel(saliency, { samples: 5, stdev: 0.1 })(model, input, { target: 1 });
      expect([reading, passes]).toEqual([reading, 1 + 5 + extra]);
      expect(found.notes.filter(({ code, message }) => code === "quantised" && / apart\./.test(message))).toHaveLength(
        1,
      );
      expect(found.recipe.quantized).toBe(reading === "float" ? "float" : undefined);
      passes = 0;
      await maxSensitivity(model, input, saliency, { target: 1, samples: 5 });
      expect([reading, passes]).toEqual([reading, 1 + 5 + extra]);
    }
  });

  it("says by its grid how pixels become numbers", async () => {
    const model = await loadModel(smallLiteFile("int8"));
    const pixels = Uint8Array.from({ length: 108 }, (_, i) => (i * 7) % 256);
    const seen = model.preprocess({ width: 6, height: 6, data: pixels });
    expect([...seen.data]).toEqual([...pixels].map((pixel) => (pixel - 128) / 64));
    expect(model.notes.map(({ code }) => code)).not.toContain("normalisation-assumed");
  });
});

/** Values on one grid before and behind an operator, and integers to hand in. */
function oneGrid(
  op: string,
  options: OperatorSpec["options"],
  [height, width]: readonly [number, number],
  zero: number,
) {
  const grid = (name: string, shape: readonly number[]): TensorSpec => ({
    ...{ name, shape, type: "int8", scale: [0.1], zero: [zero] },
  });
  const size = op === "RESIZE_BILINEAR" ? ["size"] : [];
  const file = liteFile({
    tensors: [
      grid("x", [1, 6, 6, 3]),
      ...size.map((name) => ({ name, shape: [2], type: "int32", data: Int32Array.of(height, width) }) as const),
      grid("y", [1, height, width, 3]),
    ],
    operators: [{ op, inputs: ["x", ...size], outputs: ["y"], options }],
    ...{ inputs: ["x"], outputs: ["y"] },
  });
  const integers = wave(108, 6).map((value) => Math.round(value * 127));
  const at = (y: number, x: number, c: number): number => integers[(y * 6 + x) * 3 + c];
  const run = async (): Promise<number[]> => {
    const model = await loadModel(file);
    const numbers = Float32Array.from(integers, (value) => (value - zero) * 0.1);
    const { output } = await model.run(new Tensor(numbers, [1, 6, 6, 3]));
    return Array.from(output.data, (value) => Math.round(value / 0.1) + zero);
  };
  return { at, run };
}

describe("averages of integers", () => {
  const away = (value: number): number => Math.sign(value) * Math.round(Math.abs(value)) || 0;
  const places = (height: number, width: number): [number, number, number][] =>
    Array.from({ length: height * width * 3 }, (_, i) => [
      Math.floor(i / (3 * width)),
      Math.floor(i / 3) % width,
      i % 3,
    ]);

  it.each([
    [0, -128, 127],
    [1, 7, 127],
    [3, 7, 67],
  ])("are rounded away from the integer zero, and cut off by the activation %i", async (activation, low, high) => {
    const options = {
      0: ["byte", 1],
      1: ["int", 2],
      2: ["int", 2],
      3: ["int", 2],
      4: ["int", 2],
      5: ["byte", activation],
    } as const;
    const { at, run } = oneGrid("AVERAGE_POOL_2D", options, [3, 3], 7);
    const sums = places(3, 3).map(
      ([y, x, c]) =>
        at(2 * y, 2 * x, c) + at(2 * y, 2 * x + 1, c) + at(2 * y + 1, 2 * x, c) + at(2 * y + 1, 2 * x + 1, c),
    );
    // Halves on both sides of zero, else nothing is shown.
    for (const sign of [-1, 1])
      expect(sums.some((sum) => Math.sign(sum) === sign && Math.abs(sum) % 4 === 2)).toBe(true);
    expect(await run()).toEqual(sums.map((sum) => Math.min(Math.max(away(sum / 4), low), high)));
  });

  it("between places go up where they are halves", async () => {
    const { at, run } = oneGrid("RESIZE_BILINEAR", { 2: ["bool", false], 3: ["bool", false] }, [12, 12], -20);
    const sums = places(12, 12).map(([y, x, c]) => {
      const [top, left] = [y >> 1, x >> 1];
      const [bottom, right] = [Math.min((y + 1) >> 1, 5), Math.min((x + 1) >> 1, 5)];
      return at(top, left, c) + at(top, right, c) + at(bottom, left, c) + at(bottom, right, c);
    });
    for (const sign of [-1, 1])
      expect(sums.some((sum) => Math.sign(sum) === sign && Math.abs(sum) % 4 === 2)).toBe(true);
    expect(await run()).toEqual(sums.map((sum) => Math.floor(sum / 4 + 0.5)));
  });
});

describe("inputs and outputs of other kinds", () => {
  const filter: TensorSpec = {
    ...{ name: "filter", shape: [2, 6, 6, 3], type: "int8", scale: [0.01, 0.02], zero: [0, 0] },
    data: Int8Array.from(wave(216, 2), (value) => Math.round(value * 127)),
  };
  const grid = (name: string, shape: readonly number[], scale: number, zero: number, type: "int8" | "uint8" = "int8") =>
    ({ name, shape, type, scale: [scale], zero: [zero] }) as const;
  const conv: OperatorSpec = {
    ...{ op: "CONV_2D", inputs: ["image", "filter"], outputs: ["sums"] },
    options: { 0: ["byte", 1], 1: ["int", 1], 2: ["int", 1], 3: ["byte", 0], 4: ["int", 1], 5: ["int", 1] },
  };
  const sums = grid("sums", [1, 1, 1, 2], 0.05, 3);
  const file = (tensors: readonly TensorSpec[], operators: readonly OperatorSpec[], input: string, output: string) =>
    liteFile({ tensors, operators, inputs: [input], outputs: [output] });

  it("floats around integers are pictures, and give what the integers give", async () => {
    const image = grid("image", [1, 6, 6, 3], 1 / 64, 0);
    const whole = await loadModel(file([image, filter, sums], [conv], "image", "sums"));
    const around = await loadModel(
      file(
        [{ name: "x", shape: [1, 6, 6, 3] }, image, filter, sums, { name: "y", shape: [1, 1, 1, 2] }],
        [
          { op: "QUANTIZE", inputs: ["x"], outputs: ["image"] },
          conv,
          { op: "DEQUANTIZE", inputs: ["sums"], outputs: ["y"] },
        ],
        ...(["x", "y"] as const),
      ),
    );
    expect(around.input.shape).toEqual([1, 6, 6, 3]);
    expect((await around.run(input)).output.data).toEqual((await whole.run(input)).output.data);
  });

  it("bytes that become floats by a CAST are pixels", async () => {
    const weights = wave(216, 2);
    const bytes = file(
      [
        { name: "x", shape: [1, 6, 6, 3], type: "uint8" },
        ...[
          { name: "image", shape: [1, 6, 6, 3] },
          { name: "sums", shape: [1, 1, 1, 2] },
        ],
        { name: "filter", shape: [2, 6, 6, 3], data: Float32Array.from(weights) },
      ],
      [{ op: "CAST", inputs: ["x"], outputs: ["image"] }, conv],
      ...(["x", "sums"] as const),
    );
    const model = await loadModel(bytes);
    expect(model.notes.map(({ code }) => code)).toEqual(["integer-input"]);
    const data = Uint8Array.from({ length: 108 }, (_, i) => (i * 37) % 256);
    const { output } = await model.run({ width: 6, height: 6, data });
    const expected = [0, 1].map((o) =>
      data.reduce((sum, pixel, i) => sum + pixel * Math.fround(weights[o * 108 + i]), 0),
    );
    output.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 1);
    });
  });

  it("several networks in one file are the first, which is said", async () => {
    const image = grid("image", [1, 6, 6, 3], 1 / 64, 0);
    const bytes = liteFile({
      tensors: [image, filter, sums],
      operators: [conv],
      inputs: ["image"],
      outputs: ["sums"],
      graphs: 2,
    });
    const { notes } = await loadModel(bytes);
    expect(notes.find(({ code }) => code === "first-subgraph")?.message).toMatch(/holds 2 networks/);
  });

  it("a zero point that is none of its integers is refused by the tensor's name", async () => {
    const odd = file([grid("image", [1, 6, 6, 3], 0.1, 400), filter, sums], [conv], "image", "sums");
    await expect(loadModel(odd)).rejects.toThrow('Tensor 0 ("image") has the zero point 400, which is no int8');
  });
});

/** Metadata with class names in a file behind the model, a normalisation and a threshold. */
function metadata(): Uint8Array {
  const b = new Builder(256);
  const table = (count: number, write: () => void): number => {
    b.startObject(count);
    write();
    return b.endObject();
  };
  const list = (offsets: readonly number[]): number => {
    b.startVector(4, offsets.length, 4);
    for (const offset of [...offsets].reverse()) b.addOffset(offset);
    return b.endVector();
  };
  const floats = (values: readonly number[]): number => {
    b.startVector(4, values.length, 4);
    for (const value of [...values].reverse()) b.addFloat32(value);
    return b.endVector();
  };
  const unit = (kind: number, options: number): number =>
    table(2, () => {
      b.addFieldInt8(0, kind, Number.NaN);
      b.addFieldOffset(1, options, 0);
    });
  const numbers = [floats([127.5]), floats([64])];
  const normalisation = table(2, () => {
    numbers.forEach((place, field) => {
      b.addFieldOffset(field, place, 0);
    });
  });
  const threshold = table(1, () => b.addFieldFloat32(0, 0.3, Number.NaN));
  const inputUnits = list([unit(1, normalisation)]);
  const image = table(7, () => b.addFieldOffset(4, inputUnits, 0));
  const name = b.createString("labels.txt");
  const file = table(5, () => {
    b.addFieldOffset(0, name, 0);
    b.addFieldInt8(2, 2, Number.NaN);
  });
  const parts = [list([unit(3, threshold)]), list([file])];
  const scores = table(7, () => {
    b.addFieldOffset(4, parts[0], 0);
    b.addFieldOffset(6, parts[1], 0);
  });
  const tensors = [list([image]), list([scores])];
  const graph = table(5, () => {
    b.addFieldOffset(2, tensors[0], 0);
    b.addFieldOffset(3, tensors[1], 0);
  });
  const graphs = list([graph]);
  const root = table(8, () => b.addFieldOffset(3, graphs, 0));
  b.finish(root, "M001");
  return b.asUint8Array().slice();
}

describe("the metadata of TensorFlow Lite", () => {
  const file = smallLiteFile("float", { TFLITE_METADATA: metadata() });

  /** A ZIP archive behind other bytes: its places are counted from the beginning of the file. */
  const withArchive = (model: Uint8Array, ...texts: readonly string[]): Uint8Array => {
    const files = texts.map((text, i) => [`label${"stuv"[i]}.txt`, strToU8(text)] as const);
    const zip = zipSync(Object.fromEntries(files), { level: 0 });
    const whole = new Uint8Array(model.length + zip.length);
    whole.set(model);
    whole.set(zip, model.length);
    const view = new DataView(whole.buffer);
    const end = whole.length - 22;
    const central = model.length + view.getUint32(end + 16, true);
    view.setUint32(end + 16, central, true);
    for (const i of texts.keys()) {
      const entry = central + i * (46 + "labels.txt".length);
      view.setUint32(entry + 42, model.length + view.getUint32(entry + 42, true), true);
      whole.set(strToU8("labels.txt"), entry + 46);
    }
    return whole;
  };

  it("set class names and how pixels become numbers", async () => {
    const model = await loadModel(withArchive(file, "cat\ndog\nbird\n"));
    expect(model.labels).toEqual(["cat", "dog", "bird"]);
    const seen = model.preprocess({ width: 6, height: 6, data: new Uint8Array(108).fill(255) });
    expect(seen.data[0]).toBeCloseTo((255 - 127.5) / 64, 6);
    expect(model.notes.find(({ code }) => code === "lite-metadata")?.message).toMatch(
      /the names of the classes, how pixels become numbers, that scores count from 0\.3 on/,
    );
  });

  it("come from the first file of a name: an archive may list it a thousand times", async () => {
    const model = await loadModel(withArchive(file, "cat\ndog\nbird\n", "a\nb\nc\n", "d\ne\nf\n"));
    expect(model.labels).toEqual(["cat", "dog", "bird"]);
  });

  it("stand below options, and are left out where they are damaged or not there", async () => {
    const own = await loadModel(withArchive(file, "cat\ndog\nbird\n"), { labels: ["a", "b", "c"] });
    expect(own.labels).toEqual(["a", "b", "c"]);
    expect((await loadModel(file)).labels).toBeUndefined();
    const damaged = smallLiteFile("float", { TFLITE_METADATA: metadata().slice(0, 40) });
    expect((await loadModel(damaged)).notes.map(({ code }) => code)).toContain("lite-metadata-refused");
  });
});

describeShared("quantised networks as others deploy them", () => {
  const picture = (side: number, low: number, high: number): Tensor =>
    new Tensor(
      Float32Array.from({ length: side * side * 3 }, (_, i) => {
        const value = 0.5 + 0.3 * Math.sin(i * 0.0013) + 0.2 * Math.sin(i * 0.37);
        return low + (high - low) * (Math.round(value * 255) / 255);
      }),
      [1, side, side, 3],
    );
  const correlation = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < a.length; i++) {
      ab += a[i] * b[i];
      aa += a[i] ** 2;
      bb += b[i] ** 2;
    }
    return ab / Math.sqrt(aa * bb);
  };

  it.each([
    ["mobilenet-v1-0.5-160-uint8", "mobilenet-v1-0.5-160-imagenet", 160],
    ["mobilenet-v2-1.0-224-uint8", "mobilenet-v2-1.0-224-imagenet", 224],
  ] as const)(
    "%s is its de-quantised ONNX file, and near it as deployed",
    async (lite, onnx, side) => {
      const bytes = readShared(`models/deployed/${lite}.tflite`);
      const reference = await loadModel(readShared(`models/${onnx}.onnx`));
      const x = picture(side, -1, 127 / 128);
      const [expected] = [await reference.predict(x, { top: 1001 })];
      const inOrder = (list: typeof expected): number[] =>
        [...list].sort((a, b) => a.index - b.index).map((p) => p.score);
      const real = await loadModel(bytes, { quantized: "float" });
      const whole = await loadModel(bytes);
      const target = expected[0].index;
      expect(correlation(inOrder(await real.predict(x, { top: 1001 })), inOrder(expected))).toBeGreaterThan(0.999);
      expect(correlation(inOrder(await whole.predict(x, { top: 1001 })), inOrder(expected))).toBeGreaterThan(0.99);
      const map = (await gradCam(reference, x, { target })).values.data;
      const ofReal = (await gradCam(real, x, { target })).values.data;
      const ofWhole = (await gradCam(whole, x, { target })).values.data;
      expect(correlation(ofReal, map)).toBeGreaterThan(0.9999);
      expect(correlation(ofWhole, map)).toBeGreaterThan(0.99);
    },
    60_000,
  );

  it.each([
    ["resnet8-cifar10", 32, 255],
    ["vww-96", 96, 1],
  ] as const)("%s decides as its float network does", async (name, side, most) => {
    const float = await loadModel(readShared(`models/deployed/${name}-float.tflite`));
    const whole = await loadModel(readShared(`models/deployed/${name}-int8.tflite`));
    const x = picture(side, 0, most);
    const [a, b] = [await float.run(x), await whole.run(x)];
    b.output.data.forEach((score, i) => {
      expect(Math.abs(score - a.output.data[i])).toBeLessThan(0.15);
    });
    const [p, q] = [(await cam(whole, x, { target: 0 })).values.data, (await cam(float, x, { target: 0 })).values.data];
    expect(correlation(p, q)).toBeGreaterThan(0.9);
  });

  it("DeepLab gives a map as deployed, before ArgMax", async () => {
    const model = await loadModel(readShared("models/deployed/deeplabv3-mnv2-dm05-pascal-uint8.tflite"));
    expect(model.output.shape).toEqual([1, 513, 513, 21]);
    expect(model.notes.map(({ code }) => code)).toContain("post-processing-cut");
  }, 60_000);
});
