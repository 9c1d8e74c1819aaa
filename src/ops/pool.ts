/** Max and average pooling with their adjoints, and max-unpooling through recorded switches. */
import { numberAttribute } from "../graph/ir";
import { showShape, sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { imageShape } from "./layout";
import { type BuildContext, type Builder, oneToOne, type Run } from "./operation";
import { maxPoolRefusal, type PoolWindow, poolGeometry, poolWindow, switchBytes } from "./pool-window";

function windowOf(context: BuildContext): PoolWindow {
  const { node } = context;
  const spatial = context.shape(node.inputs[0]).slice(2);
  if (spatial.length < 1 || spatial.length > 2) context.refuse(`pooling over ${spatial.length} axes is not supported`);
  const window = poolWindow(node, spatial);
  const looks = sizeOf(context.shape(node.outputs[0])) * sizeOf(window.kernel);
  if (looks > mostLooks) {
    context.refuse(
      `its windows look at ${looks.toLocaleString("en-US")} elements, and at most ${mostLooks.toLocaleString("en-US")} are looked at`,
    );
  }
  return window;
}

/** A pass cannot be stopped inside a kernel: no pooling of a real network comes near this. */
const mostLooks = 2 ** 30;

/** The record writer of a pool between two values. */
function poolRecord(context: BuildContext, input: string, output: string, window: PoolWindow, countIncludePad: number) {
  const from = imageShape(context.shape(input));
  const to = imageShape(context.shape(output));
  return (run: Run): Pointer =>
    run.record("PoolGeometry", poolGeometry(from, to, window, from.n * run.batch, countIncludePad));
}

export const maxPool: Builder = (context) => {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const window = windowOf(context);
  const refusal = maxPoolRefusal(window, imageShape(context.shape(input)), imageShape(context.shape(output)));
  if (refusal !== undefined) context.refuse(refusal);
  const record = poolRecord(context, input, output, window, 0);
  return oneToOne(context, {
    stateBytes: sizeOf(context.shape(output)) * switchBytes(window),
    forward: (run, x, y) => kernels.maxPool(x, y, run.state(node.name), record(run)),
    backward: (run, dy, dx) => kernels.maxPoolBackward(dy, run.state(node.name), dx, record(run)),
  });
};

export const averagePool: Builder = (context) => {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const record = poolRecord(context, input, output, windowOf(context), numberAttribute(node, "count_include_pad", 0));
  return oneToOne(context, {
    linear: true,
    forward: (run, x, y) => kernels.averagePool(x, y, record(run)),
    backward: (run, dy, dx) => kernels.averagePoolBackward(dy, dx, record(run)),
  });
};

/** MaxUnpool puts each value back where the paired MaxPool found its maximum; everything else is zero. */
export const maxUnpool: Builder = (context) => {
  const { node, kernels } = context;
  const [input, indices] = node.inputs;
  const [output] = node.outputs;
  const pool = context.producer(indices);
  if (pool?.op !== "MaxPool" || pool.outputs[1] !== indices) {
    return context.refuse(`its indices "${indices}" do not come straight from a MaxPool`);
  }
  const [pooledFrom, restored] = [context.shape(pool.inputs[0]), context.shape(output)];
  if (showShape(pooledFrom) !== showShape(restored)) {
    context.refuse(
      `its output ${showShape(restored)} differs from what MaxPool "${pool.name}" pooled, ${showShape(pooledFrom)}`,
    );
  }
  const window = windowOf({ ...context, node: pool });
  const record = poolRecord(context, output, input, window, 0);
  return oneToOne(context, {
    linear: true,
    stateOf: pool.name,
    forward: (run, x, y) => kernels.maxUnpool(x, run.state(pool.name), y, record(run)),
    backward: (run, dy, dx) => kernels.maxUnpoolBackward(dy, run.state(pool.name), dx, record(run)),
  });
};
