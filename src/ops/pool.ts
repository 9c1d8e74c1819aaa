/** Max and average pooling with their adjoints, and max-unpooling through recorded switches. */
import { numberAttribute, numbersAttribute } from "../graph/ir";
import { windowGeometry } from "../graph/shapes";
import { showShape, sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { imageShape } from "./layout";
import { type BuildContext, type Builder, operation, type Run } from "./operation";

/** Windows of more elements than a byte can tell apart take two bytes per switch. */
const narrowWindow = 256;
const wideWindow = 65536;

interface PoolWindow {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padBegin: readonly [number, number];
  readonly padEnd: readonly [number, number];
}

/** A signal is an image of height one. */
const pair = (values: readonly number[], missing: number): [number, number] =>
  values.length === 1 ? [missing, values[0]] : [values[0], values[1]];

function windowOf(context: BuildContext): PoolWindow {
  const { node } = context;
  const spatial = context.shape(node.inputs[0]).slice(2);
  if (spatial.length < 1 || spatial.length > 2) context.refuse(`pooling over ${spatial.length} axes is not supported`);
  if (node.op.startsWith("Global")) {
    const [h, w] = pair(spatial, 1);
    return { kernel: [h, w], stride: [1, 1], dilation: [1, 1], padBegin: [0, 0], padEnd: [0, 0] };
  }
  const g = windowGeometry(node, spatial, numbersAttribute(node, "kernel_shape"));
  return {
    kernel: pair(g.kernel, 1),
    stride: pair(g.stride, 1),
    dilation: pair(g.dilation, 1),
    padBegin: pair(g.padBegin, 0),
    padEnd: pair(g.padEnd, 0),
  };
}

/** The record writer of a pool between two values. */
function poolRecord(context: BuildContext, input: string, output: string, window: PoolWindow, countIncludePad: number) {
  const from = imageShape(context.shape(input));
  const to = imageShape(context.shape(output));
  return (run: Run): Pointer =>
    run.record("PoolGeometry", {
      samples: from.n * run.batch,
      inH: from.h,
      inW: from.w,
      channels: from.c,
      outH: to.h,
      outW: to.w,
      kernelH: window.kernel[0],
      kernelW: window.kernel[1],
      strideH: window.stride[0],
      strideW: window.stride[1],
      dilationH: window.dilation[0],
      dilationW: window.dilation[1],
      padTop: window.padBegin[0],
      padLeft: window.padBegin[1],
      padBottom: window.padEnd[0],
      padRight: window.padEnd[1],
      countIncludePad,
    });
}

export const maxPool: Builder = (context) => {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output, indices] = node.outputs;
  const window = windowOf(context);
  const elements = window.kernel[0] * window.kernel[1];
  if (elements > wideWindow) context.refuse(`its window of ${elements} elements is larger than ${wideWindow}`);
  const wide = elements > narrowWindow;
  if (indices && context.isUsed(indices) && wide) context.refuse("indices of such a large window cannot be unpooled");
  const [apply, applyBackward] = wide
    ? [kernels.maxPoolWide, kernels.maxPoolWideBackward]
    : [kernels.maxPool, kernels.maxPoolBackward];
  const record = poolRecord(context, input, output, window, 0);
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    stateBytes: sizeOf(context.shape(output)) * (wide ? 2 : 1),
    forward: (run) => apply(run.value(input), run.value(output), run.state(node.name), record(run)),
    backward: (run) =>
      run.contribute(input, (dx) => applyBackward(run.gradient(output), run.state(node.name), dx, record(run))),
  });
};

export const averagePool: Builder = (context) => {
  const { node, kernels } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const record = poolRecord(context, input, output, windowOf(context), numberAttribute(node, "count_include_pad", 0));
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    forward: (run) => kernels.averagePool(run.value(input), run.value(output), record(run)),
    backward: (run) =>
      run.contribute(input, (dx) => kernels.averagePoolBackward(run.gradient(output), dx, record(run))),
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
  const record = poolRecord(context, output, input, windowOf({ ...context, node: pool }), 0);
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    stateOf: pool.name,
    forward: (run) => kernels.maxUnpool(run.value(input), run.state(pool.name), run.value(output), record(run)),
    backward: (run) =>
      run.contribute(input, (dx) =>
        kernels.maxUnpoolBackward(run.gradient(output), run.state(pool.name), dx, record(run)),
      ),
  });
};
