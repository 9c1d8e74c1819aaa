/** Passes that hear a signal between two of their steps: on the way they share one arena with every other call. */
import { afterEach, describe, expect, it, vi } from "vitest";
import * as library from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf } from "../graph/build";
import { fingerprint, jobsOf } from "./abort-jobs";
import { random } from "./wild-values";

const depth = 40;
const names = Array.from({ length: depth }, (_, i) => `c${i}`);
const deep = writeOnnx(
  graphOf({
    inputs: { x: [1, 3, 8, 8] },
    constants: { w: floats([3, 3, 1, 1], [0.5, -0.2, 0.4, 0.3, 0.6, -0.1, -0.3, 0.2, 0.7]) },
    nodes: [
      ...names.map((name, i): [string, string[], string[]] => ["Conv", [i === 0 ? "x" : names[i - 1], "w"], [name]]),
      ["GlobalAveragePool", [names[depth - 1]], ["g"]],
      ["Flatten", ["g"], ["y"]],
    ],
  }),
);
const input = { width: 8, height: 8, data: Uint8Array.from({ length: 192 }, (_, i) => (i * 37) % 256) };

/** Every look at the clock finds much time gone: each step of a watched pass lets the event loop in. */
function slowClock(): void {
  let now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += 1000;
    return now;
  });
}
afterEach(() => void vi.restoreAllMocks());

/** A model whose operations say how many of them have run. */
async function counted(): Promise<{
  model: library.Model;
  steps: () => number;
  at: (step: number, act: () => void) => void;
}> {
  const model = await library.loadModel(deep);
  let steps = 0;
  const acts = new Map<number, () => void>();
  for (const operation of loaded(model).fast.operations) {
    for (const direction of ["forward", "backward"] as const) {
      const own = operation[direction].bind(operation);
      const inPieces = operation[`${direction}InPieces`];
      Object.assign(operation, {
        [direction]: (run: Parameters<typeof own>[0]) => {
          own(run);
          acts.get(++steps)?.();
        },
        ...(inPieces && {
          *[`${direction}InPieces`](run: Parameters<typeof own>[0]) {
            yield* inPieces(run);
            acts.get(++steps)?.();
          },
        }),
      });
    }
  }
  return { model, steps: () => steps, at: (step, act) => void acts.set(step, act) };
}

const begun: Readonly<Record<string, (model: library.Model, signal: AbortSignal) => Promise<unknown>>> = {
  predict: (model, signal) => model.predict(input, { signal }),
  run: (model, signal) => model.run(input, { signal }),
  saliency: (model, signal) => library.saliency(model, input, { target: 0, signal }),
  gradCam: (model, signal) => library.gradCam(model, input, { target: 0, layer: "c3", signal }),
  topActivations: (model, signal) =>
    library.topActivations(model, [{ id: "a", image: input }], { layer: "c39", signal }),
};

