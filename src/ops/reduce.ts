/** ReduceMean and ReduceSum over any axes. */
import { reduceGeometry } from "../graph/shapes";
import { sizeOf } from "../tensor";
import { memoryOrder, memoryStrides, type Shape } from "./layout";
import { type Builder, operation } from "./operation";
import { inOrder, stridedRecord } from "./strided";

export const reduce: Builder = (context) => {
  const { node } = context;
  const input = node.inputs[0];
  const [output] = node.outputs;
  const shape = context.shape(input);
  const constants = node.inputs.map((name) => (name ? context.constant(name) : undefined));
  const { axes, keep, out: outShape } = reduceGeometry(node, shape, constants);
  const order = memoryOrder(shape.length);
  const outStrides = alongInput(memoryStrides(outShape), shape, axes, keep);
  const loops = {
    extents: inOrder(shape, order),
    a: inOrder(memoryStrides(shape), order),
    b: inOrder(outStrides, order),
  };
  const [size, outSize] = [sizeOf(shape), sizeOf(outShape)];
  const factor = node.op === "ReduceMean" ? outSize / size : 1;
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    scratchBytes: (batch, direction) => (direction === "backward" ? outSize * batch * 4 : 0),
    forward: (run) => {
      const y = run.value(output);
      run.memory.bytes(y, outSize * run.batch * 4).fill(0);
      run.kernels.addStrided(run.value(input), y, stridedRecord(run, loops, { a: size, b: outSize }));
      run.kernels.scale(y, y, outSize * run.batch, factor);
    },
    backward: (run) =>
      run.contribute(input, (dx) => {
        run.kernels.scale(run.gradient(output), run.scratch, outSize * run.batch, factor);
        const repeated = { extents: loops.extents, a: loops.b, b: loops.a };
        run.kernels.copyStrided(run.scratch, dx, stridedRecord(run, repeated, { a: outSize, b: size }));
      }),
  });
};

/** Output strides along the input's axes: 0 along reduced ones. */
function alongInput(strides: readonly number[], shape: Shape, axes: readonly number[], keep: boolean): number[] {
  const kept = shape.map((_, axis) => axis).filter((axis) => keep || !axes.includes(axis));
  return shape.map((_, axis) => (axes.includes(axis) ? 0 : strides[kept.indexOf(axis)]));
}
