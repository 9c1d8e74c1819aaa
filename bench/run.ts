import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { tolerances } from "./compare";
import { Comparison, kinds, type Result } from "./comparison";
import { slowerThanAgainst, slowerThanBefore } from "./history";
import { layers } from "./layers";
import { clockOf, summarise } from "./measure";
import { networks } from "./networks/index";
import { peakLoop, peakModule } from "./peak";
import { checkTogether, engines, usualEngines } from "./peers/index";
import { buildEngine } from "./peers/seethrough";
import { header, table } from "./table";

const help = `Compares seethrough with other engines: same ONNX file, same input, in turns; one thread, two where the engine's name ends in -2.

  --what      ${kinds.join(",")} (default: all)
  --networks  ${Object.keys(networks).join(",")} (default: all)
  --layers    text that the name of a layer must contain
  --engines   ${Object.keys(engines).join(",")} (default: all that run here; ratios are to the first)
  --rounds    rounds per measurement (default: 15)
  --against   folder of another build (its dist): measured in turns with this one; what is more than 5 % slower than there is
              named at the end, and the exit code is 1
  --history   file that each result is added to, a line of JSON each: what is more than 5 % slower, as a multiple of the peak
              loop's time, than the median of the last five runs there on this processor is named at the end
  --clock     wall (default), or thread: what this thread ran, for busy machines; of one thread alone, Node 23.9 or later
  --json      file for the results`;

/** The chosen names, in the order they were given. */
function chosen<T extends string>(option: string, text: string | undefined, known: readonly T[]): T[] {
  const names = text?.split(",") ?? known;
  return names.map((name) => {
    const match = known.find((candidate) => candidate === name);
    if (match === undefined) throw new Error(`--${option}: "${name}" is none of ${known.join(", ")}.`);
    return match;
  });
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values: options } = parseArgs({
    options: {
      what: text,
      networks: text,
      layers: text,
      engines: text,
      rounds: text,
      clock: text,
      against: text,
      history: text,
      json: text,
      help: { type: "boolean" },
    },
  });
  if (options.help) return console.log(help);
  const wanted = chosen("what", options.what, kinds);
  const names = chosen("networks", options.networks, Object.keys(networks));
  const rounds = Number(options.rounds ?? 15);
  if (!(Number.isInteger(rounds) && rounds > 0))
    throw new Error(`--rounds: "${options.rounds}" is no number of rounds.`);
  const engineNames = chosen("engines", options.engines ?? usualEngines.join(","), Object.keys(engines));
  checkTogether(engineNames);
  const participants = await Promise.all(engineNames.map((name) => engines[name]()));

  if (options.against !== undefined) participants.push(await buildEngine(resolve(options.against)));

  const peak = await peakLoop(peakModule);
  const comparison = new Comparison(participants, rounds, peak, clockOf(options.clock ?? "wall"));
  const results: Result[] = [];
  const report = (part: readonly Result[]): void => {
    if (part.length === 0) return;
    results.push(...part);
    console.log(table(part));
  };

  console.log(
    `Node ${process.versions.node} ${process.execArgv.join(" ")}, ${cpus()[0].model}, median of ${rounds} interleaved rounds${options.clock === "thread" ? ", time of the thread" : ""}`,
  );
  console.log(participants.map(({ name, version }) => `${name} ${version}`).join(", "));
  console.log(
    `Differences allowed: outputs ${tolerances.output} of the largest value; gradients ${tolerances.gradient} relative L2, ` +
      `the first engine's ${tolerances.slope} against its own finite difference.`,
  );
  console.log(header);
  if (wanted.includes("layers")) {
    for (const layer of layers.filter(({ name }) => name.includes(options.layers ?? ""))) {
      report(await comparison.layer(layer));
    }
  }
  if (wanted.includes("forward") || wanted.includes("gradient")) {
    for (const name of names) {
      const part = await comparison.network(name, wanted);
      for (const kind of kinds) report(part.filter((result) => result.kind === kind));
    }
  }

  const { disagreements, gaps, peaks } = comparison;
  const peakGigaflops = summarise(peaks).median;
  console.log(`Peak of the L1-resident loop: ${peakGigaflops.toFixed(1)} GFLOP/s.`);
  for (const line of [...gaps, ...disagreements]) console.log(line);
  const slower = [
    ...(options.against === undefined ? [] : slowerThanAgainst(results)),
    ...(options.history === undefined
      ? []
      : slowerThanBefore(options.history, results, `${cpus()[0].model}, Node ${process.versions.node}`)),
  ];
  for (const line of slower) console.log(line);
  if (disagreements.length > 0 || slower.length > 0) process.exitCode = 1;
  if (options.json) {
    const machine = {
      node: process.versions.node,
      v8: process.versions.v8,
      flags: process.execArgv,
      cpu: cpus()[0].model,
    };
    const versions = Object.fromEntries(participants.map(({ name, version }) => [name, version]));
    const document = {
      date: new Date().toISOString(),
      machine,
      versions,
      rounds,
      peakGigaflops,
      tolerances,
      results,
      gaps,
      disagreements,
    };
    writeFileSync(options.json, `${JSON.stringify(document, null, 2)}\n`);
  }
}

// Node ends while V8 still compiles a large module in the background where nothing else is left to do.
const awake = setInterval(() => {}, 60_000);
main()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  })
  .finally(() => clearInterval(awake));
