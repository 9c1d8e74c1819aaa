/** What takes long within one layer: it is left between two parts of a kernel's call, and has the bits of the whole. */
import { createHash } from "node:crypto";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import * as library from "../../src/index";
import { hashBytes } from "../../src/model/hash";
import { loaded } from "../../src/model/loaded-model";
import { writeOnnx } from "../../src/onnx/writer";
import { Slicing } from "../../src/wasm/threads/slicing";
import { floats, graphOf } from "../graph/build";
import { fingerprint } from "./abort-jobs";
import { random } from "./wild-values";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];
type Parts = Parameters<typeof graphOf>[0]["constants"];

const below = random(5);
const weights = (...shape: number[]) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return floats(
    shape,
    Array.from({ length: size }, () => (below(2000) - 1000) / 2000),
  );
};

/** One layer of more than 2²⁴ products, by every algorithm, and a class for each channel. */
const layers: Readonly<Record<string, readonly [input: readonly number[], constants: Parts, nodes: Nodes]>> = {
  "Winograd's transforms": [
    [1, 16, 200, 200],
    { w: weights(16, 16, 3, 3) },
    [["Conv", ["x", "w"], ["c"], { pads: [1, 1, 1, 1] }]],
  ],
  "direct sums": [
    [1, 16, 128, 128],
    { w: weights(32, 16, 3, 3) },
    [["Conv", ["x", "w"], ["c"], { pads: [2, 2, 2, 2], dilations: [2, 2] }]],
  ],
  "pixels by themselves": [[1, 64, 128, 128], { w: weights(64, 64, 1, 1) }, [["Conv", ["x", "w"], ["c"]]]],
  // Of its adjoint's phases three see no tap, and write zeros all the same.
  "pixels by themselves, every other one": [
    [1, 64, 128, 128],
    { w: weights(64, 64, 1, 1), first: weights(64, 64, 1, 1) },
    [
      ["Conv", ["x", "first"], ["before"]],
      ["Conv", ["before", "w"], ["c"], { strides: [2, 2] }],
    ],
  ],
  "a folded picture": [
    [1, 3, 256, 256],
    { w: weights(64, 3, 7, 7) },
    [["Conv", ["x", "w"], ["c"], { pads: [3, 3, 3, 3], strides: [2, 2] }]],
  ],
  groups: [
    [1, 16, 160, 160],
    { w: weights(48, 4, 3, 3) },
    [["Conv", ["x", "w"], ["c"], { group: 4, strides: [1, 1] }]],
  ],
  "channel by channel": [
    [1, 64, 200, 200],
    { w: weights(64, 1, 5, 5) },
    [["Conv", ["x", "w"], ["c"], { group: 64, pads: [2, 2, 2, 2] }]],
  ],
  "a transposed convolution": [
    [1, 32, 90, 90],
    { w: weights(32, 48, 4, 4) },
    [["ConvTranspose", ["x", "w"], ["c"], { strides: [2, 2] }]],
  ],
  "a signal": [[1, 32, 12000], { w: weights(32, 32, 5) }, [["Conv", ["x", "w"], ["c"]]]],
  "a volume": [[1, 8, 16, 24, 24], { w: weights(16, 8, 3, 3, 3) }, [["Conv", ["x", "w"], ["c"]]]],
};

const networks = new Map<string, Uint8Array>();
beforeAll(() => {
  for (const [name, [input, constants, nodes]] of Object.entries(layers)) {
    const file = graphOf({
      inputs: { x: [...input] },
      constants,
      nodes: [...nodes, ["GlobalAveragePool", ["c"], ["g"]], ["Flatten", ["g"], ["y"]]],
    });
    networks.set(name, writeOnnx(file));
  }
  // A matrix of more than 2²⁴ weights takes more than one turn to pack.
  const dense = graphOf({
    inputs: { x: [1, 3, 32, 32] },
    constants: {
      w: floats(
        [3072, 1024],
        Array.from({ length: 3072 * 1024 }, (_, i) => ((i * 37) % 101) / 101 - 0.5),
      ),
    },
    nodes: [
      ["Flatten", ["x"], ["f"]],
      ["Gemm", ["f", "w"], ["y"]],
    ],
  });
  networks.set("a matrix", writeOnnx(dense));
});

/** Every look at the clock finds much time gone: a watched pass lets the event loop in wherever it can. */
function slowClock() {
  let now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += 1000;
    return now;
  });
  return vi.spyOn(globalThis, "setTimeout");
}
afterEach(() => void vi.restoreAllMocks());

