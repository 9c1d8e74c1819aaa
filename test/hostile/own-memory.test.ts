/** What lies in the caller's memory, and is changed, sent away or shared while a call is on its way or after it. */
import { afterAll, describe, expect, it } from "vitest";
import * as library from "../../src/index";
import { smallLiteFile } from "../tflite/small-file";
import { fingerprint, jobsOf } from "./abort-jobs";
import { classifier } from "./small-networks";

const { jobs, model, input, tensor } = await jobsOf();
const [pixels, values] = [input.data.slice(), tensor.data.slice()];
afterAll(() => model.dispose());

/** Lists of pictures, of which each is read when its turn comes. */
const inTurn = new Set(["topActivations", "dissect", "unitEffects", "contactSheet", "unitPage"]);

async function expectUnchanged(name: string, call: () => Promise<unknown>): Promise<void> {
  const expected = fingerprint(await call());
  for (const wait of [
    () => undefined,
    () => Promise.resolve(),
    () => new Promise((resolve) => setImmediate(resolve)),
  ]) {
    const running = call();
    await wait();
    input.data.fill(9);
    tensor.data.fill(0.25);
    const found = await running.then(fingerprint, String);
    input.data.set(pixels);
    tensor.data.set(values);
    expect(found, name).toBe(expected);
  }
}

describe("numbers that were handed over, changed while the call is on its way, change nothing", () => {
  it.each([...jobs.keys()].filter((name) => !inTurn.has(name)))("of %s", async (name) => {
    await expectUnchanged(name, async () => jobs.get(name)?.({}));
  });

  const watched = { masks: 12, samples: 6, nSteps: 4 };
  it.each((library.methodTable as readonly library.MethodFacts[]).filter(({ needs }) => !needs.includes("attention")))(
    "of $call with several targets, and of a Tensor",
    async ({ call, options }) => {
      const names = options.flatMap((group) => Object.keys(group));
      const own = Object.fromEntries(Object.entries(watched).filter(([name]) => names.includes(name)));
      const method = Reflect.get(library, call) as (
        model: unknown,
        input: unknown,
        options: object,
      ) => Promise<unknown>;
      if (names.includes("targets"))
        await expectUnchanged(call, () => method(model, input, { targets: [0, 1], ...own }));
      await expectUnchanged(call, () => method(model, tensor, { target: 1, ...own }));
    },
  );

  it("of baselines, in the values and in the recipe", async () => {
    const options = { target: 1, nSteps: 3 };
    await expectUnchanged("baseline", () =>
      library.integratedGradients(model, input, { ...options, baseline: tensor }),
    );
    await expectUnchanged("baselines", () => library.gradientShap(model, input, { target: 1, baselines: [tensor] }));
    await expectUnchanged("concepts", () => library.concepts(model, input, { layer: "r2", top: 1 }));
  });
});

type Resizable = new (bytes: number, options: { readonly maxByteLength: number }) => ArrayBuffer;
const made = (Kind: unknown, bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const view = new Uint8Array(new (Kind as Resizable)(bytes.length, { maxByteLength: 2 * bytes.length }));
  view.set(bytes);
  return view;
};
const detached = (bytes: Uint8Array): Uint8Array => {
  const own = bytes.slice();
  structuredClone(own, { transfer: [own.buffer] });
  return own;
};
const shrink = ({ buffer }: Uint8Array): void => (buffer as unknown as { resize(bytes: number): void }).resize(0);

