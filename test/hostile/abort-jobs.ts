/** Every function of the library that takes a signal, on a network whose passes take a millisecond. */

import { createHash } from "node:crypto";
import * as library from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { transformer } from "../graph/transformer";
import { caseOf } from "../seeded";
import { boxes, classifier } from "./small-networks";
import { randomOf } from "./wild-values";

export interface Watch {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => unknown;
}
export type Job = (watch: Watch) => Promise<unknown>;

const few: Readonly<Record<string, object>> = {
  rise: { masks: 12, batchSize: 2 },
  lime: { samples: 12, batchSize: 3 },
  kernelShap: { samples: 12, batchSize: 3 },
  smoothGrad: { samples: 4 },
  gradientShap: { samples: 4 },
  integratedGradients: { nSteps: 6 },
  occlusion: { window: 4, stride: 4, batchSize: 1 },
  scoreCam: { batchSize: 1 },
  ablationCam: { batchSize: 1 },
};

export async function jobsOf() {
  const input = { width: 12, height: 12, data: Uint8Array.from({ length: 432 }, (_, i) => (i * 7) % 256) };
  const model = await library.loadModel(classifier, { labels: ["a", "b", "c"] });
  const tensor = new library.Tensor(
    Float32Array.from({ length: 432 }, (_, i) => (i % 17) / 17),
    [1, 12, 12, 3],
  );
  const picture = await library.encodePng(input);
  const detector = await library.loadModel(boxes);
  const head = { boxes: "y", decode: "corners", objectness: 4, activation: "sigmoid" } as const;
  const maps = new library.Tensor(
    new Float32Array(576).map((_, i) => (i % 7) - 3),
    [1, 12, 12, 4],
  );
  const images = [0, 1, 2, 3, 4, 5].map((i) => ({ id: String(i), image: input }));
  const whole = await library.saliency(model, input, { target: 1 });
  const search = await library.topActivations(model, images, { layer: "r2", top: 2 });
  const own: library.AttributionMethod = (m, x, o) => library.saliency(m, x, o);
  const jobs = new Map<string, Job>();
  const add = (name: string, call: (options: never) => Promise<unknown>, options: object = {}): void => {
    jobs.set(name, (watch) => call({ ...options, ...watch } as never));
  };
  const attentive = await library.loadModel(
    writeOnnx(transformer({ grid: [6, 6], inFront: 1, blocks: ["all", "all"], head: "first" })),
  );
  for (const { call, needs } of library.methodTable) {
    const explained = needs.some((need) => need === "attention") ? attentive : model;
    const method = Reflect.get(library, call) as (model: unknown, input: unknown, options: object) => Promise<unknown>;
    const extra = call === "deepLiftShap" ? { baselines: [tensor, whole.values] } : few[call];
    add(call, (options) => method(explained, input, options), { target: 1, ...extra });
  }
  add("explain", (options) => library.explain(model, input, options), { method: "rise", masks: 6, batchSize: 1 });
  add("noiseTunnel", (options) => library.noiseTunnel(own, { samples: 3 })(model, input, options), { target: 1 });
  add("projectActivation", (options) => library.projectActivation(model, input, options), { layer: "r1" });
  add("topActivations", (options) => library.topActivations(model, images, options), { layer: "r2", batchSize: 1 });
  add("maximizeActivation", async (options) => library.maximizeActivation(model, options), {
    target: { layer: "r1", unit: 0 },
    steps: 4,
  });
  add("deletionInsertion", (options) => library.deletionInsertion(model, input, whole, options), { step: 24 });
  add("infidelity", (options) => library.infidelity(model, input, whole, options), { samples: 6, batchSize: 1 });
  add("road", (options) => library.road(model, input, whole, options), { percentiles: [30, 70], batchSize: 1 });
  add("averageDrop", (options) => library.averageDrop(model, input, whole, options), { measure: "probability" });
  add("increaseInConfidence", (options) => library.increaseInConfidence(model, input, whole, options));
  add("adcc", (options) => library.adcc(model, input, own, options), { measure: "probability" });
  add("maxSensitivity", (options) => library.maxSensitivity(model, input, own, options), { samples: 3 });
  add("randomLogitTest", (options) => library.randomLogitTest(model, input, own, options));
  add("randomizationTest", (options) => library.randomizationTest(model, input, own, options), { trials: 1 });
  add("deconvolution", (options) => library.deconvolution(model, maps, options), { layer: "c1" });
  add("dissect", (options) => library.dissect(model, [input, input], options), {
    layer: "r1",
    region: new Uint8Array(144).fill(1),
  });
  add("unitEffects", (options) => library.unitEffects(model, [input, input], options), { layer: "r1", batchSize: 1 });
  jobs.set("predict", ({ signal }) => model.predict(input, { signal }));
  jobs.set("run", ({ signal }) => model.run(input, { capture: ["r1"], signal }));
  jobs.set("loadModel", async ({ signal }) => (await library.loadModel(classifier, { signal })).layers);
  jobs.set("decodeImage", ({ signal }) => library.decodeImage(picture, { signal }));
  jobs.set("detect", ({ signal }) => library.detect(detector, input, { head, threshold: 0, signal }));
  const sheet = { tile: 16, unit: 0 };
  jobs.set("contactSheet", ({ signal }) => library.contactSheet(model, search, () => input, { ...sheet, signal }));
  jobs.set("unitPage", ({ signal }) => library.unitPage(model, search, () => input, { ...sheet, signal }));
  // Answers on the way: the last one has the bits of the whole.
  for (const [name, options] of [
    ["rise", { masks: 12, batchSize: 2 }],
    ["occlusion", { window: 4, stride: 4, batchSize: 1 }],
    ["kernelShap", { samples: 12, batchSize: 3 }],
    ["integratedGradients", { nSteps: 6 }],
  ] as const) {
    jobs.set(`${name}, answer by answer`, async (watch) => {
      let last: library.Attribution | undefined;
      for await (const answer of library[name](model, input, { target: 1, ...options, ...watch })) last = answer;
      return last?.values;
    });
  }
  add("a black box", (options) => library.rise(async () => new Float32Array([1, 2]), tensor, options), {
    masks: 6,
    batchSize: 1,
  });
  /** Those that call it more than once. */
  const reporting = [
    ...["rise", "lime", "kernelShap", "smoothGrad", "gradientShap", "deepLiftShap", "integratedGradients", "occlusion"],
    ...["scoreCam", "ablationCam", "explain", "noiseTunnel", "topActivations", "maximizeActivation", "infidelity"],
    ...[
      "road",
      "adcc",
      "deletionInsertion",
      "maxSensitivity",
      "randomLogitTest",
      "randomizationTest",
      "dissect",
      "unitEffects",
    ],
  ];
  return { jobs, reporting, model, input, tensor, search, file: classifier };
}

