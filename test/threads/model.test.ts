/** Models with threads, by the built package: the bits of one thread in methods, and what becomes of threads. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import type * as mainEntry from "../../src/index";
import { describeShared, readShared } from "../shared-folder";

const address = (file: string): string => pathToFileURL(resolve("dist", file)).href;
const library = (await import(address("index.js"))) as typeof mainEntry;
const { Tensor, loadModel } = library;

const petshop = new Uint8Array(readFileSync("models/petshop.onnx"));
const image = await library.decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const opened: mainEntry.Model[] = [];
afterAll(() => {
  for (const model of opened) model.dispose();
});
async function load(bytes: Uint8Array, options: object = {}): Promise<mainEntry.Model> {
  const model = await loadModel(bytes, options);
  opened.push(model);
  return model;
}

const same = (a: mainEntry.Tensor, b: mainEntry.Tensor): boolean =>
  Buffer.compare(
    Buffer.from(a.data.buffer, a.data.byteOffset, a.data.byteLength),
    Buffer.from(b.data.buffer, b.data.byteOffset, b.data.byteLength),
  ) === 0;

const methods = {
  gradCam: {},
  saliency: {},
  guidedBackprop: {},
  deepLift: {},
  lrp: { composite: "epsilonPlus" },
  integratedGradients: { nSteps: 8, batchSize: 4 },
  smoothGrad: { samples: 5 },
  scoreCam: { layer: "relu6" },
  occlusion: { window: 16, stride: 12 },
  fullGrad: {},
} as const;

async function explains(
  one: mainEntry.Model,
  several: mainEntry.Model,
  input: mainEntry.Input,
  names = Object.keys(methods),
) {
  for (const name of names) {
    const explain = library[name as "saliency"];
    const options = methods[name as keyof typeof methods] as object;
    const [expected, found] = [await explain(one, input, options), await explain(several, input, options)];
    expect(same(found.values, expected.values), name).toBe(true);
    expect(found.recipe, name).toEqual(expected.recipe);
    expect(found.notes, name).toEqual(expected.notes);
  }
}

describe("a model with threads", () => {
  it("says how many there are, and gives the bits of one in every family of methods", async () => {
    const one = await load(petshop);
    expect(one.threads).toBe(1);
    for (const threads of [2, 8]) {
      const several = await load(petshop, { threads });
      expect(several.threads).toBe(threads);
      expect(several.notes).toEqual(one.notes);
      await explains(one, several, image);
    }
  });

  it("works in little memory, and within a limit", async () => {
    const one = await load(petshop, { memory: "low" });
    const two = await load(petshop, { memory: "low", threads: 2, maxMemory: 2 ** 26 });
    await explains(one, two, image, ["saliency", "gradCam"]);
    await expect(loadModel(petshop, { threads: 2, maxMemory: 2 ** 20 })).rejects.toThrow(library.MemoryError);
  });

  it("is given up between layers, and computes the next pass", async () => {
    const two = await load(petshop, { threads: 2 });
    const expected = await library.saliency(two, image);
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const call = library.smoothGrad(two, image, { samples: 30, signal: controller.signal });
      setTimeout(() => controller.abort(new Error("enough")), i);
      await expect(call).rejects.toThrow("enough");
      expect(same((await library.saliency(two, image)).values, expected.values)).toBe(true);
    }
  });

  it("is disposed of while it computes", async () => {
    const two = await load(petshop, { threads: 2 });
    const call = library
      .smoothGrad(two, image, { samples: 30, signal: new AbortController().signal })
      .catch((error) => error);
    await new Promise((resolve) => setTimeout(resolve, 10));
    two.dispose();
    expect(await call).toSatisfy((end) => end instanceof library.SeethroughError || "values" in end);
    await expect(two.predict(image)).rejects.toThrow("was disposed");
  });

  it("refuses what is no number of threads", async () => {
    for (const threads of [0, -1, 1.5, 257, "2", Number.NaN]) {
      await expect(loadModel(petshop, { threads: threads as number })).rejects.toThrow(library.OptionError);
    }
    await expect(loadModel(petshop, { threads: 0 })).rejects.toThrow(
      "threads must be a whole number of at least 1, got 0.",
    );
    await expect(loadModel(petshop, { threads: 300 })).rejects.toThrow("threads must be at most 256, got 300.");
  });
});

describe("one thread, and why", () => {
  const noteOf = (model: mainEntry.Model): string =>
    model.notes.find(({ code }) => code === "fewer-threads")?.message ?? "";

  it("where the kernels are a compiled module", async () => {
    const wasm = await WebAssembly.compile(readFileSync("dist/kernels.wasm"));
    const model = await load(petshop, { wasm, threads: 2 });
    expect(model.threads).toBe(1);
    expect(noteOf(model)).toContain("compiled module");
    const { notes } = await library.saliency(model, image);
    expect(notes.map(({ code }) => code)).not.toContain("fewer-threads");
  });

  it("where the script is not found", async () => {
    const model = await load(petshop, { threads: 2, threadScript: new URL("file:///nowhere/kernel-thread.js") });
    expect(model.threads).toBe(1);
    expect(noteOf(model)).toContain("kernel-thread.js");
  });

  it("where there is no memory to share, and where a page is not isolated", async () => {
    const { SharedArrayBuffer: own } = globalThis;
    try {
      // @ts-expect-error a host without
      globalThis.SharedArrayBuffer = undefined;
      expect(noteOf(await load(petshop, { threads: 2 }))).toContain("no memory that threads share");
      Object.assign(globalThis, { crossOriginIsolated: false });
      expect(noteOf(await load(petshop, { threads: 2 }))).toContain("Cross-Origin-Embedder-Policy: require-corp");
    } finally {
      globalThis.SharedArrayBuffer = own;
      delete (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
    }
  });
});

describe("a program", () => {
  const run = (text: string) =>
    promisify(execFile)(process.execPath, ["--input-type=module", "-e", text], { timeout: 60_000 });

  it("ends by itself, disposed of or not", async () => {
    const { stdout } = await run(`
      import { loadModel } from ${JSON.stringify(address("index.js"))};
      const model = await loadModel(undefined, { threads: 3 });
      const { data, width, height } = { data: new Uint8Array(96 * 96 * 3), width: 96, height: 96 };
      await model.predict({ data, width, height });
      console.log(model.threads);
    `);
    expect(stdout.trim()).toBe("3");
  });

  it("goes on where a thread is ended from outside, again and again", async () => {
    const { stdout } = await run(`
      import { createRequire } from "node:module";
      import { setTimeout as sleep } from "node:timers/promises";
      const threads = createRequire(import.meta.url)("node:worker_threads");
      const started = [];
      const { Worker } = threads;
      threads.Worker = class extends Worker {
        constructor(...args) { super(...args); started.push(this); }
      };
      (await import("node:module")).syncBuiltinESMExports();
      const { loadModel, smoothGrad } = await import(${JSON.stringify(address("index.js"))});
      const image = { data: new Uint8Array(96 * 96 * 3).map((_, i) => i * 7), width: 96, height: 96 };
      const one = await loadModel();
      const model = await loadModel(undefined, { threads: 3 });
      const expected = await smoothGrad(one, image, { samples: 4 });
      let equal = 0;
      for (let i = 0; i < 6; i++) {
        const call = smoothGrad(model, image, { samples: 4, signal: new AbortController().signal });
        await sleep(i * 3);
        started[i].terminate();
        const { values } = await call;
        equal += values.data.every((value, k) => value === expected.values.data[k]) ? 1 : 0;
        await sleep(100);
      }
      console.log(equal, started.length, model.threads);
    `);
    expect(stdout.trim()).toBe("6 8 3");
  });
});

describe("a thread that ends in the midst of a part", () => {
  it("is a typed error, and so is every later call; a model that is loaded again has its bits", async () => {
    const folder = await mkdtemp(join(tmpdir(), "seethrough-mortal-"));
    const script = pathToFileURL(join(folder, "mortal.mjs"));
    await writeFile(
      script,
      `const { instantiate } = WebAssembly;
      let calls = 0;
      const mortal = (kernel) => (...args) => (++calls === 40 ? process.exit(3) : kernel(...args));
      WebAssembly.instantiate = async (...given) => {
        const instance = await instantiate(...given);
        const exports = Object.entries(instance.exports);
        return { exports: Object.fromEntries(exports.map(([k, v]) => [k, typeof v === "function" ? mortal(v) : v])) };
      };
      await import(${JSON.stringify(address("kernel-thread.js"))});`,
    );
    const one = await load(petshop);
    const model = await load(petshop, { threads: 2, threadScript: script });
    expect(model.threads).toBe(2);
    const long = () => library.smoothGrad(model, image, { samples: 40, signal: new AbortController().signal });
    const [first, second] = [await long().catch((error) => error), await long().catch((error) => error)];
    for (const error of [first, second]) {
      expect(error).toBeInstanceOf(library.SeethroughError);
      expect(error).not.toBeInstanceOf(library.InternalError);
      expect(String(error)).toMatch(/ended in the midst of its work.*Load the model again/);
    }
    await expect(model.predict(image)).rejects.toThrow("ended in the midst of its work");
    model.dispose();
    await expect(model.predict(image)).rejects.toThrow("was disposed");
    const again = await load(petshop, { threads: 2 });
    await explains(one, again, image, ["saliency", "occlusion"]);
    await rm(folder, { recursive: true });
  });
});

describeShared("threads on real networks", () => {
  it.each(["squeezenet1.0-dc-imagenet", "mobilenet-v2-1.0-224-imagenet"])(
    "give the bits of one in %s",
    async (name) => {
      const bytes = readShared(`models/${name}.onnx`);
      const [one, three] = [await load(bytes), await load(bytes, { threads: 3 })];
      const [, height, width, channels] = one.input.shape;
      const input = new Tensor(
        Float32Array.from({ length: height * width * channels }, (_, i) => Math.sin(i * 12.9898)),
        one.input.shape,
      );
      await explains(one, three, input, ["saliency", "gradCam"]);
      const options = { window: 80, stride: 80 };
      const [expected, found] = [
        await library.occlusion(one, input, options),
        await library.occlusion(three, input, options),
      ];
      expect(same(found.values, expected.values)).toBe(true);
    },
  );
});
