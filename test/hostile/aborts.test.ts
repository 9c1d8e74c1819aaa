/** Thousands of calls given up at random moments, and workers that end in the midst of their work. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type * as mainEntry from "../../src/index";
import { rise } from "../../src/index";
import type * as poolEntry from "../../src/pool";
import { caseOf } from "../seeded";
import { fingerprint, jobsOf, tryAborts } from "./abort-jobs";
import { randomOf } from "./wild-values";

// The built files: a worker is a file of its own.
const address = (file: string): string => pathToFileURL(resolve("dist", file)).href;
const library = (await import(address("index.js"))) as typeof mainEntry;
const { createPool } = (await import(address("pool.js"))) as typeof poolEntry;

const unhandled: unknown[] = [];
const heard = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", heard));
afterAll(() => void process.off("unhandledRejection", heard));
const turns = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

it("10,000 calls given up at random moments reject with the signal's reason or have the right bits", async () => {
  const { found, aborted, finished } = await tryAborts(10_000);
  await turns(20);
  console.log(`10,000 aborts: ${aborted} rejected, ${finished} had finished before; ${unhandled.length} unhandled`);
  expect(found).toEqual([]);
  expect(unhandled).toEqual([]);
  expect(aborted).toBeGreaterThan(2500);
  expect(finished).toBeGreaterThan(0);
}, 900_000);

it("answers that nobody waits for any more are given up, and lose nothing", async () => {
  const { model, input } = await jobsOf();
  const options = { target: 1, masks: 60, batchSize: 2 };
  const expected = fingerprint((await rise(model, input, options)).values);
  for (let i = 0; i < 200; i++) {
    const below = randomOf(i);
    const stop = new AbortController();
    const reason = new Error(`given up, ${caseOf(i)}`);
    const most = below(4);
    let answers = 0;
    try {
      for await (const answer of rise(model, input, { ...options, signal: stop.signal })) {
        expect(answer.values.data.every(Number.isFinite), caseOf(i)).toBe(true);
        if (answers++ < most) continue;
        if (below(2) === 0) break;
        stop.abort(reason);
      }
    } catch (error) {
      expect(error, caseOf(i)).toBe(reason);
    }
    if (i % 20 === 0) expect(fingerprint((await rise(model, input, options)).values), caseOf(i)).toBe(expected);
  }
  await turns(20);
  expect(unhandled).toEqual([]);
}, 120_000);

it("calls of a model with threads that are given up at random moments have the bits of one thread, or its signal's reason", async () => {
  const { file, input } = await jobsOf();
  const expected = await expectedBits(file, input);
  const model = await library.loadModel(file, { threads: 2 });
  expect(model.threads).toBe(2);
  let aborted = 0;
  for (let i = 0; i < 400; i++) {
    const below = randomOf(i);
    const [name, options] = calls[below(calls.length)];
    const stop = new AbortController();
    const reason = new Error(`given up, ${caseOf(i)}`);
    setTimeout(() => stop.abort(reason), below(20));
    try {
      const result = await (Reflect.get(library, name) as Explaining)(model, input, {
        ...options,
        signal: stop.signal,
      });
      expect(fingerprint(result), `${caseOf(i)}: ${name}`).toBe(expected.get(name));
    } catch (error) {
      aborted++;
      expect(error, `${caseOf(i)}: ${name}`).toBe(reason);
    }
  }
  for (const [name, options] of calls) {
    const after = await (Reflect.get(library, name) as Explaining)(model, input, options);
    expect(fingerprint(after), name).toBe(expected.get(name));
  }
  model.dispose();
  await turns(50);
  expect(aborted).toBeGreaterThan(50);
  expect(unhandled).toEqual([]);
}, 300_000);

type Pool = Awaited<ReturnType<typeof createPool>>;
type Explaining = (model: mainEntry.Model, input: mainEntry.ImageLike, options: object) => Promise<object>;
const calls: readonly (readonly [keyof Pool & string, object])[] = [
  ["gradCam", { target: 1 }],
  ["saliency", { target: 2 }],
  ["rise", { target: 1, masks: 3000, batchSize: 4 }],
  ["occlusion", { target: 0, window: 3, stride: 1 }],
  ["smoothGrad", { target: 1, samples: 400 }],
  ["scoreCam", { target: 1 }],
];

/** The bits of every call, by one instance. */
async function expectedBits(file: Uint8Array, input: mainEntry.ImageLike): Promise<ReadonlyMap<string, string>> {
  const model = await library.loadModel(file);
  const bits = new Map<string, string>();
  for (const [name, options] of calls) {
    bits.set(name, fingerprint(await (Reflect.get(library, name) as Explaining)(model, input, options)));
  }
  return bits;
}

