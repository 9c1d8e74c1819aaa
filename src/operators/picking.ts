/**
 * Operators that pick elements by what the network itself computed: which ones is only known while it runs. The choice has no gradient;
 * what was chosen has that of the place it came from.
 */
import { ModelError } from "../errors";
import { type Node, numberAttribute, stringAttribute } from "../graph/ir";
import { unravel } from "../graph/regions";
import { axisOf, inputShape, label, neededInput, type Shape, shapeError } from "../graph/shape-rule";
import { withinListed } from "../limits";
import { memoryStrides } from "../operation/layout";
import { type BuildContext, type Builder, type Operation, operation, type Run } from "../operation/operation";
import { placeConstant } from "../operation/weights";
import { sizeOf } from "../tensor";
import { computed, valuesOf } from "./folding";
import type { AxisReach, Operator, Use } from "./operator";

/** Float32 counts no further one by one. */
const mostPlaces = 2 ** 24;

interface Ranking {
  readonly axis: number;
  readonly extent: number;
  readonly count: number;
  readonly largest: boolean;
}

function rankingOf(node: Node, x: Shape, given: () => readonly number[]): Ranking {
  const axis = axisOf(node, numberAttribute(node, "axis", -1), x.length);
  // Before set 10 the number is an attribute.
  const count = node.attributes.has("k") ? numberAttribute(node, "k") : given()[0];
  if (!(Number.isInteger(count) && count >= 1 && count <= x[axis]))
    shapeError(node, `it picks ${count} of the ${x[axis]} elements of axis ${axis}.`);
  if (x[axis] > mostPlaces) shapeError(node, `it picks among ${x[axis]} elements; ${mostPlaces} can be numbered.`);
  return { axis, extent: x[axis], count, largest: numberAttribute(node, "largest", 1) !== 0 };
}

const pickedShape = (x: Shape, axis: number, count: number): number[] =>
  x.map((extent, i) => (i === axis ? count : extent));

/** The places of the first in order, of equals the earlier one; NaN counts as the largest number. */
function ranked(extent: number, largest: boolean, value: (i: number) => number): Uint32Array {
  const keys = Float64Array.from({ length: extent }, (_, i) => {
    const own = value(i);
    const key = Number.isNaN(own) ? Number.POSITIVE_INFINITY : own;
    return largest ? -key : key;
  });
  return Uint32Array.from({ length: extent }, (_, i) => i).sort((a, b) =>
    keys[a] === keys[b] ? a - b : keys[a] < keys[b] ? -1 : 1,
  );
}

/** Where lines along the axis begin, in what is ranked and in what is picked. */
function linesOf(x: Shape, axis: number, strides: readonly (readonly number[])[]): (readonly number[])[] {
  const extents = x.map((extent, i) => (i === axis ? 1 : extent));
  return Array.from({ length: sizeOf(extents) }, (_, line) => {
    const place = unravel(line, extents);
    return strides.map((own) => place.reduce((sum, at, i) => sum + at * own[i], 0));
  });
}

const rowMajor = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

const buildTopK: Builder = (context) => {
  const { node } = context;
  const [input] = node.inputs;
  const [values, places] = node.outputs;
  const x = context.shape(input);
  const { axis, extent, count, largest } = rankingOf(node, x, () => context.constant(node.inputs[1])?.numbers() ?? []);
  const out = pickedShape(x, axis, count);
  const [from, to] = [memoryStrides(x), memoryStrides(out)];
  const lines = linesOf(x, axis, [from, to]);
  const [size, picked] = [sizeOf(x), sizeOf(out)];
  /** Calls back with every picked element's place in the axis, in the input and in the outputs. */
  const each = (run: Run, visit: (place: number, at: number, result: number) => void): void => {
    const data = run.memory.floats(run.value(input), size * run.batch);
    for (let sample = 0; sample < run.batch; sample++) {
      for (const [start, end] of lines) {
        const first = sample * size + start;
        const order = ranked(extent, largest, (i) => data[first + i * from[axis]]);
        for (let k = 0; k < count; k++) {
          visit(order[k], first + order[k] * from[axis], sample * picked + end + k * to[axis]);
        }
      }
    }
  };
  return operation({
    node,
    inputs: [input],
    outputs: node.outputs.filter((name) => name !== ""),
    saved: [input],
    forward: (run) => {
      const data = run.memory.floats(run.value(input), size * run.batch);
      const written = (name: string | undefined): Float32Array | undefined =>
        name ? run.memory.floats(run.value(name), picked * run.batch) : undefined;
      const [best, which] = [written(values), written(places)];
      each(run, (place, at, result) => {
        if (best) best[result] = data[at];
        if (which) which[result] = place;
      });
    },
    backward: (run) =>
      run.contribute(input, (pointer) => {
        const dx = run.memory.floats(pointer, size * run.batch).fill(0);
        if (!values) return;
        const dy = run.memory.floats(run.gradient(values), picked * run.batch);
        each(run, (_, at, result) => {
          dx[at] = dy[result];
        });
      }),
  });
};

