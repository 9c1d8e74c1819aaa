import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type * as mainEntry from "../../src/index";
import { defaultModel } from "../../src/load-default-model";
import { kernels } from "../../src/load-model";
import { methodTable } from "../../src/methods/table";
import { writeOnnx } from "../../src/onnx/writer";
import type * as poolEntry from "../../src/pool";
import { poolOf } from "../../src/pool/create-pool";
import { explainerNames } from "../../src/pool/explainers";
import { poolInThread } from "../../src/pool/in-thread";
import { createService } from "../../src/pool/service";
import { sameThread } from "../../src/pool/thread";
import { yoloV8 } from "../detect/networks";
import { hostFuses } from "../fused/host";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";
import { transformer } from "../graph/transformer";
import { knownOptions } from "../known-options";

// The built files: a worker is a file of its own.
const address = (file: string): string => pathToFileURL(resolve("dist", file)).href;
const library = (await import(address("index.js"))) as typeof mainEntry;
const { createPool } = (await import(address("pool.js"))) as typeof poolEntry;

type Pool = Awaited<ReturnType<typeof createPool>>;
const image = await library.decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
const bytes = new Uint8Array(readFileSync("models/petshop.onnx"));
const options = {
  target: "dog",
  layer: "relu6",
  nSteps: 5,
  window: [20, 17],
  stride: [9, 11],
  masks: 50,
  samples: 60,
} as const;

const optionsFor = (name: string): typeof options =>
  (name === "explain"
    ? options
    : ["projectActivation", "concepts"].includes(name)
      ? { layer: options.layer }
      : knownOptions(name, options)) as typeof options;

let pool: Pool;
let pooled: mainEntry.Model;
let model: mainEntry.Model;
beforeAll(async () => {
  pool = await createPool({ size: 3 });
  pooled = await pool.loadModel(bytes);
  model = await library.loadModel(bytes);
});
afterAll(() => pool.dispose());

type Explaining = (model: mainEntry.Model, input: mainEntry.ImageLike, options: object) => Promise<object>;

/** Everything of a result but the class of its tensors, which is checked apart. */
const same = (found: object, expected: object): void => expect(found).toEqual(expected);
const caught = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => expect.fail("the call should have failed"),
    (error: unknown) => error,
  );