describe("a pool", () => {
  it("600 calls of which are given up at random moments keeps its places and its bits", async () => {
    const { file, input } = await jobsOf();
    const expected = await expectedBits(file, input);
    const pool = await createPool({ size: 2 });
    const model = await pool.loadModel(file);
    const found: string[] = [];
    let aborted = 0;
    const one = async (i: number): Promise<void> => {
      const below = randomOf(i);
      const [name, options] = calls[below(calls.length)];
      const stop = new AbortController();
      const reason = new Error(`given up, ${caseOf(i)}`);
      setTimeout(() => stop.abort(reason), below(60));
      const onProgress = below(3) === 0 ? () => (below(4) === 0 ? new Promise(() => {}) : undefined) : undefined;
      try {
        const watched = { ...options, signal: stop.signal, ...(onProgress && { onProgress }) };
        const result = await (pool[name] as Explaining)(model, input, watched);
        if (fingerprint(result) !== expected.get(name)) found.push(`${caseOf(i)}: ${name} has other bits`);
      } catch (error) {
        aborted++;
        if (error !== reason) found.push(`${caseOf(i)}: ${name}: ${error}`);
      }
    };
    for (let i = 0; i < 600; i += 6) await Promise.all(Array.from({ length: 6 }, (_, k) => one(i + k)));
    for (const [name, options] of calls) {
      const after = await (pool[name] as Explaining)(model, input, options);
      if (fingerprint(after) !== expected.get(name)) found.push(`${name} has other bits after all of them`);
    }
    pool.dispose();
    await turns(50);
    expect(found.slice(0, 5)).toEqual([]);
    expect(aborted).toBeGreaterThan(50);
    expect(unhandled).toEqual([]);
  }, 300_000);

  it("whose workers end at random moments says so by a typed error, and loses nothing that is asked for again", async () => {
    const { file, input } = await jobsOf();
    const expected = await expectedBits(file, input);
    const folder = await mkdtemp(join(tmpdir(), "seethrough-mortal-"));
    const script = pathToFileURL(join(folder, "mortal.mjs"));
    await writeFile(
      script,
      `import { parentPort } from "node:worker_threads";
      await import(${JSON.stringify(address("pool-worker.js"))});
      const life = 60 + Math.random() * 600;
      const end = () => (Math.random() < 0.5 ? process.exit(7) : setTimeout(() => { throw new Error("struck"); }));
      while (parentPort.listenerCount("message") === 0) await new Promise(setImmediate);
      let seen = 0;
      parentPort.on("message", () => { if (++seen === 3) setTimeout(end, life); });`,
    );
    const pool = await createPool({ size: 2, worker: script });
    let deaths = 0;
    const insist = async <T>(work: () => Promise<T>): Promise<T> => {
      for (let tries = 0; tries < 50; tries++) {
        try {
          return await work();
        } catch (error) {
          expect(error, String(error)).toBeInstanceOf(library.SeethroughError);
          expect(String(error)).toMatch(/A worker of the pool ended before its call did/);
          deaths++;
        }
      }
      return expect.fail("50 workers died of one call");
    };
    const model = await insist(() => pool.loadModel(file));
    const one = async (i: number): Promise<void> => {
      const [name, options] = calls[i % calls.length];
      const result = await insist(() => (pool[name] as Explaining)(model, input, options));
      expect(fingerprint(result), name).toBe(expected.get(name));
    };
    for (let i = 0; i < 90; i += 6) await Promise.all(Array.from({ length: 6 }, (_, k) => one(i + k)));
    console.log(`90 calls finished with their bits; ${deaths} were tried again after a worker's end`);
    pool.dispose();
    await rm(folder, { recursive: true });
    await turns(50);
    expect(deaths).toBeGreaterThan(3);
    expect(unhandled).toEqual([]);
  }, 300_000);

  it("disposed of at random moments, its models too, ends what runs by a typed error", async () => {
    const { file, input } = await jobsOf();
    const expected = await expectedBits(file, input);
    for (let i = 0; i < 12; i++) {
      const pool = await createPool({ size: 2 });
      const model = await pool.loadModel(file);
      const running = calls.map(async ([name, options]) => {
        try {
          expect(fingerprint(await (pool[name] as Explaining)(model, input, options)), name).toBe(expected.get(name));
        } catch (error) {
          expect(error, String(error)).toBeInstanceOf(library.SeethroughError);
          expect(String(error)).toMatch(/disposed/);
        }
      });
      setTimeout(() => (i % 3 === 0 ? model : pool).dispose(), i * 5);
      await Promise.all(running);
      pool.dispose();
    }
    await turns(50);
    expect(unhandled).toEqual([]);
  }, 120_000);
});
