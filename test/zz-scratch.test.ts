import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { it } from "vitest";
import { buildNetwork } from "../src/engine/network";
import { Session } from "../src/engine/session";
import { foldBatchNorm } from "../src/graph/passes/fold-batch-norm";
import { removeDeadNodes } from "../src/graph/passes/remove-dead-nodes";
import { removeNoOps } from "../src/graph/passes/remove-no-ops";
import { specialise } from "../src/graph/passes/specialise";
import { readOnnx } from "../src/onnx/reader";
import { toMemoryOrder, toRowMajor } from "../src/ops/layout";
import { KernelMemory } from "../src/wasm/memory";

const models: [string, number[]][] = [
  ["lenet5-mnist", [1, 1, 32, 32]],
  ["resnet20-cifar10-bn", [1, 3, 32, 32]],
  ["resnet20-cifar10-bn-rawexport", [1, 3, 32, 32]],
  ["squeezenet1.0-dc-imagenet", [1, 3, 227, 227]],
  ["mediapipe-selfie-segmentation-256", [1, 3, 256, 256]],
  ["ppocr-mobile-v2-cls", [1, 3, 48, 192]],
  ["mobilenet-v1-0.5-160-imagenet", [1, 3, 160, 160]],
  ["mobilenet-v2-1.0-224-imagenet", [1, 3, 224, 224]],
  ["digit-dcgan-generator-bn", [1, 64, 1, 1]],
  ["enet-camvid-maxunpool-bn", [1, 3, 360, 480]],
  ["ppocrv4-det-dbnet", [1, 3, 320, 320]],
  ["deeplabv3-mnv2-0.5-pascal-513", [1, 3, 513, 513]],
];
for (const [name, shape] of models)
  it(name, async () => {
    const bytes = new Uint8Array(readFileSync(`../shared/models/${name}.onnx`));
    const t0 = performance.now();
    const file = readOnnx(bytes);
    const g0 = removeNoOps(specialise(file, new Map([[file.inputs[0].name, shape]])));
    const result = g0.aliases.get(file.outputs[0]) ?? file.outputs[0];
    const graph = foldBatchNorm(removeDeadNodes(g0, [result]), new Set([result]));
    const module = await WebAssembly.compile(readFileSync("build/kernels.wasm"));
    const kernels = (await WebAssembly.instantiate(module, {})).exports as never;
    const memory = new KernelMemory(kernels, 2 ** 32);
    const network = buildNetwork(graph, kernels, memory);
    const session = new Session(kernels, memory);
    const x = new Float32Array(shape.reduce((a, b) => a * b, 1)).map(
      (_, i) => Math.sin(i * 0.37) * Math.cos(i * 0.011),
    );
    const t1 = performance.now();
    const run = () =>
      session.run(network, { batch: 1, data: toMemoryOrder(x, shape), keep: [result] }).values.get(result)!;
    let y = run();
    const t2 = performance.now();
    for (let i = 0; i < 5; i++) run();
    const t3 = performance.now();
    y = toRowMajor(y, graph.shapes.get(result)!);
    const s = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
    const feeds = { [s.inputNames[0]]: new ort.Tensor("float32", x, shape) };
    let out = await s.run(feeds);
    const t4 = performance.now();
    for (let i = 0; i < 5; i++) out = await s.run(feeds);
    const t5 = performance.now();
    const ref = out[s.outputNames[0]].data as Float32Array;
    let d = 0,
      m = 0;
    ref.forEach((v, i) => {
      d = Math.max(d, Math.abs(v - y[i]));
      m = Math.max(m, Math.abs(v));
    });
    console.log(
      name,
      "err",
      (d / m).toExponential(2),
      "load",
      (t1 - t0).toFixed(0),
      "first",
      (t2 - t1).toFixed(1),
      "ms",
      ((t3 - t2) / 5).toFixed(1),
      "ort",
      ((t5 - t4) / 5).toFixed(1),
      ref.length,
      y.length,
    );
    const tb = performance.now();
    const g = () =>
      session.run(network, {
        batch: 1,
        data: toMemoryOrder(x, shape),
        backward: {
          seed: result,
          wanted: [network.input],
          write: (q) => {
            q[0] = 1;
          },
        },
      });
    g();
    const tc = performance.now();
    g();
    console.log(
      "   gradient first",
      (tc - tb).toFixed(0),
      "then",
      (performance.now() - tc).toFixed(1),
      "mem",
      memory.resident / 2 ** 20,
    );
  });
