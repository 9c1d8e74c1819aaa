/** Operators that copy rectangles of values: Concat, Split, Slice, Pad, Gather, and Expand, which repeats. */
import { ModelError } from "../errors";
import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { paddings, sliceGeometry, splitGeometry } from "../graph/shapes";
import { sizeOf } from "../tensor";
import type { Pointer } from "../wasm/kernels";
import { memoryOrder, memoryStrides, type Shape, toMemoryOrder } from "./layout";
import { type BuildContext, type Builder, type Operation, operation, type Run } from "./operation";
import { indexTable, resampleOperation } from "./resize";
import { broadcastStrides, inOrder, stridedRecord } from "./strided";
import { placeOnce } from "./weights";

/** A rectangle of one value and the rectangle of another that holds the same elements; strides and offsets in floats. */
interface Region {
  readonly extents: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly aOffset: number;
  readonly bOffset: number;
}

interface Side {
  readonly pointer: Pointer;
  /** Floats from one sample to the next; 0 for a constant. */
  readonly sample: number;
}

const flip = ({ extents, a, b, aOffset, bOffset }: Region): Region => ({
  extents,
  a: b,
  b: a,
  aOffset: bOffset,
  bOffset: aOffset,
});

/** Copies (or adds) a region of `from` into `to`. */
function move(run: Run, kernel: "copyStrided" | "addStrided", region: Region, from: Side, to: Side): void {
  if (sizeOf(region.extents) === 0) return;
  const record = stridedRecord(run, region, { a: from.sample, b: to.sample });
  run.kernels[kernel](from.pointer + region.aOffset * 4, to.pointer + region.bOffset * 4, record);
}

const clear = (run: Run, pointer: Pointer, size: number): void => {
  run.memory.bytes(pointer, size * run.batch * 4).fill(0);
};

const dotProduct = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, value, i) => total + value * b[i], 0);

/** The region of `inner` that lies inside `outer` from `start` on, with a step per axis; loops walk `inner`'s memory. */
function regionOf(outer: Shape, inner: Shape, start: readonly number[], steps: readonly number[]): Region {
  const order = memoryOrder(inner.length);
  const strides = memoryStrides(outer);
  return {
    extents: inOrder(inner, order),
    a: inOrder(
      strides.map((stride, axis) => stride * steps[axis]),
      order,
    ),
    b: inOrder(memoryStrides(inner), order),
    aOffset: dotProduct(start, strides),
    bOffset: 0,
  };
}

const axisOf = (node: Node, rank: number, fallback?: number): number => {
  const axis = numberAttribute(node, "axis", fallback);
  return axis < 0 ? axis + rank : axis;
};

/** Start indices that are zero but for one axis. */
const startAt = (rank: number, axis: number, value: number): number[] =>
  Array.from({ length: rank }, (_, i) => (i === axis ? value : 0));

const ones = (rank: number): number[] => new Array<number>(rank).fill(1);

export const concat: Builder = (context) => {
  const { node, memory } = context;
  const [output] = node.outputs;
  const shape = context.shape(output);
  const size = sizeOf(shape);
  const axis = axisOf(node, shape.length);
  let next = 0;
  const parts = node.inputs.map((name) => {
    const constant = context.constant(name);
    const part = constant ? constant.shape : context.shape(name);
    const region = regionOf(shape, part, startAt(shape.length, axis, next), ones(shape.length));
    next += part[axis];
    const place = constant && placeOnce(memory, toMemoryOrder(constant.floats(), part), "Concatenated constant");
    return { name, region, size: sizeOf(part), place };
  });
  return operation({
    node,
    inputs: [...new Set(parts.flatMap(({ name, place }) => (place ? [] : name)))],
    outputs: [output],
    linear: true,
    forward: (run) => {
      const to = { pointer: run.value(output), sample: size };
      for (const { name, region, size: partSize, place } of parts) {
        const from = place ? { pointer: place(), sample: 0 } : { pointer: run.value(name), sample: partSize };
        move(run, "copyStrided", flip(region), from, to);
      }
    },
    backward: (run) => {
      for (const { name, region, size: partSize, place } of parts) {
        if (place) continue;
        run.contribute(name, (dx) =>
          move(
            run,
            "copyStrided",
            region,
            { pointer: run.gradient(output), sample: size },
            { pointer: dx, sample: partSize },
          ),
        );
      }
    },
  });
};

