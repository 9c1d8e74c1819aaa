import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import * as tfl from "@tensorflow/tfjs-layers";
import { expect } from "vitest";
import { loadModel, type Model, saliency, Tensor } from "../../src/index";

/** TensorFlow.js as the oracle: a network with seeded weights, saved as its files, loaded by both. */

export type Files = Record<string, Uint8Array<ArrayBuffer>>;
type WeightSpec = tf.io.WeightsManifestEntry;

export const jsonBytes = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));

/** Seeded weights for every layer; variances are positive. */
export function seedWeights(model: tfl.LayersModel, seed = 7): void {
  const values = model.weights.map(({ originalName, shape }, i) => {
    const [low, high] = originalName.endsWith("variance") ? [0.5, 1.5] : [-0.6, 0.6];
    return tf.randomUniform(shape as number[], low, high, "float32", seed + i);
  });
  model.setWeights(values);
}

/** What `model.save` hands to its handler. */
export async function artifactsOf(model: tfl.LayersModel): Promise<{
  readonly topology: object;
  readonly specs: WeightSpec[];
  readonly data: Uint8Array<ArrayBuffer>;
}> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save({
    save: async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    },
  });
  const topology = artifacts?.modelTopology as object;
  return {
    topology,
    specs: artifacts?.weightSpecs as WeightSpec[],
    data: new Uint8Array(artifacts?.weightData as ArrayBuffer),
  };
}

/** The files of a layers-model, its weights cut into files of at most `shardBytes`. */
export async function filesOf(model: tfl.LayersModel, shardBytes = 2 ** 22): Promise<Files> {
  const { topology, specs, data } = await artifactsOf(model);
  return modelFiles({ format: "layers-model", modelTopology: topology }, specs, data, shardBytes);
}

export function modelFiles(
  rest: object,
  weights: readonly WeightSpec[],
  data: Uint8Array<ArrayBuffer>,
  shardBytes = 2 ** 22,
): Files {
  const count = Math.max(1, Math.ceil(data.byteLength / shardBytes));
  const paths = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
  const shards = paths.map((path, i) => [path, data.slice(i * shardBytes, (i + 1) * shardBytes)] as const);
  return {
    "model.json": jsonBytes({ ...rest, weightsManifest: [{ paths, weights }] }),
    ...Object.fromEntries(shards),
  };
}

export const input = (shape: readonly number[], seed = 3): tf.Tensor =>
  tf.randomUniform([1, ...shape], -1, 1, "float32", seed);

/** Our order of axes: a signal `[1, L, C]` is `[1, C, L]`. */
const ours = (x: tf.Tensor): tf.Tensor => (x.rank === 3 ? tf.transpose(x, [0, 2, 1]) : x);

export const tensorOf = (x: tf.Tensor): Tensor => new Tensor(Float32Array.from(ours(x).dataSync()), ours(x).shape);

/** Equal up to 1e-4 of the largest expected value; of a signal in our order of axes, unless the result is as the file writes it. */
export function expectAlike(actual: Tensor, expected: tf.Tensor, what: string, asWritten = false): void {
  const reference = asWritten ? new Tensor(Float32Array.from(expected.dataSync()), expected.shape) : tensorOf(expected);
  expect([...actual.shape], what).toEqual([...reference.shape]);
  const largest = reference.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
  const worst = actual.data.reduce((most, value, i) => Math.max(most, Math.abs(value - reference.data[i])), 0);
  expect(worst / largest, what).toBeLessThan(1e-4);
}

interface Comparison {
  /** The network is affine, and TensorFlow.js has no gradient of it, or a wrong one: differences of one are its gradient. */
  readonly affine?: boolean;
  /** Layers whose results are not compared. */
  readonly except?: readonly string[];
  readonly shardBytes?: number;
}

/** Compares the outputs, the result of every layer, and the input's gradient of every output. */
export async function compare(model: tfl.LayersModel, options: Comparison = {}): Promise<Model> {
  seedWeights(model);
  const loaded = await loadModel(await filesOf(model, options.shardBytes));
  const x = input((model.inputs[0].shape as number[]).slice(1));
  await compareRun(model, loaded, x, options);
  return loaded;
}

export async function compareRun(
  model: tfl.LayersModel,
  loaded: Model,
  x: tf.Tensor,
  { except = [], affine = false }: Comparison = {},
): Promise<void> {
  const layers = model.layers.filter(({ name }) => !except.includes(name) && !model.inputNames.includes(name));
  const inside = tfl.model({ inputs: model.inputs, outputs: layers.map(({ output }) => output as tfl.SymbolicTensor) });
  const expected = [inside.predict(x)].flat();
  const names = layers.map(({ name }) => name);
  const run = await loaded.run(tensorOf(x), { capture: names });
  expectAlike(run.output, model.predict(x) as tf.Tensor, "output");
  names.forEach((name, i) => {
    expectAlike(run.activations.get(name) as Tensor, expected[i], name);
  });
  const network = (given: tf.Tensor): tf.Tensor => model.apply(given, { training: false }) as tf.Tensor;
  await compareGradients(network, loaded, x, affine ? differences : tapeGradient);
}

type Gradient = (network: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor, score: number) => tf.Tensor;

const tapeGradient: Gradient = (network, x, score) =>
  tf.grad((given) => tf.sum(tf.slice(network(given), [0, score], [1, 1])))(x);

/** How much each input element adds to the score of an affine network. */
const differences: Gradient = (network, x, score) => {
  const steps = tf.reshape(tf.eye(x.size), [x.size, ...x.shape.slice(1)]);
  const changed = tf.sub(network(steps), network(tf.zerosLike(x)));
  return tf.reshape(tf.slice(changed, [0, score], [x.size, 1]), x.shape);
};

/** The input's gradients of all scores of a classifier. */
export async function compareGradients(
  network: (x: tf.Tensor) => tf.Tensor,
  loaded: Model,
  x: tf.Tensor,
  gradientOf: Gradient = tapeGradient,
): Promise<void> {
  const scores = loaded.output.shape[loaded.output.shape.length - 1];
  for (let target = 0; target < scores; target++) {
    const { values } = await saliency(loaded, tensorOf(x), { target });
    expectAlike(values, gradientOf(network, x, target), `gradient of score ${target}`);
  }
}

/** The same for a network that takes channels first; our tensors are channels last all the same. */
export async function compareChannelsFirst(model: tfl.LayersModel): Promise<Model> {
  seedWeights(model);
  const loaded = await loadModel(await filesOf(model));
  const x = input((model.inputs[0].shape as number[]).slice(1));
  const last = tf.transpose(x, [0, 2, 3, 1]);
  expectAlike((await loaded.run(tensorOf(last))).output, model.predict(x) as tf.Tensor, "output");
  const network = (given: tf.Tensor): tf.Tensor =>
    model.apply(tf.transpose(given, [0, 3, 1, 2]), { training: false }) as tf.Tensor;
  await compareGradients(network, loaded, last);
  return loaded;
}
