/** Where a network attends: softmaxes whose shares weigh other values. */
import type { Operation, ValueName } from "../operation/operation";
import { operators } from "../operators/table";
import { sizeOf } from "../tensor";
import type { LoadedModel } from "./model";

export interface AttentionLayer {
  /** The softmax. */
  readonly layer: string;
  readonly value: ValueName;
  /** Matrices of one window. */
  readonly heads: number;
  /** Windows that attend by themselves; 1 where everything attends to everything. */
  readonly windows: number;
  /** Tokens that ask, and tokens that are asked: rows and columns of a matrix. */
  readonly queries: number;
  readonly keys: number;
}

/** The attention layers that a value depends on, in the order in which they run. */
export function attentionLayers(model: LoadedModel, target: ValueName = model.parts.explained): AttentionLayer[] {
  const { operations } = model.full;
  const below = model.dependencies(target);
  // Values that are products with an attention map, up to what only moves its elements.
  const isWeighing = (value: ValueName, seen = new Set<ValueName>()): boolean =>
    operations.some((operation) => {
      if (!operation.inputs.includes(value) || seen.has(operation.outputs[0])) return false;
      const nature = operators.get(operation.node.op)?.nature;
      if (nature === "dense") return operation.inputs.length === 2;
      const passes = nature === "identity" || nature === "moves";
      return passes && isWeighing(operation.outputs[0], seen.add(operation.outputs[0]));
    });
  return operations.flatMap((operation): AttentionLayer[] => {
    const [value] = operation.outputs;
    const shape = model.shape(value);
    if (!isSoftmax(operation) || !below.has(value) || shape.length < 2 || !isWeighing(value)) return [];
    const [queries, keys] = shape.slice(-2);
    const windows = shape.length > 3 ? sizeOf(shape.slice(0, -3)) : 1;
    const heads = shape.length > 2 ? (shape.at(-3) as number) : 1;
    return [{ layer: operation.node.name, value, heads, windows, queries, keys }];
  });
}

/** Shares of one another, where a gate weighs each number by itself. */
function isSoftmax({ node }: Operation): boolean {
  const { nature, reach } = operators.get(node.op) ?? {};
  return nature === "gate" && reach !== "same";
}