describe("a pass that is given up in its midst", () => {
  it.each(Object.keys(begun))("%s ends before its steps do", async (name) => {
    slowClock();
    const { model, steps, at } = await counted();
    const stop = new AbortController();
    const reason = new Error("enough");
    // The caller's own timer, which fires only where the pass lets the event loop in.
    at(10, () => setTimeout(() => stop.abort(reason), 0));
    await expect(begun[name](model, stop.signal)).rejects.toBe(reason);
    expect(steps()).toBeGreaterThanOrEqual(10);
    expect(steps()).toBeLessThan(20);
  });

  it("lrp ends within a layer, and has its bits", async () => {
    const model = await library.loadModel(deep);
    const options = { target: 0, composite: "epsilonAlpha2Beta1" } as const;
    const expected = fingerprint((await library.lrp(model, input, options)).values);
    slowClock();
    const turns = vi.spyOn(globalThis, "setTimeout");
    const { signal } = new AbortController();
    expect(fingerprint((await library.lrp(model, input, { ...options, signal })).values)).toBe(expected);
    // Every layer's step is at least six pieces: two of each part that is there, and the shares.
    const all = turns.mock.calls.length;
    expect(all).toBeGreaterThan(2 * depth + 6 * depth);
    for (const after of [all - 19, all - 16]) {
      const stop = new AbortController();
      const reason = new Error("enough");
      turns.mockClear();
      const own = setInterval(() => turns.mock.calls.length >= after && stop.abort(reason), 0);
      await expect(library.lrp(model, input, { ...options, signal: stop.signal })).rejects.toBe(reason);
      clearInterval(own);
      expect(turns.mock.calls.length).toBeLessThan(all);
    }
    expect(fingerprint((await library.lrp(model, input, options)).values)).toBe(expected);
  });

  it("without a signal the event loop waits for all of it", async () => {
    slowClock();
    const { model, steps, at } = await counted();
    let seen = 0;
    at(10, () => setTimeout(() => (seen = steps()), 0));
    await model.predict(input);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(seen).toBe(steps());
  });

  it("leaves the weights that it packed, and what comes later its bits", async () => {
    const fresh = await library.loadModel(deep);
    const expected = fingerprint(await fresh.predict(input));
    slowClock();
    const model = await library.loadModel(deep);
    for (const turns of [1, 2, 5, 15, 30]) {
      const stop = new AbortController();
      const reason = new Error(`after ${turns} turns`);
      const running = model.predict(input, { signal: stop.signal });
      void (async () => {
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 0));
        stop.abort(reason);
      })();
      await expect(running).rejects.toBe(reason);
    }
    expect(fingerprint(await model.predict(input))).toBe(expected);
  });
});

describe("a watched pass on its way", () => {
  it("and calls with and without a signal that come between have each their bits", async () => {
    const { jobs } = await jobsOf();
    const all = [...jobs];
    const expected = new Map<string, string>();
    for (const [name, job] of all) expected.set(name, fingerprint(await job({})));
    slowClock();
    const { signal } = new AbortController();
    // All of them at once on one model, every other one watched; and all watched.
    for (const isWatched of [(i: number) => i % 2 === 0, () => true]) {
      const found = await Promise.all(all.map(([, job], i) => job(isWatched(i) ? { signal } : {})));
      for (const [i, [name]] of all.entries()) expect(fingerprint(found[i]), name).toBe(expected.get(name));
    }
  }, 60_000);

  it("is not waited for once it was given up", async () => {
    const expected = fingerprint(await (await library.loadModel(deep)).predict(input));
    slowClock();
    const { model, steps, at } = await counted();
    const stop = new AbortController();
    const reason = new Error("enough");
    const between: Promise<unknown>[] = [];
    at(5, () =>
      setTimeout(() => {
        stop.abort(reason);
        between.push(model.predict(input));
      }, 0),
    );
    await expect(model.predict(input, { signal: stop.signal })).rejects.toBe(reason);
    const before = steps();
    expect(fingerprint(await between[0])).toBe(expected);
    expect(before).toBeLessThan(2 * loaded(model).fast.operations.length);
  });

  it("of a model that is disposed of ends in a typed error or its bits", async () => {
    const expected = fingerprint(await (await library.loadModel(deep)).predict(input));
    slowClock();
    const { model, at } = await counted();
    at(5, () => setTimeout(() => model.dispose(), 0));
    const found = await model
      .predict(input, { signal: new AbortController().signal })
      .then(fingerprint, (error) => error);
    if (found !== expected) {
      expect(found).toBeInstanceOf(library.SeethroughError);
      expect(found).not.toBeInstanceOf(library.InternalError);
    }
  });
});

