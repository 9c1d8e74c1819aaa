/**
 * A small 1-D network that is trained without gradients: its filters are fixed (wavelets, then seeded random ones), its batch
 * normalisations take their statistics from the strips, and its linear head is fitted by ridge regression.
 */

import { type Attribute, Constant, type Graph, type Node } from "../../src/graph/ir";
import { loadModel, type Model, Tensor } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { Random } from "../../src/random/random";
import { addSample, fitRidge, noMoments } from "../../src/rewrite/ridge";
import { labels, length, makeStrips, type Strip } from "./beats";

const epsilon = 1e-5;
const wavelets = { count: 24, taps: 21 };
const mixtures = { count: 64, taps: 13 };
const stripsPerClass = 300;
const seed = 2026;

export const asTensor = ({ values }: Strip): Tensor => new Tensor(values, [1, 1, values.length]);

/** Gaussians and their first two derivatives at four widths, with both signs, as the network rectifies. */
function waveletBank(): Float32Array {
  const { count, taps } = wavelets;
  const bank = new Float32Array(count * taps);
  for (let filter = 0; filter < count; filter++) {
    const [sign, order, width] = [filter % 2 === 0 ? 1 : -1, (filter >> 1) % 3, [1, 2, 3.5, 6][Math.floor(filter / 6)]];
    const values = Array.from({ length: taps }, (_, k) => {
      const t = (k - (taps - 1) / 2) / width;
      return Math.exp((-t * t) / 2) * [1, -t, t * t - 1][order];
    });
    const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    values.forEach((value, k) => {
      bank[filter * taps + k] = (sign * value) / norm;
    });
  }
  return bank;
}

/** Seeded random mixtures of the wavelets' responses, each summing to zero. */
function mixtureBank(random: Random): Float32Array {
  const size = wavelets.count * mixtures.taps;
  const bank = new Float32Array(mixtures.count * size);
  for (let filter = 0; filter < mixtures.count; filter++) {
    const values = Array.from({ length: size }, () => random.normal());
    const mean = values.reduce((a, b) => a + b, 0) / size;
    values.forEach((value, k) => {
      bank[filter * size + k] = (value - mean) / Math.sqrt(size);
    });
  }
  return bank;
}

type NodeParts = [op: string, inputs: string[], output: string, attributes?: Record<string, Attribute>];

function graphOf(nodes: readonly NodeParts[], constants: ReadonlyMap<string, Constant>): Graph {
  return {
    name: "beats",
    opset: 17,
    inputs: [{ name: "lead", shape: [1, 1, length] }],
    outputs: [nodes[nodes.length - 1][2]],
    nodes: nodes.map(
      ([op, inputs, name, attributes = {}]): Node => ({
        ...{ name, op, inputs, outputs: [name] },
        attributes: new Map(Object.entries(attributes)),
      }),
    ),
    constants,
    metadata: new Map([["labels", JSON.stringify(labels)]]),
  };
}

/** The network as far as it is built, and what it is built from. */
class Builder {
  readonly #nodes: NodeParts[] = [];
  readonly #constants = new Map<string, Constant>();

  constant(name: string, values: Float32Array, shape: readonly number[]): string {
    this.#constants.set(name, Constant.fromFloats(values, shape));
    return name;
  }

  add(...node: NodeParts): void {
    this.#nodes.push(node);
  }

  file(): Uint8Array {
    return writeOnnx(graphOf(this.#nodes, this.#constants));
  }

  /** A convolution, normalised by the statistics of its own outputs over the strips, and rectified. */
  async layer(
    index: number,
    from: string,
    bank: Float32Array,
    shape: readonly [number, number, number],
    strips: readonly Strip[],
  ) {
    const [name, channels] = [`conv${index}`, shape[0]];
    const pad = (shape[2] - 1) / 2;
    const weight = this.constant(`${name}.weight`, bank, shape);
    this.add("Conv", [from, weight], name, { kernel_shape: [shape[2]], pads: [pad, pad] });
    const { mean, variance } = await statistics(await loadModel(this.file()), name, channels, strips);
    const ones = new Float32Array(channels).fill(1);
    const parts = { scale: ones, shift: new Float32Array(channels), mean, variance };
    const names = Object.entries(parts).map(([part, values]) =>
      this.constant(`norm${index}.${part}`, values, [channels]),
    );
    this.add("BatchNormalization", [name, ...names], `norm${index}`, { epsilon });
    this.add("Relu", [`norm${index}`], `relu${index}`);
  }
}

async function statistics(model: Model, layer: string, channels: number, strips: readonly Strip[]) {
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  let count = 0;
  for (const strip of strips) {
    const values = (await model.run(asTensor(strip), { capture: [layer] })).activations.get(layer)?.data ?? [];
    const places = values.length / channels;
    count += places;
    values.forEach((value, i) => {
      sums[Math.floor(i / places)] += value;
      squares[Math.floor(i / places)] += value * value;
    });
  }
  const mean = Float32Array.from(sums, (sum) => sum / count);
  const variance = Float32Array.from(squares, (square, c) => square / count - (sums[c] / count) ** 2);
  return { mean, variance };
}

/** @returns the trained network as an ONNX file; the same bytes for the same arithmetic */
export async function trainSignalNetwork(): Promise<Uint8Array> {
  const random = new Random(seed);
  const strips = makeStrips(stripsPerClass, random);
  const network = new Builder();
  await network.layer(1, "lead", waveletBank(), [wavelets.count, 1, wavelets.taps], strips);
  network.add("MaxPool", ["relu1"], "pool1", { kernel_shape: [2], strides: [2] });
  await network.layer(2, "pool1", mixtureBank(random), [mixtures.count, wavelets.count, mixtures.taps], strips);
  network.add("GlobalAveragePool", ["relu2"], "gap");
  network.add("Flatten", ["gap"], "features");
  const model = await loadModel(network.file());
  const moments = noMoments(mixtures.count, labels.length);
  const rows: { features: Float64Array; label: number }[] = [];
  for (const strip of strips) {
    const features = Float64Array.from((await model.run(asTensor(strip))).output.data);
    rows.push({ features, label: strip.label });
    addSample(
      moments,
      features,
      labels.map((_, k) => Number(k === strip.label)),
    );
  }
  const { weights, bias } = await fitRidge(moments);
  const scale = temperature(rows, weights, bias);
  network.constant(
    "fc.weight",
    Float32Array.from(weights, (w) => w * scale),
    [labels.length, mixtures.count],
  );
  network.constant(
    "fc.bias",
    Float32Array.from(bias, (b) => b * scale),
    [labels.length],
  );
  network.add("Gemm", ["features", "fc.weight", "fc.bias"], "logits", { transB: 1 });
  return network.file();
}

/** The factor on the fitted scores at which their softmax has the smallest cross-entropy (Guo et al. 2017). */
function temperature(
  rows: readonly { features: Float64Array; label: number }[],
  weights: Float64Array,
  bias: Float64Array,
): number {
  const scores = rows.map(({ features, label }) => ({
    label,
    values: Array.from(bias, (b, k) => features.reduce((sum, f, i) => sum + f * weights[k * features.length + i], b)),
  }));
  const loss = (scale: number): number =>
    scores.reduce((total, { label, values }) => {
      const largest = Math.max(...values);
      const sum = values.reduce((all, value) => all + Math.exp(scale * (value - largest)), 0);
      return total + Math.log(sum) - scale * (values[label] - largest);
    }, 0);
  const candidates = Array.from({ length: 60 }, (_, i) => 1.1 ** i);
  return candidates.reduce((best, scale) => (loss(scale) < loss(best) ? scale : best));
}