describe("a pool gives the results of one instance", () => {
  // The network here is no detector, and has no attention.
  const ofDetectors = ["detect", "dRise", "classProbabilityMap"];
  const none = ["attentionRollout", "attentionRelevance", "attentionMaps"];
  for (const name of explainerNames.filter((each) => !ofDetectors.includes(each))) {
    it(name, async () => {
      if (none.includes(name)) {
        const [found, expected] = await Promise.all([
          caught((pool[name] as Explaining)(pooled, image, {})),
          caught((library[name] as Explaining)(model, image, {})),
        ]);
        expect(expected).toBeInstanceOf(library.LayerError);
        expect(String(found)).toBe(String(expected));
        return;
      }
      const [found, expected] = await Promise.all([
        (pool[name] as Explaining)(pooled, image, optionsFor(name)),
        (library[name] as Explaining)(model, image, optionsFor(name)),
      ]);
      same(found, expected);
    });
  }

  it("attention: its maps, and methods that follow it, by name too", async () => {
    const file = writeOnnx(transformer({ grid: [3, 3], inFront: 1, blocks: ["all", "all"], head: "first" }));
    const [there, here] = await Promise.all([pool.loadModel(file), library.loadModel(file)]);
    for (const name of none) {
      const options = name === "attentionMaps" ? { head: [1] } : { target: 2 };
      same(
        await (pool[name as "attentionMaps"] as Explaining)(there, image, options),
        await (library[name as "attentionMaps"] as Explaining)(here, image, options),
      );
    }
    same(
      await pool.explain(there, image, { method: "attention-relevance", target: 2 }),
      await library.attentionRelevance(here, image, { target: 2 }),
    );
    const [map] = await pool.attentionMaps(there, image, { head: "mean" });
    expect(await map.toDataURL(image)).toMatch(/^data:image\/png;base64,/);
    there.dispose();
  });

  it("detect, and a detection as a target", async () => {
    const file = yoloV8(0);
    const [there, here] = await Promise.all([pool.loadModel(file), library.loadModel(file)]);
    const found = await pool.detect(there, image, { threshold: 0 });
    expect(found).toEqual(await library.detect(here, image, { threshold: 0 }));
    const [detection] = found;
    same(
      await pool.saliency(there, image, { target: { detection, of: "top" } }),
      await library.saliency(here, image, { target: { detection, of: "top" } }),
    );
    const map = { target: 1 };
    same(await pool.classProbabilityMap(there, image, map), await library.classProbabilityMap(here, image, map));
    const few = { detection, masks: 9, grid: 3, seed: 2 };
    same(await pool.dRise(there, image, few), await library.dRise(here, image, few));
    same(await pool.explain(there, image, { method: "d-rise", ...few }), await library.dRise(here, image, few));
    there.dispose();
  });

  it("the model itself", async () => {
    for (const key of ["name", "labels", "input", "output", "layers"] as const) expect(pooled[key]).toEqual(model[key]);
    expect(await pooled.predict(image, { top: 8 })).toEqual(await model.predict(image, { top: 8 }));
    const capture = { capture: ["relu4"], intervene: [{ layer: "relu3", units: 2 }] };
    const found = await pooled.run(image, capture);
    same(found, await model.run(image, capture));
    expect(found.activations.get("relu4")).toBeInstanceOf(library.Tensor);
  });

  it("tensors, and other options of loading", async () => {
    const data = Float32Array.from({ length: 96 * 96 * 3 }, (_, i) => Math.sin(i));
    const tensor = new library.Tensor(data, [1, 96, 96, 3]);
    const load = { memory: "low", labels: [..."abcdefgh"], wasm: resolve("dist/kernels.wasm") } as const;
    const low = await pool.loadModel(resolve("models/petshop.onnx"), load);
    const own = await library.loadModel(resolve("models/petshop.onnx"), load);
    const found = await pool.integratedGradients(low, tensor, { target: "c", baseline: tensor, nSteps: 3 });
    same(found, await library.integratedGradients(own, tensor, { target: "c", baseline: tensor, nSteps: 3 }));
    expect(found.values).toBeInstanceOf(library.Tensor);
    // The caller's memory is still his.
    expect(tensor.data).toHaveLength(96 * 96 * 3);
    low.dispose();
    expect(String(await caught(pool.gradCam(low, tensor)))).toBe(
      'SeethroughError: The model "petshop.onnx" was disposed; load it again.',
    );
  });

  it("arithmetic: what the host has, in every thread", async () => {
    const load = { arithmetic: "fastest" } as const;
    const [there, here] = [await pool.loadModel(bytes, load), await library.loadModel(bytes, load)];
    expect([there.arithmetic, here.arithmetic]).toEqual(Array(2).fill(hostFuses ? "fused" : "plain"));
    expect(there.notes).toEqual(here.notes);
    same(await pool.saliency(there, image), await library.saliency(here, image));
    const patches = { window: options.window, stride: options.stride };
    same(await pool.occlusion(there, image, patches), await library.occlusion(here, image, patches));
    const both = { plain: resolve("dist/kernels.wasm"), fused: pathToFileURL(resolve("dist/kernels-fused.wasm")) };
    const named = await pool.loadModel(bytes, { ...load, wasm: both });
    same(await pool.saliency(named, image), await library.saliency(here, image));
    if (!hostFuses)
      expect(await caught(pool.loadModel(bytes, { arithmetic: "fused" }))).toBeInstanceOf(
        library.UnsupportedRuntimeError,
      );
  });

  it("many images at once", async () => {
    const images = Array.from({ length: 7 }, (_, i) =>
      library.cropImage(image, { x: i, y: 2 * i, width: 60, height: 50 }),
    );
    const found = await Promise.all(images.map((one) => pool.occlusion(pooled, one)));
    for (const [i, one] of images.entries()) same(found[i], await library.occlusion(model, one));
  });

  for (const method of ["smooth-grad", "integrated-gradients", "score-cam"] as const) {
    it(`${method} by way of explain`, async () => {
      const few = { method, samples: 7, nSteps: 7, batchSize: 2, seed: 3 } as const;
      same(await pool.explain(pooled, image, few), await library.explain(model, image, few));
    });
  }

  it("occlusion divided among more instances than it has positions", async () => {
    const window = { window: [96, 60], stride: [96, 60] } as const;
    const found = await pool.explain(pooled, image, { method: "occlusion", ...window });
    same(found, await library.occlusion(model, image, window));
  });
});

