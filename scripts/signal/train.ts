// Trains the network of examples/signal and picks its strips: npm run train:signal
import { writeFile } from "node:fs/promises";
import { Random } from "../../src/random/random";
import { labels, makeStrips, sampleRate } from "./beats";
import { trainSignalNetwork } from "./network";

/** Strips the network has not seen: another seed than the one of the training. */
const strips = makeStrips(2, new Random(7)).map(({ label, values, truth }) => ({
  label: labels[label],
  truth,
  values: Array.from(values, (value) => Math.round(value * 1000) / 1000),
}));
await writeFile("examples/signal/beats.onnx", await trainSignalNetwork());
await writeFile("examples/signal/beats.json", `${JSON.stringify({ sampleRate, unit: "mV", strips })}\n`);
