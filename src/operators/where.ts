/**
 * Where(condition, a, b): each element is that of a or of b, and its gradient goes to the one it came from. A condition that is
 * computed from the image gets none: it jumps.
 */

import { loopsOf, unravel } from "../graph/regions";
import type { Shape } from "../graph/shape-rule";
import { mostMoves } from "../limits";
import { memoryStrides, withRank } from "../operation/layout";
import { type Builder, operation, type Run } from "../operation/operation";
import { broadcastStrides, flipped, move } from "../operation/strided";
import { placeConstant } from "../operation/weights";
import { sizeOf } from "../tensor";
import { Binary, type Pointer } from "../wasm/kernels";
import { broadcastOf, loopsOver } from "./broadcast";
import { computed, repeated } from "./folding";
import type { Fold, Operator } from "./operator";

/** Neighbours along the last axis that the same side is chosen for. */
interface Stretch {
  readonly chosen: boolean;
  readonly start: readonly number[];
  readonly length: number;
}

/** Undefined where there are so many that each costs more than what it saves. */
function stretchesOf(condition: ArrayLike<number>, own: Shape, shape: Shape): Stretch[] | undefined {
  const strides = broadcastStrides(own, rowMajor(own), shape);
  const last = shape.length - 1;
  const found: Stretch[] = [];
  for (let line = 0; line < sizeOf(shape.slice(0, last)); line++) {
    const place = unravel(line, shape.slice(0, last));
    const base = place.reduce((sum, index, axis) => sum + index * strides[axis], 0);
    for (let i = 0; i < shape[last]; ) {
      const chosen = condition[base + i * strides[last]] !== 0;
      const start = i;
      while (i < shape[last] && (condition[base + i * strides[last]] !== 0) === chosen) i++;
      if (found.length === mostMoves) return undefined;
      found.push({ chosen, start: [...place, start], length: i - start });
    }
  }
  return found;
}

const rowMajor = (shape: Shape): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** Of a condition that is known only while the network runs, or of many parts: what it keeps of a, and what it leaves of b. */
const choosing: Builder = (context) => {
  const { node } = context;
  const [output] = node.outputs;
  const { size, operandOf, whole, apply, reduce } = loopsOver(context, context.shape(output));
  const sides = node.inputs.map(operandOf);
  const [condition, yes, no] = sides;
  const scratch = whole((run) => run.scratch);
  const gradient = whole((run) => run.gradient(output));
  const total = whole((run) => run.value(output));
  return operation({
    node,
    inputs: [...new Set(sides.flatMap(({ name }) => name ?? []))],
    outputs: [output],
    ...(condition.name !== undefined && { saved: [condition.name] }),
    scratchBytes: (batch) => size * batch * 4,
    forward: (run) => {
      apply(run, Binary.where, condition, yes, run.value(output));
      apply(run, Binary.unless, condition, no, run.scratch);
      apply(run, Binary.add, total, scratch, run.value(output));
    },
    backward: (run) => {
      for (const [operand, kind] of [
        [yes, Binary.where],
        [no, Binary.unless],
      ] as const) {
        if (operand.name === undefined) continue;
        run.contribute(operand.name, (dx) => {
          const fits = operand.size === size;
          apply(run, kind, condition, gradient, fits ? dx : run.scratch);
          if (!fits) reduce(run, run.scratch, operand, dx);
        });
      }
      if (condition.name !== undefined)
        run.contribute(condition.name, (dx) => run.memory.bytes(dx, condition.size * run.batch * 4).fill(0));
    },
  });
};

const build: Builder = (context) => {
  const { node, memory } = context;
  const [output] = node.outputs;
  const shape = withRank(context.shape(output), 1);
  const condition = context.constant(node.inputs[0]);
  if (!condition) return choosing(context);
  const strides = memoryStrides(shape);
  const size = sizeOf(shape);
  // Axes along which the condition does not differ are walked as a whole.
  const own = withRank(condition.shape, shape.length);
  const varies = own.map((extent) => extent > 1);
  const reduced = shape.map((extent, axis) => (varies[axis] ? extent : 1));
  const stretches = stretchesOf(condition.values(), own, reduced);
  if (!stretches) return choosing(context);
  const sides = [true, false].map((chosen, i) => {
    const name = node.inputs[i + 1];
    const constant = context.constant(name);
    const given = withRank(constant?.shape ?? context.shape(name), shape.length);
    const walk = broadcastStrides(given, memoryStrides(given), shape);
    const loops = stretches
      .filter((stretch) => stretch.chosen === chosen)
      .map(({ start, length }) => {
        const extents = shape.map((extent, axis) => (!varies[axis] ? extent : axis === shape.length - 1 ? length : 1));
        return loopsOf({ extents, from: { start }, to: { start } }, walk, strides);
      });
    const place = constant && placeConstant(memory, constant, given, "Constant operand");
    return { name, place, loops, size: sizeOf(given), sample: constant ? 0 : sizeOf(given) };
  });
  const dynamic = sides.filter(({ place }) => !place);
  return operation({
    node,
    inputs: [...new Set(dynamic.map(({ name }) => name))],
    outputs: [output],
    linear: true,
    forward: (run) => {
      const to = { pointer: run.value(output), sample: size };
      for (const { name, place, loops, sample } of sides) {
        const from = { pointer: place ? place() : run.value(name), sample };
        for (const each of loops) move(run, "copyStrided", each, from, to);
      }
    },
    backward: (run: Run) => {
      const from = { pointer: run.gradient(output), sample: size };
      for (const { name, loops, size: own, sample } of dynamic) {
        run.contribute(name, (dx: Pointer) => {
          run.memory.bytes(dx, own * run.batch * 4).fill(0);
          for (const each of loops) move(run, "addStrided", flipped(each), from, { pointer: dx, sample });
        });
      }
    },
  });
};

const chosen: Fold = ({ known, out }) => {
  const [choose, yes, no] = known.map((input) => repeated(input, out));
  return computed(known[1].kind, out, (i) => (choose[i] ? yes : no)[i]);
};

export const where: Operator = {
  nature: "selection",
  shape: /* @__PURE__ */ broadcastOf(3),
  reach: "same",
  build,
  fold: chosen,
  kind: (_, __, inputs) => inputs[1] ?? "float",
};