describe("a call of a pool", () => {
  it("fails with the library's own error", async () => {
    const error = await caught(pool.gradCam(pooled, image, { target: "dogg" }));
    expect(error).toBeInstanceOf(library.TargetError);
    expect(String(error)).toBe(String(await caught(library.gradCam(model, image, { target: "dogg" }))));
    expect(await caught(pool.occlusion(pooled, image, { batchSize: 0 }))).toBeInstanceOf(library.OptionError);
    const [memory, expected] = await Promise.all(
      [pool, library].map(({ loadModel }) => caught(loadModel(bytes, { maxMemory: 100_000 }))),
    );
    expect(memory).toBeInstanceOf(library.MemoryError);
    const { needed, available } = expected as mainEntry.MemoryError;
    expect(memory).toMatchObject({ needed, available, name: "MemoryError", message: (expected as Error).message });
    expect(await caught(pool.loadModel("missing.onnx"))).toBeInstanceOf(library.ModelError);
  });

  it("refuses the same names of methods as the library", async () => {
    for (const method of ["scoreCam", "Occlusion", ["rise"], 3, null]) {
      const wrong = { method } as unknown as mainEntry.MethodOptions;
      const [found, expected] = await Promise.all([
        caught(pool.explain(pooled, image, wrong)),
        caught(library.explain(model, image, wrong)),
      ]);
      expect(String(found)).toBe(String(expected));
    }
  });

  it("says what cannot reach another thread, and the way out", async () => {
    expect(String(await caught(pool.occlusion(async () => new Float32Array(1), image)))).toMatch(
      /^OptionError: occlusion of a pool takes a model of its loadModel\. A black box is a function.*call occlusion\(blackBox, …\)/,
    );
    expect(String(await caught(pool.saliency(model, image)))).toMatch(/const model = await pool\.loadModel\(source\)/);
    const value = { mask: () => 1 } as unknown as mainEntry.Target;
    expect(String(await caught(pool.saliency(pooled, image, { target: value })))).toMatch(
      /^OptionError: options\.target\.mask is a function/,
    );
  });

  it("reports progress to the end, divided or not", async () => {
    for (const method of ["occlusion", "integrated-gradients"] as const) {
      const reports: (readonly [number, number])[] = [];
      const onProgress = (done: number, total: number): number => reports.push([done, total]);
      await pool.explain(pooled, image, { method, nSteps: 20, onProgress });
      const [, total] = reports[0];
      expect(reports.at(-1)).toEqual([total, total]);
      expect(reports).toEqual([...reports].sort(([a], [b]) => a - b));
      expect(reports.length).toBeGreaterThan(2);
    }
  });

  it("stops by its signal with the signal's reason, whether it runs or waits, and the pool stays usable", async () => {
    const reason = new Error("the user went on");
    const controller = new AbortController();
    const signal = controller.signal;
    const fine = { window: [4, 4], stride: [1, 1] } as const;
    let reports = 0;
    const onProgress = (): void => {
      reports += 1;
      controller.abort(reason);
    };
    const calls = [
      pool.occlusion(pooled, image, { ...fine, signal, onProgress }),
      ...Array.from({ length: 5 }, () => pool.occlusion(pooled, image, { ...fine, signal })),
    ];
    for (const call of calls) expect(await caught(call)).toBe(reason);
    expect(reports).toBe(1);
    expect(await caught(pool.gradCam(pooled, image, { signal }))).toBe(reason);
    same(await pool.saliency(pooled, image), await library.saliency(model, image));
  });

  it("fails with what onProgress throws", async () => {
    const mistake = new TypeError("no such bar");
    const onProgress = (): never => {
      throw mistake;
    };
    expect(await caught(pool.occlusion(pooled, image, { onProgress }))).toBe(mistake);
    expect(await caught(pool.integratedGradients(pooled, image, { onProgress, nSteps: 20 }))).toBe(mistake);
  });
});

