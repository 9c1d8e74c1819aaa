import { type Pieces, perform, type Run } from "../../operation/operation";
import type { Pointer } from "../../wasm/kernels";
import { blockPlan, stretches } from "./aside";
import type { BackwardStep } from "./lens";
import type { LinearRule, PartInput } from "./linear-rules";
import type { WeighedLayer } from "./weighed";

/** Lowest and highest values a layer's input can have, element by element. */
export interface ValueBounds {
  readonly low: Float32Array;
  readonly high: Float32Array;
}

/**
 * A rule of LRP as the backward step of a convolution or dense layer.
 *
 * @param sizes  floats of the layer's input and output
 * @param box    what 'low' and 'high' stand for, where the rule has such parts
 */
export function linearStep(
  layer: WeighedLayer,
  rule: LinearRule,
  sizes: { readonly input: number; readonly output: number },
  box?: ValueBounds,
): BackwardStep {
  const { input, output, bias } = layer;
  const { parts } = rule;
  const blocksFor = (batch: number) =>
    blockPlan([sizes.input * batch, sizes.input * batch, ...parts.map(() => sizes.output * batch)]);

  /** Writes the part's input; false where it is zero throughout. */
  const fill = (kind: PartInput, x: Float32Array, to: Float32Array): boolean => {
    switch (kind) {
      case "ones":
        to.fill(1);
        return true;
      case "low":
      case "high":
        for (let i = 0; i < to.length; i++) to[i] = box ? box[kind][i % sizes.input] : x[i];
        return true;
      case "all":
        to.set(x);
        return true;
      default: {
        const sign = kind === "positive" ? 1 : -1;
        let some = false;
        for (let i = 0; i < to.length; i++) {
          const kept = x[i] * sign > 0;
          to[i] = kept ? x[i] : 0;
          some ||= kept;
        }
        return some;
      }
    }
  };

  function* backwardInPieces(run: Run): Pieces {
    const [inSize, outSize] = [sizes.input * run.batch, sizes.output * run.batch];
    const {
      blocks: [from, to, ...results],
      rest,
    } = blocksFor(run.batch).at(run.scratch);
    const floats = (at: Pointer, size: number): Float32Array => run.memory.floats(at, size);
    const filled: boolean[] = [];
    for (const [i, part] of parts.entries()) {
      const present = fill(part.input, floats(run.value(input), inSize), floats(from, inSize));
      filled.push(present);
      yield;
      if (present) yield* layer.withWeights(part.weight, (steps) => steps.forward(run, rest, from, results[i]));
      const z = floats(results[i], outSize);
      if (!present) z.fill(0);
      if (part.bias && bias) for (let k = 0; k < outSize; k++) z[k] += part.bias(bias[k % bias.length]);
      yield;
    }
    const here = new Array<number>(parts.length);
    for (const [begin, end] of stretches(outSize)) {
      const z = results.map((at) => floats(at, outSize));
      const [relevance, y] = [run.gradient(output), run.value(output)].map((at) => floats(at, outSize));
      for (let k = begin; k < end; k++) {
        for (let i = 0; i < parts.length; i++) here[i] = z[i][k];
        for (let i = 0; i < parts.length; i++) z[i][k] = relevance[k] * rule.share(here, y[k], i);
      }
      yield;
    }
    const below = run.contribution(input);
    if (!below) return;
    floats(below.dx, inSize).fill(0);
    for (const [i, part] of parts.entries()) {
      if (!filled[i]) continue;
      yield* layer.withWeights(part.weight, (steps) => steps.backward(run, rest, results[i], to));
      yield;
      fill(part.input, floats(run.value(input), inSize), floats(from, inSize));
      yield;
      for (const [begin, end] of stretches(inSize)) {
        const [x, c, sum] = [from, to, below.dx].map((at) => floats(at, inSize));
        for (let k = begin; k < end; k++) sum[k] += part.sign * x[k] * c[k];
        yield;
      }
    }
    below.done();
  }
  return {
    saved: [input, output],
    ownAdjoint: false,
    scratchBytes: (batch) => blocksFor(batch).bytes + layer.scratchBytes(batch),
    backward: (run) => perform(run.kernels, backwardInPieces(run)),
    backwardInPieces,
  };
}
