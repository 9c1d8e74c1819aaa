// Every kind of explanation on small networks, in plain JavaScript without a single API of a host: what runs here
// runs anywhere. Each runtime hands in the package as it imports it and gets a report of digests back.
import { drawScene } from "./scene.mjs";
import { tinyInt8 } from "./tiny-int8.mjs";
import { tinyNetwork } from "./tiny-network.mjs";

/** Light settings: under emulation everything takes a hundred times longer. */
const settings = { target: 1, nSteps: 5, samples: 4, masks: 8, window: [32, 32], stride: [32, 32] };

/** Score-CAM runs the whole network once per map: at the first layer, which has few. */
const settingsOf = (method, { layers }) => ({
  ...settings,
  method,
  ...(method === "score-cam" && { layer: layers[0].name }),
});

const tinyOptions = { preprocess: { mean: [0.4, 0.5, 0.6], std: [0.2, 0.2, 0.3] } };

/** What is recorded of the network of integers: forward, gradients, relevance and changed inputs. */
const int8Methods = ["saliency", "integrated-gradients", "lrp", "grad-cam", "occlusion"];

/**
 * Runs every method on one network by a pool of two instances, all at once, and some with fused arithmetic where the host has it.
 *
 * @returns {Promise<{ size: number, digests: Record<string, string>, fused: Record<string, string> }>} how many instances there were,
 *   and the digests that `runSuite` has under the same names
 */
export async function runPool({ createPool }, { methodNames }) {
  const pool = await createPool({ size: 2 });
  const model = await pool.loadModel(tinyNetwork(), tinyOptions);
  const scene = drawScene();
  // The first, because it is divided among the instances that are free.
  const order = ["occlusion", ...methodNames.filter((method) => method !== "occlusion")];
  const found = await Promise.all(order.map((method) => pool.explain(model, scene, settingsOf(method, model))));
  const { size } = pool;
  const digests = {};
  const record = async (into, method, { values, target }, network = "tiny") => {
    const name = `${network}: ${method}`;
    into[name] = await digestOf(name, [values.data, Float64Array.of(target.score)]);
  };
  for (const [i, attribution] of found.entries()) await record(digests, order[i], attribution);
  const int8 = await pool.loadModel(tinyInt8());
  await record(digests, "occlusion", await pool.explain(int8, scene, settingsOf("occlusion", int8)), "tiny int8");
  const fused = {};
  const fastest = await pool.loadModel(tinyNetwork(), { ...tinyOptions, arithmetic: "fastest" });
  for (const method of fastest.arithmetic === "fused" ? ["occlusion", "saliency"] : []) {
    await record(fused, method, await pool.explain(fastest, scene, settingsOf(method, fastest)));
  }
  pool.dispose();
  return { size, digests, fused };
}

/** A method of each way of computing. */
const threadedMethods = ["saliency", "grad-cam", "lrp", "occlusion"];

/**
 * Runs some methods on the embedded network by two threads, where the host has threads, and again with fused arithmetic where it has that.
 *
 * @returns {Promise<{ count: number, reason?: string, digests: Record<string, string>, fused: Record<string, string> }>} how many threads
 *   there were, why these are fewer, and digests that `runSuite` has under the same names
 */
export async function runThreads({ loadModel, explain }, defaultModel) {
  const scene = drawScene();
  const found = async (model) => {
    const digests = {};
    for (const method of threadedMethods) {
      const { values, target } = await explain(model, scene, settingsOf(method, model));
      const name = `embedded: ${method}`;
      digests[name] = await digestOf(name, [values.data, Float64Array.of(target.score)]);
    }
    model.dispose();
    return digests;
  };
  const plain = await loadModel(defaultModel, { threads: 2 });
  const { threads: count, notes } = plain;
  const reason = notes.find(({ code }) => code === "fewer-threads")?.message;
  const digests = await found(plain);
  const fastest = await loadModel(defaultModel, { threads: 2, arithmetic: "fastest" });
  return { count, reason, digests, fused: fastest.arithmetic === "fused" ? await found(fastest) : {} };
}

/**
 * Every method with fused arithmetic.
 *
 * @returns {Promise<{ digests: Record<string, string> } | { refusal: string }>} the digests, under the names that `runSuite` has, or
 *   why this host has none
 */
async function runFused(seethrough, defaultModel, scene) {
  const arithmetic = "fused";
  let embedded;
  try {
    embedded = await seethrough.loadModel(defaultModel, { arithmetic });
  } catch (error) {
    if (!(error instanceof seethrough.SeethroughError)) throw error;
    const plain = await seethrough.loadModel(defaultModel, { arithmetic: "fastest" });
    if (plain.arithmetic !== "plain") throw new Error(`'fused' is refused (${error.message}), and 'fastest' took it`);
    plain.dispose();
    return { refusal: `${error.name}: ${error.message}` };
  }
  const digests = {};
  const tiny = await seethrough.loadModel(tinyNetwork(), { ...tinyOptions, arithmetic });
  await recordMethods(seethrough, { embedded, tiny }, scene, digests);
  await recordMethods(seethrough, await int8Networks(seethrough, { arithmetic }), scene, digests, int8Methods);
  return { digests: await withAll(digests) };
}

