import { parseArgs } from "node:util";
import { loadModel, occlusion, Tensor } from "../../dist/index.js";
import { type Contender, interleave, medianRatio, summarise } from "../measure";
import { Random } from "../networks/builder";
import { networks } from "../networks/index";
import { benchInput } from "../peers/engine";
import { engines } from "../peers/index";

const window = [32, 32] as const;
/** Positions of a patch of 32 with stride 32 on 224: 7 × 7. */
const positions = 49;
const shape = [1, 3, 224, 224];

/**
 * One position of an occlusion map: by the parts of maps that the patch changes, by whole passes, and a whole pass of each peer, in turns.
 * The peers get the pass alone: covering the input would come on top.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { networks: { type: "string" }, rounds: { type: "string" } } });
  const names = values.networks?.split(",") ?? ["mobilenet-v2", "squeezenet", "resnet-18", "resnet-50", "vgg-16"];
  console.log(
    `Occlusion, patch ${window.join("×")}, ms per position; in brackets how many times longer than the first in the same round`,
  );
  for (const name of names) {
    const file = networks[name].build();
    const input = benchInput(new Random(1).uniform(3 * 224 * 224, -Math.sqrt(3), Math.sqrt(3)), shape);
    const model = await loadModel(file);
    const x = new Tensor(input.nhwc, [1, 224, 224, 3]);
    const attribute = (engine: "incremental" | "full") => () =>
      occlusion(model, x, { window, stride: window, target: 7, engine });
    const contenders: Contender[] = [
      { name: "incremental", run: attribute("incremental") },
      { name: "full", run: attribute("full") },
    ];
    const peers = await Promise.all(
      Object.entries(engines)
        .filter(([key]) => key !== "seethrough")
        .map(async ([key, load]) => ({ key, network: await (await load()).prepare(file) })),
    );
    for (const { key, network } of peers) contenders.push({ name: key, run: () => network.forward(input) });
    const samples = await interleave(contenders, Number(values.rounds ?? 5));
    const each = (contender: string): number[] =>
      (samples.get(contender) as number[]).map((time) => (contender in engines ? time : time / positions));
    const shown = contenders.map((contender) => {
      const times = each(contender.name);
      const ratio = medianRatio(times, each("incremental")).toFixed(2);
      return `${contender.name} ${summarise(times).median.toFixed(1)} (${ratio})`;
    });
    console.log(`${name}: ${shown.join(", ")}`);
    for (const { network } of peers) await network.dispose();
    model.dispose();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