describe("a pooled explanation that is iterated over", () => {
  it("hands out the answers on the way, and at last that of the plain call", async () => {
    const answers: mainEntry.Attribution[] = [];
    for await (const answer of pool.rise(pooled, image, { masks: 200, batchSize: 4 })) answers.push(answer);
    const plain = await library.rise(model, image, { masks: 200 });
    const last = answers[answers.length - 1];
    expect(last.values.data).toEqual(plain.values.data);
    expect(answers.length).toBeGreaterThan(1);
    expect(answers[0].refinement?.total).toBe(200);
    expect(answers[0].values).toBeInstanceOf(library.Tensor);
    expect(answers[0].toDataURL).toBeTypeOf("function");
  });

  it("ends where the loop is left, and the pool stays usable", async () => {
    const running = pool.explain(pooled, image, { method: "rise", masks: 100_000 });
    for await (const { refinement } of running) if (refinement) break;
    expect((await running).refinement?.total).toBe(100_000);
    expect((await pool.saliency(pooled, image)).method).toBe("saliency");
  });

  it("keeps a budget", async () => {
    const found = await pool.rise(pooled, image, { masks: 100_000, budget: { passes: 24 } });
    expect(found.refinement?.done).toBe(24);
    const alone = await library.rise(model, image, { masks: 100_000, budget: { passes: 24 } });
    expect(found.values.data).toEqual(alone.values.data);
  });
});

describe("a divided call", () => {
  it("explains the input as it was handed in, whatever the caller does with the memory then", async () => {
    const mine = { ...image, data: image.data.slice() };
    const found = pool.occlusion(pooled, mine, { target: "cat" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    mine.data.fill(0);
    same(await found, await library.occlusion(model, image, { target: "cat" }));
    const waiting = Array.from({ length: 6 }, () => pool.gradCam(pooled, mine, { target: "cat" }));
    mine.data.set(image.data);
    const black = { ...image, data: new Uint8Array(image.data.length) };
    const expected = await library.gradCam(model, black, { target: "cat" });
    for (const one of await Promise.all(waiting)) same(one, expected);
  });

  it("is finished before what was asked for later", async () => {
    const ended: number[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        await pool.occlusion(pooled, image, { window: [30, 30] });
        ended.push(i);
      }),
    );
    expect(ended.indexOf(0)).toBeLessThan(6);
  });

  it("names itself where an argument cannot reach the others", async () => {
    const baseline = Promise.resolve() as unknown as mainEntry.Baseline;
    expect(String(await caught(pool.lime(pooled, image, { baseline })))).toMatch(
      /^OptionError: An argument of lime cannot reach the pool's other threads/,
    );
  });
});

