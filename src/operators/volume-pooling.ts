/**
 * Pooling of volumes [N][D][H][W][C]: every slice by itself, then the slices. The largest of the largest is the largest, the first of
 * equal ones stays the first, and an average of averages counts each axis by itself.
 */
import { numberAttribute } from "../graph/ir";
import { poolKernel, windowGeometry } from "../graph/window";
import { type BuildContext, type Operation, oneToOne, type Run } from "../operation/operation";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { maxPoolRefusal, type PoolWindow, poolGeometry, switchBytes } from "./pool-window";

/** A pass cannot be stopped inside a kernel: no pooling of a real network comes near this. */
const mostLooks = 2 ** 30;

const aligned = (bytes: number): number => Math.ceil(bytes / 8) * 8;

export function volumePool(context: BuildContext, kind: "max" | "average"): Operation {
  const { node, kernels } = context;
  const [n, c, d, h, w] = context.shape(node.inputs[0]);
  const [, , outD, outH, outW] = context.shape(node.outputs[0]);
  const isGlobal = node.op.startsWith("Global");
  const spatial = [d, h, w];
  const whole = { kernel: spatial, stride: [1, 1, 1], dilation: [1, 1, 1], padBegin: [0, 0, 0], padEnd: [0, 0, 0] };
  const g = isGlobal ? whole : windowGeometry(node, spatial, poolKernel(node, spatial));
  const [kernelD] = g.kernel;
  const inside: PoolWindow = {
    kernel: [g.kernel[1], g.kernel[2]],
    stride: [g.stride[1], g.stride[2]],
    dilation: [g.dilation[1], g.dilation[2]],
    padBegin: [g.padBegin[1], g.padBegin[2]],
    padEnd: [g.padEnd[1], g.padEnd[2]],
  };
  const across: PoolWindow = {
    kernel: [kernelD, 1],
    stride: [g.stride[0], 1],
    dilation: [g.dilation[0], 1],
    padBegin: [g.padBegin[0], 0],
    padEnd: [g.padEnd[0], 0],
  };
  const [from, between] = [
    { n: n * d, h, w, c },
    { n: n * d, h: outH, w: outW, c },
  ];
  const [stacked, to] = [
    { n, h: d, w: outH * outW, c },
    { n, h: outD, w: outH * outW, c },
  ];
  if (context.isUsed(node.outputs[1] ?? "")) context.refuse("positions of the maxima of volumes are not supported");
  if (n * c * d * outH * outW * sizeOf(inside.kernel) > mostLooks)
    context.refuse("its windows look at too many elements");
  const refusal = kind === "max" && (maxPoolRefusal(inside, from, between) ?? maxPoolRefusal(across, stacked, to));
  if (refusal) context.refuse(refusal);

  const counts = numberAttribute(node, "count_include_pad", 0);
  const records = (run: Run): readonly [inside: Pointer, across: Pointer] => [
    run.record("PoolGeometry", poolGeometry(from, between, inside, from.n * run.batch, counts)),
    run.record("PoolGeometry", poolGeometry(stacked, to, across, stacked.n * run.batch, counts)),
  ];
  const middle = n * d * outH * outW * c;
  const insideSwitches = aligned(middle * switchBytes(inside));
  const acrossSwitches = aligned(n * outD * outH * outW * c * switchBytes(across));
  const scratchBytes = (batch: number): number => middle * batch * 4;
  if (kind === "average") {
    return oneToOne(context, {
      linear: true,
      scratchBytes,
      forward: (run, x, y) => {
        const [first, second] = records(run);
        kernels.averagePool(x, run.scratch, first);
        kernels.averagePool(run.scratch, y, second);
      },
      backward: (run, dy, dx) => {
        const [first, second] = records(run);
        kernels.averagePoolBackward(dy, run.scratch, second);
        kernels.averagePoolBackward(run.scratch, dx, first);
      },
    });
  }
  const switches = (run: Run): readonly [inside: Pointer, across: Pointer] => {
    const at = run.state(node.name);
    return [at, at + insideSwitches * run.batch];
  };
  return oneToOne(context, {
    stateBytes: insideSwitches + acrossSwitches,
    scratchBytes,
    forward: (run, x, y) => {
      const [[first, second], [inner, outer]] = [records(run), switches(run)];
      kernels.maxPool(x, run.scratch, inner, first);
      kernels.maxPool(run.scratch, y, outer, second);
    },
    backward: (run, dy, dx) => {
      const [[first, second], [inner, outer]] = [records(run), switches(run)];
      kernels.maxPoolBackward(dy, outer, run.scratch, second);
      kernels.maxPoolBackward(run.scratch, inner, dx, first);
    },
  });
}