/** The largest or smallest elements along an axis, in order, and their places there. */
export const topK: Operator = {
  nature: "selection",
  shape: (node, inputs, constants) => {
    const x = inputShape(node, inputs);
    const { axis, count } = rankingOf(node, x, () => neededInput(node, constants, 1, "number of elements"));
    const out = pickedShape(x, axis, count);
    return [out, out];
  },
  kind: (_, output) => (output === 1 ? "int" : undefined),
  reach: {
    axes: ({ node, shapes: [x = []] }) => {
      const axis = axisOf(node, numberAttribute(node, "axis", -1), x.length);
      return x.map((_, i) => (i === axis ? "whole" : "same"));
    },
  },
  build: buildTopK,
  fold: ({ node, known: [x, k], outputs: [out] }) => {
    const { axis, extent, count, largest } = rankingOf(node, x.shape, () => k.numbers());
    const values = valuesOf(x);
    const [from, to] = [rowMajor(x.shape), rowMajor(out)];
    const chosen = new Float64Array(sizeOf(out));
    const found = new Float64Array(sizeOf(out));
    for (const [start, end] of linesOf(x.shape, axis, [from, to])) {
      const order = ranked(extent, largest, (i) => values[start + i * from[axis]]);
      for (let i = 0; i < count; i++) {
        chosen[end + i * to[axis]] = values[start + order[i] * from[axis]];
        found[end + i * to[axis]] = order[i];
      }
    }
    return [computed(x.kind, out, (i) => chosen[i]), computed("int", out, (i) => found[i])];
  },
};

/** How a Gather, GatherElements or GatherND looks up: axes of its input that the indices name, and of what its output's others are. */
interface Looking {
  readonly out: Shape;
  /** Axes of the input that are named. */
  readonly named: readonly number[];
  /** Of every axis of the input the one of the output it lies along; undefined where it is named. */
  readonly along: readonly (number | undefined)[];
  /** Of every axis of the indices the one of the output; undefined of the last of a GatherND, which lists coordinates. */
  readonly indexAlong: readonly (number | undefined)[];
}

function lookingOf(node: Node, x: Shape, indices: Shape): Looking {
  const of = stringAttribute(node, "of", "");
  if (of === "GatherND") {
    const batch = numberAttribute(node, "batch_dims", 0);
    const depth = indices[indices.length - 1];
    const front = indices.length - 1;
    const rest = x.slice(batch + depth);
    return {
      out: [...indices.slice(0, -1), ...rest],
      named: Array.from({ length: depth }, (_, k) => batch + k),
      along: x.map((_, axis) =>
        axis < batch ? axis : axis < batch + depth ? undefined : axis - batch - depth + front,
      ),
      indexAlong: indices.map((_, axis) => (axis < front ? axis : undefined)),
    };
  }
  const axis = axisOf(node, numberAttribute(node, "axis", 0), x.length);
  if (of === "GatherElements") {
    const others = indices.map((_, i) => i);
    return { out: indices, named: [axis], along: x.map((_, i) => (i === axis ? undefined : i)), indexAlong: others };
  }
  return {
    out: [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)],
    named: [axis],
    along: x.map((_, i) => (i === axis ? undefined : i < axis ? i : i - 1 + indices.length)),
    indexAlong: indices.map((_, i) => axis + i),
  };
}

/** Offsets of all places of some extents, by a stride for each axis. */
function offsetsOf(extents: Shape, strides: readonly number[]): Int32Array {
  return Int32Array.from({ length: sizeOf(extents) }, (_, i) =>
    unravel(i, extents).reduce((sum, at, axis) => sum + at * strides[axis], 0),
  );
}

