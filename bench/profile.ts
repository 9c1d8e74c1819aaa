import { parseArgs } from "node:util";
import { loadModel } from "../src/load-model";
import { loaded } from "../src/model/loaded-model";
import type { Operation } from "../src/operation/operation";
import { Random } from "../src/random/random";
import { networks } from "./networks/index";
import { peakLoop, peakModule } from "./peak";

const help = `Where the time of one network goes, operation by operation.

  --network   ${Object.keys(networks).join(", ")}
  --batch     images per pass; times are per image (default: 1)
  --backward  profile the backward half of a saliency instead of the forward pass
  --rounds    rounds; the fastest of each operation counts (default: 15)
  --top       lines to print (default: 40)`;

interface Timed {
  readonly operation: Operation;
  best: number;
}

/** Lets every operation note its shortest time. */
function watch(operations: readonly Operation[], direction: "forward" | "backward"): Timed[] {
  return operations.map((operation) => {
    const timed: Timed = { operation, best: Number.POSITIVE_INFINITY };
    const call = operation[direction].bind(operation);
    operation[direction] = (run) => {
      const start = performance.now();
      call(run);
      timed.best = Math.min(timed.best, performance.now() - start);
    };
    return timed;
  });
}

function describe({ node }: Operation, shape: (value: string) => readonly number[]): string {
  const number = (name: string): string => {
    const value = node.attributes.get(name);
    return value === undefined ? "" : `${name} ${String(value)}`;
  };
  const shapes = `${shape(node.inputs[0]).slice(1).join("×")} → ${shape(node.outputs[0]).slice(1).join("×")}`;
  return `${node.op.padEnd(18)} ${shapes} ${["kernel_shape", "strides", "group"].map(number).join(" ")}`;
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      network: { type: "string" },
      backward: { type: "boolean" },
      batch: { type: "string", default: "1" },
      rounds: { type: "string", default: "15" },
      top: { type: "string", default: "40" },
      help: { type: "boolean" },
    },
  });
  const entry = networks[options.network ?? ""];
  if (options.help || !entry) return console.log(help);
  const direction = options.backward ? "backward" : "forward";

  const peak = await peakLoop(peakModule);
  let peakTime = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    peak.run();
    peakTime = Math.min(peakTime, performance.now() - start);
  }
  const peakGigaflops = peak.flops / peakTime / 1e6;

  const model = loaded(await loadModel(entry.build()));
  const { fast } = model;
  const timed = watch(fast.operations, direction);
  const random = new Random(1);
  const batch = Number(options.batch);
  const side = entry.side ?? 224;
  const data = Float32Array.from({ length: batch * 3 * side * side }, () => random.normal());
  for (let i = 0; i < Number(options.rounds); i++) {
    await model.watchedPass(
      {
        batch,
        data,
        keep: options.backward ? [] : [fast.graph.outputs[0]],
        backward: options.backward
          ? { seed: fast.graph.outputs[0], wanted: [fast.input], write: (gradient) => gradient.fill(1) }
          : undefined,
      },
      undefined,
    );
  }
  for (const each of timed) each.best /= batch;
  const ran = timed.filter(({ best }) => best < Number.POSITIVE_INFINITY).sort((a, b) => b.best - a.best);
  const total = ran.reduce((sum, { best }) => sum + best, 0);
  console.log(
    `${options.network} ${direction}: ${total.toFixed(1)} ms in ${ran.length} operations, peak ${peakGigaflops.toFixed(1)} GFLOP/s`,
  );
  const shape = (value: string): readonly number[] => fast.graph.shapes.get(value) ?? [];
  const share = (time: number): string => `${((100 * time) / total).toFixed(1).padStart(5)} %`;
  for (const { operation, best } of ran.slice(0, Number(options.top))) {
    const gigaflops =
      operation.macs > 0 ? `${((2e-6 * operation.macs) / best).toFixed(1).padStart(6)} GFLOP/s` : "".padStart(14);
    console.log(`${best.toFixed(3).padStart(8)} ms ${share(best)} ${gigaflops}  ${describe(operation, shape)}`);
  }
  const byOp = new Map<string, { time: number; macs: number }>();
  for (const { operation, best } of ran) {
    const sum = byOp.get(operation.node.op) ?? { time: 0, macs: 0 };
    byOp.set(operation.node.op, { time: sum.time + best, macs: sum.macs + operation.macs });
  }
  for (const [op, { time, macs }] of [...byOp].sort(([, a], [, b]) => b.time - a.time)) {
    console.log(
      `${op.padEnd(20)} ${time.toFixed(2).padStart(8)} ms ${share(time)} ${macs > 0 ? `${((2e-6 * macs) / time).toFixed(1)} GFLOP/s` : ""}`,
    );
  }
}

await main();