const moments = ["before", "at once", "microtasks", "turns", "milliseconds", "progress"] as const;

/** Runs a job and gives it up then. */
async function abortedAt(
  moment: (typeof moments)[number],
  below: (n: number) => number,
  reason: Error,
  job: Job,
): Promise<unknown> {
  const stop = new AbortController();
  const abort = (): void => stop.abort(reason);
  const many = below(12);
  if (moment === "before") abort();
  let told = 0;
  const onProgress = moment === "progress" ? () => void (told++ === many && abort()) : undefined;
  const running = job({ signal: stop.signal, ...(onProgress && { onProgress }) });
  if (moment === "at once") abort();
  else if (moment === "milliseconds") setTimeout(abort, many / 2);
  else if (moment === "turns") void after(many, () => new Promise((resolve) => setImmediate(resolve)), abort);
  else if (moment === "microtasks") void after(many * 8, () => Promise.resolve(), abort);
  return running;
}

async function after(count: number, wait: () => Promise<unknown>, then: () => void): Promise<void> {
  for (let n = 0; n < count; n++) await wait();
  then();
}

/** The bits of a result: numbers, texts and typed arrays, wherever they are. */
export function fingerprint(value: unknown): string {
  const hash = createHash("sha1");
  const walk = (item: unknown): void => {
    if (ArrayBuffer.isView(item)) hash.update(new Uint8Array(item.buffer, item.byteOffset, item.byteLength));
    else if (item instanceof Map) walk([...item]);
    else if (typeof item === "object" && item !== null) {
      for (const [key, inner] of Object.entries(item)) {
        hash.update(key);
        walk(inner);
      }
    } else hash.update(`${item};`);
  };
  walk(value);
  return hash.digest("hex");
}

/** Gives up calls at random moments; every one rejects with the signal's reason or has the right bits, and so has the model afterwards. */
export async function tryAborts(cases: number) {
  const { jobs, model, input } = await jobsOf();
  const before = fingerprint(await model.predict(input));
  const expected = new Map<string, string>();
  for (const [name, job] of jobs) expected.set(name, fingerprint(await job({})));
  const all = [...jobs];
  const found: string[] = [];
  let [aborted, finished] = [0, 0];
  for (let i = 0; i < cases; i++) {
    const below = randomOf(i);
    const [name, job] = all[below(all.length)];
    const moment = moments[below(moments.length)];
    const reason = new Error(`given up, ${caseOf(i)}`);
    const label = `${caseOf(i)}: ${name}, ${moment}`;
    try {
      const result = await abortedAt(moment, below, reason, job);
      finished++;
      if (fingerprint(result) !== expected.get(name)) found.push(`${label}: other bits`);
    } catch (error) {
      aborted++;
      if (error !== reason) found.push(`${label}: ${error instanceof Error ? error.stack : error}`);
    }
    if (i % 100 === 0 && fingerprint(await model.predict(input)) !== before) found.push(`${label}: the model changed`);
  }
  for (const [name, job] of jobs) {
    if (fingerprint(await job({})) !== expected.get(name)) found.push(`${name}: other bits after all of them`);
  }
  return { found: found.slice(0, 5), aborted, finished };
}
