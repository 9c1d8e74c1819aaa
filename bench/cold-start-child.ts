import { readFileSync } from "node:fs";
import { Random } from "./networks/builder";
import { benchInput } from "./peers/engine";
import { engines } from "./peers/index";

/** Loads one engine and one ONNX file, runs it once and prints the milliseconds since this process started. */
async function main([name, file]: readonly string[]): Promise<void> {
  if (name !== "empty") {
    const shape = [1, 3, 224, 224];
    const engine = await engines[name]();
    const network = await engine.prepare(readFileSync(file));
    await network.forward(benchInput(new Random(1).uniform(shape[1] * shape[2] * shape[3], -2, 2), shape));
  }
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(JSON.stringify({ milliseconds: performance.now(), megabytes: maxRSS / 1024 }));
  process.exit(0);
}

void main(process.argv.slice(2));