describe("the life of a pool", () => {
  it("ends with dispose: what runs, waits or comes later rejects", async () => {
    const short = await createPool({ size: 1 });
    const own = await short.loadModel(bytes);
    const calls = [1, 2, 3].map(() => caught(short.occlusion(own, image)));
    short[Symbol.dispose]();
    for (const call of calls) expect(String(await call)).toMatch(/^SeethroughError: The pool was disposed/);
    expect(String(await caught(short.loadModel(bytes)))).toMatch(/The pool was disposed.*Create another pool\.$/);
    await short[Symbol.asyncDispose]();
  });

  it("goes on after a worker's death, with a fresh one", async () => {
    const folder = await mkdtemp(join(tmpdir(), "seethrough-pool-"));
    const script = pathToFileURL(join(folder, "mortal.mjs"));
    writeFileSync(
      script,
      `import { parentPort } from "node:worker_threads";
      await import(${JSON.stringify(address("pool-worker.js"))});
      while (parentPort.listenerCount("message") === 0) await new Promise(setImmediate);
      parentPort.on("message", (message) => JSON.stringify(message).includes('"target":3') && process.exit(7));`,
    );
    const mortal = await createPool({ size: 1, worker: script });
    const own = await mortal.loadModel(bytes);
    const [dying, waiting] = [mortal.gradCam(own, image, { target: 3 }), mortal.gradCam(own, image, { target: 2 })];
    expect(String(await caught(dying))).toMatch(
      /^SeethroughError: A worker of the pool ended before its call did \(exit code 7\)\. The next call starts a fresh one/,
    );
    same(await waiting, await library.gradCam(model, image, { target: 2 }));
    mortal.dispose();
    await rm(folder, { recursive: true });
  });

  it("begins in a program that Node was given as text, whose flags are not for workers", () => {
    const text = `import { createPool } from ${JSON.stringify(address("pool.js"))};
      const pool = await createPool({ size: 2 });
      console.log(pool.size);
      pool.dispose();`;
    expect(execFileSync("node", ["--input-type=module", "-e", text], { encoding: "utf8" })).toBe("2\n");
  });

  it("says why it cannot begin", async () => {
    expect(String(await caught(createPool({ size: 0 })))).toBe(
      "OptionError: size is the pool's number of instances, a whole number from 1 to 256; got 0.",
    );
    const error = await caught(createPool({ size: 1, worker: new URL("missing.mjs", import.meta.url) }));
    expect(error).toBeInstanceOf(library.UnsupportedRuntimeError);
    expect(String(error)).toMatch(/missing\.mjs could not start: .*worker-src/s);
  });

  it("does not wait for ever for a script that is another one", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const silent = new URL("data:text/javascript,setInterval(() => {}, 1000)");
      const error = caught(createPool({ size: 1, worker: silent }));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(String(await error)).toMatch(
        /could not start: it has not answered for 60 seconds, so it may be another script/,
      );
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("what divides its passes", () => {
  /** Two instances in this thread, and what each was asked to do. */
  async function twoInstances() {
    const asked: string[][] = [[], []];
    const threads = asked.map((names) => {
      const service = createService({ kernels, defaultModel });
      const call: typeof service.call = (id, model, name, ...rest) => {
        names.push(name);
        return service.call(id, model, name, ...rest);
      };
      return sameThread({ ...service, call });
    });
    const both = poolOf(threads, async () => expect.fail("none of them ended"));
    return { both, asked, own: await both.loadModel(bytes) };
  }
  const several = { target: "dog", masks: 20, samples: 12, nSteps: 6, layer: "relu6", window: [40, 40] } as const;

  for (const name of methodTable.flatMap((facts) => ("divided" in facts ? facts.call : []))) {
    it(name, async () => {
      const few = knownOptions(name, several);
      const { both, asked, own } = await twoInstances();
      const found = await (both[name] as Explaining)(own, image, few);
      expect(asked.map(([first]) => first)).toEqual(["makePart", "makePart"]);
      expect(asked.flatMap(([, ...later]) => later)).toEqual(["joinParts"]);
      same(found, await (library[name] as Explaining)(model, image, few));
      both.dispose();
    });
  }

  it("stays in one instance where its gradients would fill the memory of one", async () => {
    const { both, asked } = await twoInstances();
    const wide = writeOnnx(
      graphOf({
        inputs: { x: [1, 1, 256, 256] },
        constants: { w: randomFloats(randomIntegers(1), [64, 1, 1, 1]) },
        nodes: [
          ["Conv", ["x", "w"], ["maps"]],
          ["GlobalAveragePool", ["maps"], ["means"]],
          ["Flatten", ["means"], ["y"]],
        ],
      }),
    );
    const gray = { width: 256, height: 256, data: Uint8Array.from({ length: 65536 }, (_, i) => i) };
    const many = { target: 3, layer: "maps", nSteps: 17 };
    const { values } = await both.integratedGradients(await both.loadModel(wide), gray, many);
    expect(asked.map(([first]) => first)).toEqual(["makePart", "makePart"]);
    expect(asked.flatMap(([, ...later]) => later)).toEqual(["integratedGradients"]);
    const alone = await library.integratedGradients(await library.loadModel(wide), gray, many);
    expect(values.shape).toEqual(alone.values.shape);
    // Millions of numbers, of which a matcher would compare one after the other.
    const bitsOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
      Buffer.from(buffer, byteOffset, byteLength);
    expect(bitsOf(values.data).equals(bitsOf(alone.values.data))).toBe(true);
    both.dispose();
  });
});

it("where there are no workers, one instance in the same thread does the same", async () => {
  const single = await poolInThread({ kernels, defaultModel }, { size: 4 });
  expect(single.size).toBe(1);
  const own = await single.loadModel(bytes);
  for (const method of ["grad-cam", "occlusion"] as const) {
    const [found, expected] = await Promise.all([
      single.explain(own, image, { method }),
      library.explain(model, image, { method }),
    ]);
    expect(found.values.data).toEqual(expected.values.data);
    expect(found.recipe).toEqual(expected.recipe);
  }
  expect(String(await caught(single.gradCam(own, image, { target: "dogg" })))).toMatch(
    /^TargetError: .*Did you mean "dog"/,
  );
  const call = caught(single.occlusion(own, image));
  single.dispose();
  expect(String(await call)).toMatch(/The pool was disposed/);
});