export const split: Builder = (context) => {
  const { node } = context;
  const input = node.inputs[0];
  const shape = context.shape(input);
  const size = sizeOf(shape);
  const axis = axisOf(node, shape.length, 0);
  const { parts: extents } = splitGeometry(node, shape, constantsOf(context));
  let next = 0;
  const all = node.outputs.map((name, i) => {
    const part = shape.map((extent, other) => (other === axis ? extents[i] : extent));
    const region = regionOf(shape, part, startAt(shape.length, axis, next), ones(shape.length));
    next += extents[i];
    return { name, region, size: sizeOf(part) };
  });
  // A part that nobody reads has no name.
  const parts = all.filter(({ name }) => name !== "");
  return operation({
    node,
    inputs: [input],
    outputs: parts.map(({ name }) => name),
    linear: true,
    forward: (run) => {
      for (const { name, region, size: partSize } of parts) {
        move(
          run,
          "copyStrided",
          region,
          { pointer: run.value(input), sample: size },
          { pointer: run.value(name), sample: partSize },
        );
      }
    },
    backward: (run) =>
      run.contribute(input, (dx) => {
        if (parts.length < all.length) clear(run, dx, size);
        for (const { name, region, size: partSize } of parts) {
          move(
            run,
            "copyStrided",
            flip(region),
            { pointer: run.gradient(name), sample: partSize },
            { pointer: dx, sample: size },
          );
        }
      }),
  });
};

/** An operation whose output is one region of its input (and nothing else). */
function selection(
  node: Node,
  input: string,
  output: string,
  size: number,
  outSize: number,
  regions: readonly Region[],
): Operation {
  return operation({
    node,
    inputs: [input],
    outputs: [output],
    linear: true,
    forward: (run) => {
      for (const region of regions) {
        move(
          run,
          "copyStrided",
          region,
          { pointer: run.value(input), sample: size },
          { pointer: run.value(output), sample: outSize },
        );
      }
    },
    backward: (run) =>
      run.contribute(input, (dx) => {
        clear(run, dx, size);
        for (const region of regions) {
          move(
            run,
            "addStrided",
            flip(region),
            { pointer: run.gradient(output), sample: outSize },
            { pointer: dx, sample: size },
          );
        }
      }),
  });
}

/** The constant inputs of a node, for the geometry functions. */
const constantsOf = (context: BuildContext) =>
  context.node.inputs.map((name) => (name ? context.constant(name) : undefined));

export const slice: Builder = (context) => {
  const { node } = context;
  const input = node.inputs[0];
  const [output] = node.outputs;
  const shape = context.shape(input);
  const outShape = context.shape(output);
  const { start, step } = sliceGeometry(node, shape, constantsOf(context));
  const region = regionOf(shape, outShape, start, step);
  return selection(node, input, output, sizeOf(shape), sizeOf(outShape), [region]);
};

/** Gather with constant indices: one copy per index, or one pass over the pixels where channels are chosen. */
export const gather: Builder = (context) => {
  const { node } = context;
  const [input, indexName] = node.inputs;
  const [output] = node.outputs;
  const shape = context.shape(input);
  const outShape = context.shape(output);
  const axis = axisOf(node, shape.length, 0);
  const indices = context.constant(indexName) ?? context.refuse(`its indices "${indexName}" are not constant`);
  if (indices.shape.length > 1) context.refuse("its indices have more than one axis");
  const order = memoryOrder(shape.length).filter((i) => i !== axis);
  const outStrides = memoryStrides(outShape);
  const scalar = indices.shape.length === 0;
  const outAxis = (i: number): number => (scalar && i > axis ? i - 1 : i);
  const positions = indices.numbers().map((index) => (index < 0 ? index + shape[axis] : index));
  const regions = positions.map(
    (index, position): Region => ({
      extents: inOrder(shape, order),
      a: inOrder(memoryStrides(shape), order),
      b: order.map((i) => outStrides[outAxis(i)]),
      aOffset: index * memoryStrides(shape)[axis],
      bOffset: scalar ? 0 : position * outStrides[axis],
    }),
  );
  const copies = selection(node, input, output, sizeOf(shape), sizeOf(outShape), regions);
  return axis === 1 && !scalar && shape.length > 2 ? chosenChannels(context, copies, positions) : copies;
};