/** One file of integers, as it is deployed and read as real numbers. */
async function int8Networks({ loadModel }, options) {
  return {
    "tiny int8": await loadModel(tinyInt8(), options),
    "tiny int8, as floats": await loadModel(tinyInt8(), { ...options, quantized: "float" }),
  };
}

/** The digests of predictions and of methods on some networks, which are disposed of. */
async function recordMethods(seethrough, networks, scene, digests, methods = seethrough.methodNames) {
  for (const [network, model] of Object.entries(networks)) {
    const record = async (what, ...arrays) => {
      const name = `${network}: ${what}`;
      digests[name] = await digestOf(name, arrays);
    };
    await record("predict", ...(await predicted(model, scene)));
    for (const method of methods) {
      const { values, target } = await seethrough.explain(model, scene, settingsOf(method, model));
      await record(method, values.data, Float64Array.of(target.score));
    }
    model.dispose();
  }
}

/** One digest of all of them before the others. */
async function withAll(digests) {
  const all = new TextEncoder().encode(JSON.stringify(digests));
  return { all: await digestOf("all", [all]), ...digests };
}

/**
 * Runs all explanations.
 *
 * @param seethrough     the package's namespace
 * @param defaultModel   the bytes of the embedded model, where the package cannot load it by itself
 * @param onFirstResult  called when a cold start is over: package imported, embedded model loaded, one Grad-CAM computed
 * @returns {Promise<{ digests: Record<string, string>, fused: object, firstResult: number }>} digests of the raw bits by name, those of
 *   fused arithmetic or why there are none, and the runtime's own clock at the first result, in milliseconds since its process or page started
 */
export async function runSuite(seethrough, defaultModel, onFirstResult = () => {}) {
  const scene = drawScene();
  const embedded = await seethrough.loadModel(defaultModel);
  await seethrough.gradCam(embedded, scene);
  const firstResult = performance.now();
  onFirstResult();

  const digests = {};
  const record = async (name, ...arrays) => {
    digests[name] = await digestOf(name, arrays);
  };
  const networks = {
    embedded,
    "embedded, low memory": await seethrough.loadModel(defaultModel, { memory: "low" }),
    tiny: await seethrough.loadModel(tinyNetwork(), tinyOptions),
  };
  await recordMethods(seethrough, networks, scene, digests);
  await recordMethods(seethrough, await int8Networks(seethrough), scene, digests, int8Methods);

  const model = await seethrough.loadModel(defaultModel);
  const layer = model.layers.findLast(({ op }) => op === "Relu").name;
  await record("projectActivation", ...projected(await seethrough.projectActivation(model, scene, { layer, keep: 3 })));
  const ascent = { steps: 4, stepSize: 0.5, start: "noise", seed: 7 };
  const dream = await seethrough.maximizeActivation(model, { target: 2, ...ascent });
  await record("maximizeActivation", dream.image.data, Float64Array.from(dream.objective));
  const blurred = await seethrough.integratedGradients(model, scene, {
    target: settings.target,
    nSteps: settings.nSteps,
    baseline: "blur",
  });
  await record("integratedGradients from a blurred picture", blurred.values.data);
  await record("overlay.png", await picture(seethrough, model, scene));
  model.dispose();

  return { digests: await withAll(digests), fused: await runFused(seethrough, defaultModel, scene), firstResult };
}

async function predicted(model, scene) {
  const predictions = await model.predict(scene, { top: 8 });
  return [
    Int32Array.from(predictions, ({ index }) => index),
    Float32Array.from(predictions, ({ score }) => score),
    Float32Array.from(predictions, ({ probability }) => probability),
  ];
}

const projected = ({ image, trace, kept }) => [
  image.data,
  ...trace.map(({ values }) => values.data),
  Int32Array.from(kept.flatMap(({ unit, position }) => [unit, ...position])),
];

/** The file a user looks at; reading it back must give the pixels that were written. */
async function picture(seethrough, model, scene) {
  const { decodeImage, encodePng, heatmap, overlay, saliency } = seethrough;
  const drawn = overlay(scene, heatmap(await saliency(model, scene, { target: settings.target }), { smooth: 2 }));
  const file = await encodePng(drawn);
  const read = await decodeImage(file);
  if (!read.data.every((value, i) => value === drawn.data[i])) throw new Error("overlay.png reads back differently");
  return file;
}

/**
 * The first 16 hexadecimal digits of the SHA-256 of the arrays' bytes.
 *
 * @throws if a value is not finite (the bits of NaN differ from processor to processor) or an array is all zero
 */
export async function digestOf(name, arrays) {
  const parts = arrays.map((array) => {
    if (!array.every(Number.isFinite)) throw new Error(`${name} has a value that is not finite`);
    if (!array.some((value) => value !== 0)) throw new Error(`${name} is all zero, which proves nothing`);
    return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  });
  const joined = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let end = 0;
  for (const part of parts) {
    joined.set(part, end);
    end += part.length;
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", joined));
  return Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