function buildLookup(context: BuildContext): Operation {
  const { node, memory } = context;
  const [input, indices] = node.inputs;
  const [output] = node.outputs;
  const [x, list] = [context.shape(input), context.shape(indices)];
  const { out, named, along, indexAlong } = lookingOf(node, x, list);
  withinListed(sizeOf(out), label(node));
  const constant = context.constant(input);
  const place = constant && placeConstant(memory, constant, x, "Looked up constant");
  const [xStrides, listStrides, outStrides] = [x, list, out].map(memoryStrides);
  // Every axis of the output that the indices lie along is walked outside, all others inside of it.
  const outer = out.map((extent, axis) => (indexAlong.includes(axis) ? extent : 1));
  const inner = out.map((extent, axis) => (indexAlong.includes(axis) ? 1 : extent));
  const ofOutput = (axes: readonly (number | undefined)[], strides: readonly number[]): number[] =>
    out.map((_, axis) => {
      const own = axes.indexOf(axis);
      return own < 0 ? 0 : strides[own];
    });
  const [fromStrides, indexStrides] = [ofOutput(along, xStrides), ofOutput(indexAlong, listStrides)];
  const rows = {
    from: offsetsOf(outer, fromStrides),
    to: offsetsOf(outer, outStrides),
    index: offsetsOf(outer, indexStrides),
  };
  const within = { from: offsetsOf(inner, fromStrides), to: offsetsOf(inner, outStrides) };
  const coordinate = indexAlong.indexOf(undefined);
  const step = coordinate < 0 ? 0 : listStrides[coordinate];
  const [size, count, written] = [sizeOf(x), sizeOf(list), sizeOf(out)];

  /** Calls back with where a row begins in the input and in the output. */
  const each = (run: Run, visit: (from: number, to: number) => void): void => {
    const chosen = run.memory.floats(run.value(indices), count * run.batch);
    for (let sample = 0; sample < run.batch; sample++) {
      for (let row = 0; row < rows.to.length; row++) {
        let from = (place ? 0 : sample * size) + rows.from[row];
        for (let k = 0; k < named.length; k++) {
          const given = chosen[sample * count + rows.index[row] + k * step];
          const extent = x[named[k]];
          const at = given < 0 ? given + extent : given;
          if (!(Number.isInteger(at) && at >= 0 && at < extent)) {
            throw new ModelError(
              `${stringAttribute(node, "of", "Gather")} "${node.name}": index ${given}, which the network computes from this input, is ` +
                `outside of the ${extent} elements of axis ${named[k]}. onnxruntime refuses such an input too: look at its values.`,
            );
          }
          from += at * xStrides[named[k]];
        }
        visit(from, sample * written + rows.to[row]);
      }
    }
  };
  return operation({
    node,
    inputs: [...new Set(place ? [indices] : [input, indices])],
    outputs: [output],
    saved: [indices],
    forward: (run) => {
      const source = run.memory.floats(place ? place() : run.value(input), place ? size : size * run.batch);
      const y = run.memory.floats(run.value(output), written * run.batch);
      each(run, (from, to) => {
        for (let i = 0; i < within.to.length; i++) y[to + within.to[i]] = source[from + within.from[i]];
      });
    },
    backward: (run) => {
      if (!place) {
        run.contribute(input, (pointer) => {
          const dx = run.memory.floats(pointer, size * run.batch).fill(0);
          const dy = run.memory.floats(run.gradient(output), written * run.batch);
          each(run, (from, to) => {
            for (let i = 0; i < within.to.length; i++) dx[from + within.from[i]] += dy[to + within.to[i]];
          });
        });
      }
      // Where one looks jumps.
      if (indices !== input) run.contribute(indices, (dx) => run.memory.bytes(dx, count * run.batch * 4).fill(0));
    },
  });
}

/**
 * A Gather, GatherElements or GatherND (`of`) whose indices are computed from the input: what they are written as where theirs are no
 * constants.
 */
export const lookup: Operator = {
  nature: "selection",
  internal: true,
  // What it is written for has found the shapes sound.
  shape: (node, inputs) => [lookingOf(node, inputShape(node, inputs), inputShape(node, inputs, 1)).out],
  reach: {
    operands: ({ node, shapes: [x = [], indices = []] }: Use) => {
      const { along, indexAlong } = lookingOf(node, x, indices);
      const read = (axes: readonly (number | undefined)[]): AxisReach[] =>
        axes.map((axis) => (axis === undefined ? "whole" : { of: axis }));
      return [read(along), read(indexAlong)];
    },
  },
  build: buildLookup,
};
