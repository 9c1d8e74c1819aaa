// node test/hostile/one-file.mjs FILE: what becomes of a hostile file, in a process of its own, as JSON with seconds and megabytes.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import * as library from "../../dist/index.js";

const [, , path] = process.argv;
const bytes = new Uint8Array(readFileSync(path));
const short = (text) => (text.length > 160 ? `${text.slice(0, 160)}…` : text);

async function work() {
  if (/\.(png|jpg|webp)$/.test(path)) {
    const { width, height } = await library.decodeImage(bytes);
    return `a picture of ${width}×${height}`;
  }
  const source = path.endsWith(".json") ? { "model.json": bytes } : bytes;
  const model = await library.loadModel(source, { maxMemory: 256 * 2 ** 20 });
  const { shape } = model.input;
  const input = new library.Tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);
  const { output } = await model.run(input);
  await library.saliency(model, input);
  return `runs: ${[...output.data.slice(0, 4)].join(", ")}`;
}

let outcome;
let isTyped = true;
try {
  outcome = await work();
} catch (error) {
  isTyped = error instanceof library.SeethroughError && !(error instanceof library.InternalError);
  outcome = `${error.name}: ${error.message}`;
}
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const seconds = (userCPUTime + systemCPUTime) / 1e6;
console.log(
  JSON.stringify({ file: basename(path), outcome: short(outcome), isTyped, seconds, megabytes: maxRSS / 1024 }),
);
