/** Operators that only rename the axes of a value: Reshape, Flatten, Squeeze, Unsqueeze; and Transpose, which reorders them. */
import { permutation } from "../graph/shapes";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { isRowMajor, memoryOrder, memoryStrides, rowMajorStrides, type Shape } from "./layout";
import { type Builder, type Operation, operation, type Run } from "./operation";
import { inOrder, stridedRecord } from "./strided";

/** Copies each sample of a value from one set of strides along the given axes to another. */
export function copyAxes(
  run: Run,
  from: Pointer,
  to: Pointer,
  extents: readonly number[],
  a: readonly number[],
  b: readonly number[],
): void {
  const size = sizeOf(extents);
  run.kernels.copyStrided(from, to, stridedRecord(run, { extents, a, b }, { a: size, b: size }));
}

/** Copies a value from memory order to row-major order. */
export function toRowMajorCopy(run: Run, from: Pointer, to: Pointer, shape: Shape): void {
  copyAxes(run, from, to, shape, memoryStrides(shape), rowMajorStrides(shape));
}

/** Copies a value from row-major order to memory order; the loops walk the destination. */
export function toMemoryCopy(run: Run, from: Pointer, to: Pointer, shape: Shape): void {
  const order = memoryOrder(shape.length);
  copyAxes(
    run,
    from,
    to,
    inOrder(shape, order),
    inOrder(rowMajorStrides(shape), order),
    inOrder(memoryStrides(shape), order),
  );
}

/** Moves the same row-major sequence of numbers from one shape's memory to another's. */
function reinterpret(run: Run, from: Pointer, fromShape: Shape, to: Pointer, toShape: Shape): void {
  if (isRowMajor(fromShape)) {
    if (isRowMajor(toShape)) run.memory.copy(from, to, sizeOf(fromShape) * run.batch * 4);
    else toMemoryCopy(run, from, to, toShape);
    return;
  }
  if (isRowMajor(toShape)) {
    toRowMajorCopy(run, from, to, fromShape);
    return;
  }
  toRowMajorCopy(run, from, run.scratch, fromShape);
  toMemoryCopy(run, run.scratch, to, toShape);
}

export const reshape: Builder = (context) => {
  const { node } = context;
  const input = node.inputs[0];
  const [output] = node.outputs;
  const [from, to] = [context.shape(input), context.shape(output)];
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    scratchBytes: (batch) => (isRowMajor(from) || isRowMajor(to) ? 0 : sizeOf(from) * batch * 4),
    forward: (run) => reinterpret(run, run.value(input), from, run.value(output), to),
    backward: (run) => run.contribute(input, (dx) => reinterpret(run, run.gradient(output), to, dx, from)),
  });
};

export const transpose: Builder = (context) => {
  const { node } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const from = context.shape(input);
  const to = context.shape(output);
  const source = permutation(node, from).map((axis) => memoryStrides(from)[axis]);
  return stridedMove({ node, input, output, extents: to, a: source, b: memoryStrides(to) });
};

/** An operation that copies every element of the input to one place of the output, given strides along common axes. */
function stridedMove({
  node,
  input,
  output,
  extents,
  a,
  b,
}: {
  node: Operation["node"];
  input: string;
  output: string;
  extents: readonly number[];
  a: readonly number[];
  b: readonly number[];
}): Operation {
  // The loops walk the operand that is written in its memory order: biggest stride outermost.
  const walk = (main: readonly number[]): number[] =>
    extents.map((_extent, axis) => axis).sort((left, right) => main[right] - main[left] || left - right);
  const [forwardOrder, backwardOrder] = [walk(b), walk(a)];
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    forward: (run) =>
      copyAxes(
        run,
        run.value(input),
        run.value(output),
        inOrder(extents, forwardOrder),
        inOrder(a, forwardOrder),
        inOrder(b, forwardOrder),
      ),
    backward: (run) =>
      run.contribute(input, (dx) =>
        copyAxes(
          run,
          run.gradient(output),
          dx,
          inOrder(extents, backwardOrder),
          inOrder(b, backwardOrder),
          inOrder(a, backwardOrder),
        ),
      ),
  });
}

/** DepthToSpace and SpaceToDepth: blocks of pixels become channels or the other way round. */
export const depthSpace: Builder = (context) => {
  const { node } = context;
  const [input] = node.inputs;
  const [output] = node.outputs;
  const block = node.attributes.get("blocksize");
  if (typeof block !== "number") return context.refuse('its attribute "blocksize" is missing');
  const toSpace = node.op === "DepthToSpace";
  const [, deepChannels, height, width] = context.shape(toSpace ? input : output);
  const [, channels] = context.shape(toSpace ? output : input);
  const columnRowDepth = toSpace && node.attributes.get("mode") === "CRD";
  // Loops: row, row inside block, column, column inside block, channel.
  const extents = [height, block, width, block, channels];
  const deep = columnRowDepth
    ? [width * deepChannels, block, deepChannels, 1, block * block]
    : [width * deepChannels, block * channels, deepChannels, channels, 1];
  const wide = [block * width * block * channels, width * block * channels, block * channels, channels, 1];
  const [a, b] = toSpace ? [deep, wide] : [wide, deep];
  return stridedMove({ node, input, output, extents, a, b });
};
