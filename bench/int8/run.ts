import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { inspect, loadModel, Tensor } from "../../dist/index.js";
import { clockOf, interleave, medianRatio, summarise } from "../measure";
import { Random } from "../networks/builder";
import { mobilenetV2, mobilenetV2Int8 } from "../networks/mobilenet-v2";
import { peakLoop, peakModule } from "../peak";

const help = `The forward pass of MobileNetV2 with integers of eight bits against the same network in floats, in turns, one thread.

  --rounds  rounds (default: 31)
  --clock   wall (default), or thread: what this thread ran, for busy machines; Node 23.9 or later`;

const side = 224;

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values: options } = parseArgs({ options: { rounds: text, clock: text, help: { type: "boolean" } } });
  if (options.help) return console.log(help);
  const rounds = Number(options.rounds ?? 31);
  if (!(Number.isInteger(rounds) && rounds > 0))
    throw new Error(`--rounds: "${options.rounds}" is no number of rounds.`);

  const x = new Tensor(new Random(1).uniform(side * side * 3, -2, 2), [1, side, side, 3]);
  const [float, int8] = [await loadModel(mobilenetV2()), await loadModel(mobilenetV2Int8())];
  const real = await loadModel(mobilenetV2Int8(), { quantized: "float" });
  const [deployed, read] = [(await int8.run(x)).output.data, (await real.run(x)).output.data];
  const apart = deployed.reduce((most, value, i) => Math.max(most, Math.abs(value - read[i])), 0);
  real.dispose();

  const peak = await peakLoop(peakModule);
  const contenders = [
    { name: "float", run: () => float.run(x) },
    { name: "int8", run: () => int8.run(x) },
    { name: "peak loop", run: () => peak.run() },
  ];
  const samples = await interleave(contenders, rounds, clockOf(options.clock ?? "wall"));
  const of = (name: string): number[] => samples.get(name) ?? [];
  console.log(
    `Node ${process.versions.node} ${process.execArgv.join(" ")}, ${cpus()[0].model}, ${rounds} rounds in turns`,
  );
  for (const { name } of contenders) {
    const { median, deviation, min } = summarise(of(name));
    console.log(`${name.padEnd(10)} ${median.toFixed(2)} ms ± ${deviation.toFixed(2)}, least ${min.toFixed(2)}`);
  }
  const ratios = of("float").map((time, round) => time / of("int8")[round]);
  const sorted = ratios.toSorted((a, b) => a - b);
  const [first, third] = [sorted[rounds >> 2], sorted[(3 * rounds) >> 2]];
  console.log(
    `float ÷ int8: ${medianRatio(of("float"), of("int8")).toFixed(2)} (quarters ${first.toFixed(2)} to ${third.toFixed(2)})`,
  );
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
  const peaks = [float, int8].map((model) => megabytes(inspect(model).peakBytes.forward));
  console.log(`memory of a forward pass: float ${peaks[0]}, int8 ${peaks[1]}`);
  console.log(`integers and real numbers of the same file are ${apart.toFixed(3)} apart at most`);
}

await main();