/** Into how many parts each call of a kernel is divided from now on. */
function partCounts(): number[] {
  const counts: number[] = [];
  const { parts } = Slicing.prototype;
  vi.spyOn(Slicing.prototype, "parts").mockImplementation(function* (this: Slicing, call) {
    let count = 0;
    for (const part of parts.call(this, call)) {
      count++;
      yield part;
    }
    counts.push(count);
  });
  return counts;
}

function inputOf(model: library.Model): library.Tensor {
  const { shape } = model.input;
  const size = shape.reduce((a, b) => a * b, 1);
  return new library.Tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898)),
    shape,
  );
}

const methods: Readonly<
  Record<string, (model: library.Model, input: library.Tensor, signal?: AbortSignal) => Promise<unknown>>
> = {
  predict: (model, input, signal) => model.predict(input, { signal }),
  saliency: async (model, input, signal) => (await library.saliency(model, input, { target: 0, signal })).values,
  deepLift: async (model, input, signal) => (await library.deepLift(model, input, { target: 0, signal })).values,
  lrp: async (model, input, signal) => (await library.lrp(model, input, { target: 0, signal })).values,
};

/** Those that differ in how they are left. */
const some = ["Winograd's transforms", "a transposed convolution", "a matrix"];

describe("a step that takes long", () => {
  it.each(Object.keys(layers))("has the bits of the whole: %s", async (name) => {
    const file = networks.get(name) as Uint8Array;
    const [plain, watched] = [await library.loadModel(file), await library.loadModel(file)];
    const input = inputOf(plain);
    const counts = partCounts();
    slowClock();
    for (const [method, call] of Object.entries(methods)) {
      const expected = fingerprint(await call(plain, input));
      counts.length = 0;
      expect(fingerprint(await call(watched, input, new AbortController().signal)), method).toBe(expected);
      // What is made of many calls need not be divided once more.
      expect(Math.max(...counts) > 1 || counts.length > 4, `${method}: ${counts}`).toBe(true);
    }
  });

  it("ends where its signal is aborted in its midst, and leaves nothing behind", async () => {
    for (const name of some) {
      const file = networks.get(name) as Uint8Array;
      const whole = await library.loadModel(file);
      const input = inputOf(whole);
      const [score, map] = [await methods.predict(whole, input), await methods.saliency(whole, input)];
      const model = await library.loadModel(file);
      const turns = slowClock();
      const { memory } = loaded(model).session;
      const before = memory.used;
      for (const most of [1, 2, 4]) {
        const stop = new AbortController();
        const reason = new Error(`in turn ${most}`);
        turns.mockClear();
        const own = setInterval(() => turns.mock.calls.length >= most && stop.abort(reason), 0);
        await expect(methods.saliency(model, input, stop.signal), name).rejects.toBe(reason);
        clearInterval(own);
        // What a layer's weights were made of is given back where they are not complete.
        if (most === 1 && name === "a matrix") expect(memory.used, name).toBe(before);
      }
      expect(fingerprint(await methods.predict(model, input)), name).toBe(fingerprint(score));
      expect(fingerprint(await methods.saliency(model, input)), name).toBe(fingerprint(map));
      expect(memory.used, name).toBe(loaded(whole).session.memory.used);
      vi.restoreAllMocks();
    }
  });

  it("is brought to its end by a call that comes between", async () => {
    for (const name of some) {
      const file = networks.get(name) as Uint8Array;
      const model = await library.loadModel(file);
      const input = inputOf(model);
      const { signal } = new AbortController();
      slowClock();
      const running = methods.saliency(model, input, signal);
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
      const between = await methods.predict(model, input);
      const found = await running;
      vi.restoreAllMocks();
      expect(fingerprint(found), name).toBe(fingerprint(await methods.saliency(model, input)));
      expect(fingerprint(between), name).toBe(fingerprint(await methods.predict(model, input)));
    }
  });
});

it("the hash of a large file lets the event loop in, and is that of all its pieces", async () => {
  const pieces = [new Uint8Array(2 ** 25), Uint8Array.from({ length: 100_001 }, (_, i) => i * 7)];
  const expected = createHash("sha256").update(pieces[0]).update(pieces[1]).digest("hex");
  const turns = slowClock();
  expect(await hashBytes(...pieces)).toBe(`sha256:${expected}`);
  expect(turns.mock.calls.length).toBeGreaterThan(10);
});
