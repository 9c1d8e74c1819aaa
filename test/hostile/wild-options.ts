/** Options as a caller may mean them, mistake them or be tricked into them: what stands beside a damaged file. */
import { wildValues } from "./wild-values";

type Below = (n: number) => number;
const pick = <T>(list: readonly T[], below: Below): T => list[below(list.length)];

const sensible: Readonly<Record<string, readonly unknown[]>> = {
  quantized: ["deployed", "float"],
  arithmetic: ["plain", "fastest"],
  copy: [true, false],
  memory: ["fast", "low"],
  limits: [
    { nodes: 5 },
    { nodes: 40, elements: 1000 },
    { nameBytes: 8 },
    { foldedBytes: 100, textBytes: 300 },
    { rank: 2 },
    {},
  ],
  threads: [1],
  threadScript: ["./missing.js", new URL("file:///missing.js")],
  labels: [["a", "b"], ["a", "b", "c"], "a\nb\nc", { 0: "a", 1: "b" }, '["a", "b"]'],
  inputShape: [[1, 3, 12, 12], [1, 4, 4, 1], [1, 6, 6, 3], [0], [1, 2 ** 31, 3, 3]],
  preprocess: [{ range: [0, 1] }, { mean: [0, 0, 0], std: [1, 1, 1] }, { range: [-1, 1], fit: "pad" }],
  output: ["y", "r1", "features", "missing"],
  classAxis: [0, 1, 3, -1],
  config: [{ id2label: { 0: "a", 1: "b" } }, { size: { height: 12, width: 12 }, image_mean: [0.5] }, {}],
};

/** Up to three options of `loadModel`; one in six is something else altogether. `limits` and `maxMemory` keep every case small. */
export function loadOptions(below: Below): Record<string, unknown> {
  const options: Record<string, unknown> = { maxMemory: 64 * 2 ** 20 };
  const names = Object.keys(sensible);
  for (let n = below(4); n > 0; n--) {
    const name = pick(names, below);
    options[name] = below(6) === 0 ? pick(wildValues, below) : pick(sensible[name], below);
  }
  return options;
}

const ways: Readonly<Record<string, readonly unknown[]>> = {
  method: ["saliency", "grad-cam", "occlusion", "rise", "integrated-gradients", "lime", "attention-rollout", "d-rise"],
  target: [0, 1, 5, "a", { class: 1 }, { contrast: [0, 1] }, { sum: [0, 1] }, { layer: "r1", unit: 0 }, { unit: 1 }],
  targets: [[0, 1], ["a"], [], [{ class: 0 }, { class: 9 }], [[0]]],
  budget: [{ passes: 3 }, { ms: 5 }, { passes: 0 }, { ms: Number.NaN }, {}, { passes: 1, ms: 1 }],
  head: [{ boxes: "y", decode: "corners" }, { boxes: "y", scores: "y" }, {}, "yolov8"],
  detection: [0, { index: 1 }, { box: [0, 0, 4, 4], index: 1 }],
  layer: ["r1", "features", "missing", ""],
  nSteps: [2, 0, 1.5],
  masks: [3, -1],
  samples: [3, 0],
  batchSize: [1, 7],
  seed: [1, -1, 2 ** 60],
  baseline: ["zero", "mean", "blur", 0.5],
  window: [3, [2, 2], 0],
  stride: [3, 1],
};

/** Options of `explain`, as wild. */
export function explainOptions(below: Below): Record<string, unknown> {
  const options: Record<string, unknown> = { masks: 3, samples: 3, nSteps: 2 };
  const names = Object.keys(ways);
  for (const name of ["method", ...Array.from({ length: below(4) }, () => pick(names, below))])
    options[name] = below(8) === 0 ? pick(wildValues, below) : pick(ways[name], below);
  return options;
}

/** Options of `decodeImage`. Pictures stay small. */
export function decodeOptions(below: Below): Record<string, unknown> {
  const options: Record<string, unknown> = { maxPixels: 1e6 };
  if (below(3) === 0) options.maxSide = below(4) === 0 ? pick(wildValues, below) : pick([1, 8, 1000, 0, 0.5], below);
  if (below(8) === 0) options.maxPixels = pick([1, 100, 1e5, 0, -1, Number.NaN, "9"], below);
  return options;
}