describe("the bytes of a model", () => {
  const expected = model.run(tensor).then(({ output }) => fingerprint(output));
  const found = async (source: unknown, copy: boolean): Promise<string> => {
    using loaded = await library.loadModel(source as Uint8Array, { copy });
    return fingerprint((await loaded.run(tensor)).output);
  };

  it.each([true, false])("may lie in a buffer of any kind, anywhere in it (copy: %s)", async (copy) => {
    const growing = made(SharedArrayBuffer, classifier);
    for (const source of [made(ArrayBuffer, classifier), growing, growing.buffer, Buffer.from(classifier)])
      expect(await found(source, copy)).toBe(await expected);
    for (let offset = 0; offset < 5; offset++) {
      const around = new Uint8Array(classifier.length + offset + 3);
      around.set(classifier, offset);
      const part = [around.buffer, offset, classifier.length] as const;
      for (const source of [new Uint8Array(...part), new DataView(...part), Buffer.from(...part)])
        expect(await found(source, copy)).toBe(await expected);
    }
    using lite = await library.loadModel(made(SharedArrayBuffer, smallLiteFile("int8")), { copy });
    expect(lite.layers.length).toBeGreaterThan(3);
  });

  it("have options that may be changed while they are read, and after it", async () => {
    const options = () => ({
      labels: ["a", "b", "c"],
      preprocess: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] },
      inputs: { x: { preprocess: { range: [0, 2] as [number, number] } } },
    });
    using expected = await library.loadModel(classifier, options());
    const wanted = await library.saliency(expected, input, { target: 1 });
    const change = ({ labels, preprocess, inputs }: ReturnType<typeof options>): void => {
      labels.fill("z");
      preprocess.mean.fill(9);
      preprocess.std.fill(9);
      inputs.x.preprocess.range.fill(9);
    };
    for (const isEarly of [true, false]) {
      const own = options();
      const loading = library.loadModel(classifier, own);
      if (isEarly) change(own);
      using model = await loading;
      change(own);
      const found = await library.saliency(model, input, { target: 1 });
      expect(fingerprint(found)).toBe(fingerprint(wanted));
      expect(model.labels).toEqual(expected.labels);
    }
  });

  it("may be gone once they are handed over", async () => {
    const shrunk = made(ArrayBuffer, classifier);
    const loading = found(shrunk, true);
    shrink(shrunk);
    expect(await loading).toBe(await expected);
  });

  it.each([true, false])("that are gone before are an error that says so (copy: %s)", async (copy) => {
    const gone = detached(classifier);
    for (const source of [gone, gone.buffer, { "model.onnx": gone }, new DataView(new ArrayBuffer(0))])
      await expect(library.loadModel(source as Uint8Array, { copy })).rejects.toThrow(library.ModelError);
  });

  it("that were not to be copied and are gone later are an error that says so", async () => {
    const [shrunk, sent] = [made(ArrayBuffer, classifier), classifier.slice()];
    for (const [source, lose] of [
      [shrunk, () => shrink(shrunk)],
      [sent, () => void structuredClone(sent, { transfer: [sent.buffer] })],
    ] as const) {
      using loaded = await library.loadModel(source, { copy: false });
      lose();
      const error = await loaded.run(tensor, { capture: ["c1"] }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(library.ModelError);
      expect(String(error)).toMatch(/bytes that the model was made of are gone.*without copy: false/);
    }
  });
});

describe("pictures", () => {
  it("of any size may be Buffers that begin anywhere", async () => {
    const [width, height] = [1000, 700];
    const whole = Buffer.from(Uint8Array.from({ length: width * height * 3 + 4 }, (_, i) => (i * 37) % 251));
    for (let offset = 0; offset < 4; offset++) {
      const data = whole.subarray(offset, offset + width * height * 3);
      const plain = { width, height, data: new Uint8Array(data) };
      expect(await model.predict({ width, height, data })).toEqual(await model.predict(plain));
    }
  });

  it("lie in buffers that grow and shrink", async () => {
    const predicted = await model.predict(input);
    for (const Kind of [ArrayBuffer, SharedArrayBuffer])
      expect(await model.predict({ ...input, data: made(Kind, input.data) })).toEqual(predicted);
    const shrunk = made(ArrayBuffer, input.data);
    shrink(shrunk);
    await expect(model.predict({ ...input, data: shrunk })).rejects.toThrow(library.InputError);
    const picture = await library.encodePng(input);
    for (const Kind of [ArrayBuffer, SharedArrayBuffer])
      expect((await library.decodeImage(made(Kind, picture))).width).toBe(input.width);
    await expect(library.decodeImage(detached(picture))).rejects.toThrow(library.SeethroughError);
  });
});
