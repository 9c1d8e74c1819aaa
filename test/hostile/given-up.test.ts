/** Work given up at any moment, and functions of the caller's that throw, reject or never answer. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as library from "../../src/index";
import { defaultModel } from "../../src/load-default-model";
import { kernels } from "../../src/load-model";
import { poolInThread } from "../../src/pool/in-thread";
import { otherSeeds } from "../seeded";
import { fingerprint, jobsOf, tryAborts } from "./abort-jobs";
import { random } from "./wild-values";

const { SeethroughError, InternalError, OptionError } = library;

const unhandled: unknown[] = [];
const heard = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", heard));
afterAll(() => void process.off("unhandledRejection", heard));
const turns = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("a call that is given up", () => {
  it("rejects with the signal's reason or has the right bits, at random moments", async () => {
    const { found, aborted, finished } = await tryAborts(100);
    expect(found).toEqual([]);
    expect(aborted).toBeGreaterThan(20);
    expect(finished).toBeGreaterThan(0);
    expect(unhandled).toEqual([]);
  }, 60_000);

  it("is refused before it begins, whatever the function", async () => {
    const { jobs } = await jobsOf();
    const reason = new Error("too late");
    for (const [name, job] of jobs) {
      await expect(job({ signal: AbortSignal.abort(reason) }), name).rejects.toBe(reason);
    }
  });
});

describe("a function onProgress", () => {
  it("that throws or rejects ends the call with its own error", async () => {
    const { jobs, reporting } = await jobsOf();
    for (const name of reporting) {
      const job = jobs.get(name) as NonNullable<ReturnType<typeof jobs.get>>;
      const mistake = new TypeError("of the caller's");
      const throwing = (): never => {
        throw mistake;
      };
      await expect(job({ onProgress: throwing }), name).rejects.toBe(mistake);
      await expect(job({ onProgress: async () => throwing() }), name).rejects.toBe(mistake);
    }
    await turns(20);
    expect(unhandled).toEqual([]);
  });

  it("that never answers holds a call no longer than its signal", async () => {
    const { jobs, reporting } = await jobsOf();
    for (const name of reporting) {
      const stop = new AbortController();
      const reason = new Error("enough");
      setTimeout(() => stop.abort(reason), 5);
      const job = jobs.get(name) as NonNullable<ReturnType<typeof jobs.get>>;
      await expect(job({ signal: stop.signal, onProgress: () => new Promise(() => {}) }), name).rejects.toBe(reason);
    }
  });

  it("that is none is refused", async () => {
    const { jobs, reporting } = await jobsOf();
    for (const name of reporting) {
      const job = jobs.get(name) as NonNullable<ReturnType<typeof jobs.get>>;
      await expect(job({ onProgress: 5 as never }), name).rejects.toBeInstanceOf(OptionError);
    }
  });
});

it("waits for nothing of the caller's beyond the signal: streams, loaders, black boxes, methods, pictures", async () => {
  const { model, input, search, tensor } = await jobsOf();
  const never = (): Promise<never> => new Promise(() => {});
  const stream = { [Symbol.asyncIterator]: () => ({ next: never, return: never }) };
  const waiting: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
    stream: (signal) => library.topActivations(model, stream, { layer: "r2", signal }),
    loader: (signal) => library.topActivations(model, [{ id: "a", image: never }], { layer: "r2", signal }),
    skipped: (signal) =>
      library.topActivations(model, [{ id: "a", image: never }], { layer: "r2", onError: "skip", signal }),
    checkpoint: (signal) =>
      library.topActivations(model, [{ id: "a", image: input }], { layer: "r2", onCheckpoint: never, signal }),
    samples: (signal) => library.unitEffects(model, stream, { layer: "r1", target: 0, signal }),
    blackBox: (signal) => library.rise(never, tensor, { masks: 2, signal }),
    method: (signal) => library.maxSensitivity(model, input, never, { target: 0, signal }),
    pictures: (signal) => library.contactSheet(model, search, never, { signal }),
    page: (signal) => library.unitPage(model, search, never, { unit: 0, signal }),
  };
  for (const [name, call] of Object.entries(waiting)) {
    const stop = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 5);
    await expect(call(stop.signal), name).rejects.toBe(reason);
  }
  await turns(20);
  expect(unhandled).toEqual([]);
});

it("a model disposed of while it works ends in a typed error or the right bits", async () => {
  const ends = { typed: 0, finished: 0 };
  for (let i = 0; i < 30; i++) {
    const below = random(Math.imul(i + 1, 2654435761) + otherSeeds);
    below(7);
    const { jobs, model } = await jobsOf();
    const names = [...jobs.keys()];
    const name = names[below(names.length)];
    const job = jobs.get(name) as NonNullable<ReturnType<typeof jobs.get>>;
    const expected = fingerprint(await job({}));
    const running = job({ onProgress: () => (below(3) === 0 ? model.dispose() : undefined) });
    if (below(2) === 0) queueMicrotask(() => model.dispose());
    try {
      expect(fingerprint(await running), name).toBe(expected);
      ends.finished++;
    } catch (error) {
      ends.typed++;
      expect(error, `${name}: ${error instanceof Error ? error.stack : error}`).toBeInstanceOf(SeethroughError);
      expect(error, name).not.toBeInstanceOf(InternalError);
    }
  }
  expect(ends.typed).toBeGreaterThan(0);
  expect(unhandled).toEqual([]);
}, 120_000);

it("a pool in the caller's thread does the same", async () => {
  const { file, input } = await jobsOf();
  const pool = await poolInThread({ kernels, defaultModel }, {});
  const model = await pool.loadModel(file);
  const options = { target: 1, masks: 40, batchSize: 1 };
  const expected = fingerprint(await pool.rise(model, input, options));
  const reason = new Error("enough");
  const stop = new AbortController();
  let told = 0;
  const onProgress = (): Promise<void> => {
    if (++told === 3) setTimeout(() => stop.abort(reason), 1);
    return told < 3 ? Promise.resolve() : new Promise(() => {});
  };
  await expect(pool.rise(model, input, { ...options, onProgress, signal: stop.signal })).rejects.toBe(reason);
  const mistake = new Error("of the caller's");
  await expect(pool.rise(model, input, { ...options, onProgress: () => Promise.reject(mistake) })).rejects.toBe(
    mistake,
  );
  await expect(pool.rise(model, input, { signal: "now" as never })).rejects.toBeInstanceOf(OptionError);
  // The place of the call that was given up is free again.
  expect(fingerprint(await pool.rise(model, input, options))).toBe(expected);
  const running = pool.rise(model, input, options);
  pool.dispose();
  await expect(running).rejects.toThrow(/The pool was disposed/);
  await turns(20);
  expect(unhandled).toEqual([]);
});