/** A Gather of channels, which lie side by side in memory; its adjoint is one too if it only reorders them. */
function chosenChannels(context: BuildContext, copies: Operation, order: readonly number[]): Operation {
  const [input] = copies.inputs;
  const [output] = copies.outputs;
  const shape = context.shape(input);
  const channels = shape[1];
  const pixels = sizeOf(shape) / channels;
  const table = (list: readonly number[]) =>
    placeOnce(
      context.memory,
      Uint32Array.from(list, (c) => 4 * c),
      "Order of channels",
    );
  const forward = table(order);
  const inverse = table(Array.from({ length: channels }, (_, c) => order.indexOf(c)));
  const reorders = order.length === channels && new Set(order).size === channels;
  return {
    ...copies,
    forward: (run) => {
      const count = order.length;
      run.kernels.gatherChannels(run.value(input), forward(), run.value(output), pixels * run.batch, channels, count);
    },
    backward: (run) => {
      if (!reorders) copies.backward(run);
      else {
        run.contribute(input, (dx) =>
          run.kernels.gatherChannels(run.gradient(output), inverse(), dx, pixels * run.batch, channels, channels),
        );
      }
    },
  };
}

/** Expand repeats a value along axes of one element; its adjoint sums. */
export const expand: Builder = (context) => {
  const { node } = context;
  const input = node.inputs[0];
  const [output] = node.outputs;
  const [shape, outShape] = [context.shape(input), context.shape(output)];
  const order = memoryOrder(outShape.length);
  const region: Region = {
    extents: inOrder(outShape, order),
    a: inOrder(broadcastStrides(shape, memoryStrides(shape), outShape), order),
    b: inOrder(memoryStrides(outShape), order),
    aOffset: 0,
    bOffset: 0,
  };
  return selection(node, input, output, sizeOf(shape), sizeOf(outShape), [region]);
};

/** Pad with a constant on any axis (negative pads crop), or by reflecting, repeating the edge or wrapping the image. */
export const pad: Builder = (context) => {
  const { node } = context;
  const input = node.inputs[0];
  const [output] = node.outputs;
  const [shape, outShape] = [context.shape(input), context.shape(output)];
  const { begin } = paddings(node, shape.length, constantsOf(context));
  const mode = stringAttribute(node, "mode", "constant");
  if (mode !== "constant") return padFromImage(context, mode, begin);

  const valueInput = node.inputs[2] ? context.constant(node.inputs[2]) : undefined;
  if (node.inputs[2] && !valueInput) context.refuse(`its value "${node.inputs[2]}" is not a constant`);
  const value = valueInput ? valueInput.floats()[0] : numberAttribute(node, "value", 0);
  const order = memoryOrder(shape.length);
  const inStart = begin.map((before) => Math.max(0, -before));
  const outStart = begin.map((before) => Math.max(0, before));
  const extents = shape.map((extent, axis) => Math.min(extent - inStart[axis], outShape[axis] - outStart[axis]));
  const region: Region = {
    extents: inOrder(extents, order),
    a: inOrder(memoryStrides(shape), order),
    b: inOrder(memoryStrides(outShape), order),
    aOffset: dotProduct(inStart, memoryStrides(shape)),
    bOffset: dotProduct(outStart, memoryStrides(outShape)),
  };
  const [size, outSize] = [sizeOf(shape), sizeOf(outShape)];
  const inner = selection(node, input, output, size, outSize, [region]);
  return {
    ...inner,
    forward: (run) => {
      run.memory.floats(run.value(output), outSize * run.batch).fill(value);
      inner.forward(run);
    },
  };
};

/** Which pixel of a line shows at a position outside it, by the mode of Pad. */
export const paddedFrom: Readonly<Record<string, (position: number, extent: number) => number>> = {
  edge: (position, extent) => Math.min(Math.max(position, 0), extent - 1),
  wrap: (position, extent) => ((position % extent) + extent) % extent,
  reflect: (position, extent) => {
    if (extent === 1) return 0;
    const period = 2 * (extent - 1);
    const folded = ((position % period) + period) % period;
    return Math.min(folded, period - folded);
  },
};

function padFromImage(context: BuildContext, mode: string, begin: readonly number[]): Operation {
  const { node } = context;
  const source = paddedFrom[mode];
  if (!source)
    throw new ModelError(
      `Pad "${node.name}": the mode "${mode}" is not one of constant, ${Object.keys(paddedFrom).join(", ")}.`,
    );
  const shape = context.shape(node.inputs[0]);
  const outShape = context.shape(node.outputs[0]);
  if (outShape[0] !== shape[0] || outShape[1] !== shape[1])
    context.refuse(`mode ${mode} is supported on the image axes only`);
  if (shape.length > 4) context.refuse(`mode ${mode} is supported on 1-D and 2-D images only`);
  const tables = shape
    .slice(2)
    .map((extent, i) =>
      indexTable(Array.from({ length: outShape[i + 2] }, (_, position) => source(position - begin[i + 2], extent))),
    );
  return resampleOperation(context, tables);
}
