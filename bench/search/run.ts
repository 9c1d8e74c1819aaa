import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadModel, preprocess, Tensor, topActivations } from "../../dist/index.js";
import { medianRatio, summarise } from "../measure";
import { networks } from "../networks/index";
import { type BenchInput, benchInput, type RunningNetwork } from "../peers/engine";
import { engines } from "../peers/index";
import { sceneMaker } from "./scenes";

/** A network, the layer whose units are searched (its last convolution's), and how many images in how many rounds. */
interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly layer: string;
  /** A multiple of the batch, so that a round ends with it. */
  readonly perRound: number;
  readonly rounds: number;
}

const milliseconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};

/**
 * Dataset search against the bare forward pass of ONNX Runtime Web over the same images, in turns. Ours takes 8-bit images
 * and does everything: preprocessing, the pass, the scores of all units, the lists. Theirs takes finished tensors.
 */
async function compare({ name, bytes, layer, perRound, rounds }: Case): Promise<void> {
  const make = await sceneMaker();
  const model = await loadModel(bytes);
  const [, height, width, channels] = model.input.shape;
  const peer = await (await engines["ort-web"]()).prepare(bytes);
  const own = await (await engines.seethrough()).prepare(bytes);
  const samples: Record<"search" | "forward" | "ort-web", number[]> = { search: [], forward: [], "ort-web": [] };
  // One search over all rounds: the peers run while it waits for its next image, and their time does not count.
  async function* stream() {
    for (let round = -1; round < rounds; round++) {
      const scenes = Array.from({ length: perRound }, (_, i) => make((round + 1) * perRound + i));
      const inputs = scenes.map(({ image }): BenchInput => {
        const { data } = preprocess(image, { width, height, channels }, { mean: [0.5], std: [0.5] });
        return benchInput(new Tensor(data, model.input.shape).toNCHW(), [1, channels, height, width]);
      });
      if (round < 0) await checkAlike(name, own, peer, inputs[0]);
      const start = performance.now();
      yield* scenes;
      const search = performance.now() - start;
      const forward = await milliseconds(async () => {
        for (const input of inputs) await own.forward(input);
      });
      const web = await milliseconds(async () => {
        for (const input of inputs) await peer.forward(input);
      });
      if (round < 0) continue; // Warm-up.
      samples.search.push(search);
      samples.forward.push(forward);
      samples["ort-web"].push(web);
    }
  }
  await topActivations(model, stream(), { layer });
  const rate = (key: keyof typeof samples): string => (perRound / (summarise(samples[key]).median / 1000)).toFixed(0);
  console.log(
    `${name}, ${(rounds + 1) * perRound} scenes, all units of ${layer}: search ${rate("search")} images/s, own bare forward pass ` +
      `${rate("forward")}, ORT Web bare forward pass ${rate("ort-web")}; ORT Web takes ${medianRatio(samples["ort-web"], samples.search).toFixed(2)} times as long as the search`,
  );
}

async function checkAlike(name: string, own: RunningNetwork, peer: RunningNetwork, input: BenchInput): Promise<void> {
  const [ours, theirs] = [await own.forward(input), await peer.forward(input)];
  const largest = theirs.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const difference = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i])), 0) / largest;
  if (!(difference < 1e-4)) throw new Error(`${name}: the outputs differ by ${difference} of the largest.`);
}

async function main(): Promise<void> {
  // First, while this process is small: a child counts its parent's memory from before it starts as its own.
  const child = fileURLToPath(new URL("search-child.js", import.meta.url));
  for (const count of [1000, 10_000]) {
    const text = execFileSync(process.execPath, [child, String(count)], { encoding: "utf8" });
    const { images, megabytes, bytes } = JSON.parse(text) as Record<"images" | "megabytes" | "bytes", number>;
    console.log(
      `${images} scenes: ${megabytes.toFixed(0)} MB at most, result of ${(bytes / 1024).toFixed(0)} KB as JSON`,
    );
  }
  const rounds = 9;
  await compare({
    name: "pet shop 96×96",
    bytes: readFileSync("models/petshop.onnx"),
    layer: "relu6",
    perRound: 1000,
    rounds,
  });
  for (const name of ["mobilenet-v2", "resnet-18"]) {
    const bytes = networks[name].build();
    const { layers } = await loadModel(bytes);
    const layer = layers.filter(({ shape }) => shape.length === 4 && shape[1] > 1).at(-1)?.name ?? "";
    await compare({ name: `${name} 224×224`, bytes, layer, perRound: 60, rounds: 9 });
  }
}

void main();