describe("loading and decoding", () => {
  it("hear a signal while a file is fetched", async () => {
    const never = vi.fn((_: unknown, init?: RequestInit) => {
      expect(init?.signal).toBeDefined();
      return new Promise<Response>(() => {});
    });
    vi.stubGlobal("fetch", never);
    try {
      for (const call of [
        (signal: AbortSignal) => library.loadModel("https://example.com/a.onnx", { signal }),
        (signal: AbortSignal) => library.decodeImage("https://example.com/a.png", { signal }),
      ]) {
        const stop = new AbortController();
        const reason = new Error("enough");
        setTimeout(() => stop.abort(reason), 5);
        await expect(call(stop.signal)).rejects.toBe(reason);
      }
      expect(never).toHaveBeenCalledTimes(2);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("refuse what is no signal", async () => {
    const { model, input: image } = await jobsOf();
    const wrong = { signal: "now" as never };
    for (const call of [
      () => library.loadModel(deep, wrong),
      () => library.decodeImage(new Uint8Array(4), wrong),
      () => model.predict(image, wrong),
      () => model.run(image, wrong),
      () => library.detect(model, image, wrong),
    ]) {
      await expect(call()).rejects.toThrow(/signal must be an AbortSignal/);
    }
  });

  it("end the decoding of a PNG in its midst", async () => {
    const [width, height] = [400, 300];
    const below = random(7);
    const noise = Uint8Array.from({ length: width * height * 3 }, () => below(256));
    const picture = await library.encodePng({ width, height, data: noise });
    // Several pieces of its data.
    expect(picture.length).toBeGreaterThan(100_000);
    slowClock();
    const stop = new AbortController();
    const reason = new Error("enough");
    let turns = 0;
    const wait = setInterval(() => ++turns === 2 && stop.abort(reason), 0);
    await expect(library.decodeImage(picture, { signal: stop.signal })).rejects.toBe(reason);
    clearInterval(wait);
    const watched = await library.decodeImage(picture, { signal: new AbortController().signal });
    expect(fingerprint(watched.data)).toBe(fingerprint((await library.decodeImage(picture)).data));
  });

  it("end the encoding of a picture in its midst, and give its bytes", async () => {
    const [width, height] = [1500, 1400];
    const below = random(7);
    const pictures = [3, 4].map((channels) => {
      const data = Uint8Array.from({ length: width * height * channels }, (_, i) =>
        i % 5 === 0 ? below(256) : i >> 9,
      );
      return { width, height, data };
    });
    const calls: Readonly<Record<string, (i: number, signal?: AbortSignal) => Promise<unknown>>> = {
      encodePng: (i, signal) => library.encodePng(pictures[i], { signal }),
      encodeJpeg: (i, signal) => library.encodeJpeg(pictures[i], { signal }),
      "toDataURL of a PNG": (i, signal) => library.toDataURL(pictures[i], { signal }),
      "toDataURL of a JPEG": (i, signal) => library.toDataURL(pictures[i], { format: "jpeg", quality: 80, signal }),
    };
    for (const [name, call] of Object.entries(calls)) {
      for (const i of pictures.keys()) {
        const expected = fingerprint(await call(i));
        slowClock();
        const turns = vi.spyOn(globalThis, "setTimeout");
        expect(fingerprint(await call(i, new AbortController().signal)), name).toBe(expected);
        const all = turns.mock.calls.length;
        expect(all, name).toBeGreaterThan(4);
        const stop = new AbortController();
        const reason = new Error("enough");
        turns.mockClear();
        const own = setInterval(() => turns.mock.calls.length >= all / 2 && stop.abort(reason), 0);
        await expect(call(i, stop.signal), name).rejects.toBe(reason);
        clearInterval(own);
        expect(turns.mock.calls.length, name).toBeLessThan(all);
        await expect(call(i, AbortSignal.abort(reason)), name).rejects.toBe(reason);
        await expect(call(i, "now" as never), name).rejects.toThrow(/signal must be an AbortSignal/);
        vi.restoreAllMocks();
      }
    }
  }, 240_000);

  it("end a load between two of its weights", async () => {
    const wide = writeOnnx(
      graphOf({
        inputs: { x: [1, 64, 8, 8] },
        constants: Object.fromEntries(
          Array.from({ length: 20 }, (_, i) => [`w${i}`, floats([64, 64, 1, 1], new Array(4096).fill(i / 20))]),
        ),
        nodes: Array.from({ length: 20 }, (_, i): [string, string[], string[]] => [
          "Conv",
          [i === 0 ? "x" : `c${i - 1}`, `w${i}`],
          [i === 19 ? "y" : `c${i}`],
        ]),
      }),
    );
    slowClock();
    const stop = new AbortController();
    const reason = new Error("enough");
    let turns = 0;
    const wait = setInterval(() => ++turns === 6 && stop.abort(reason), 0);
    await expect(library.loadModel(wide, { signal: stop.signal })).rejects.toBe(reason);
    clearInterval(wait);
  });
});
