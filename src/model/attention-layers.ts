/** Where a network attends: softmaxes whose shares weigh other values. */

import type { Shape } from "../graph/shape-rule";
import { memoryStrides } from "../operation/layout";
import type { Operation, ValueName } from "../operation/operation";
import { isReshaping, operators } from "../operators/table";
import { sizeOf } from "../tensor";
import { anyMaps, type LayerMaps } from "./layer-maps";
import type { LoadedModel } from "./loaded-model";

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

/** The places that attention is given to, and those that give it, as windows and tokens in them. */
export interface AttendedTokens {
  /** Of what is attended to. */
  readonly maps: LayerMaps;
  readonly places: readonly TokenInWindow[];
  /** Of who attends, where those are places too. */
  readonly asking?: { readonly inFront: number; readonly places: readonly TokenInWindow[] };
}

interface TokenInWindow {
  readonly window: number;
  readonly token: number;
}

/** @returns undefined where what is attended to are no places of the picture */
export function attendedTokens(model: LoadedModel, { value, windows }: AttentionLayer): AttendedTokens | undefined {
  const product = weighing(model, value);
  if (!product) return undefined;
  const { weighed, mixed, isLeft } = product;
  // The matrix is on the left of what it weighs, or turned round on its right.
  const along = isLeft ? -2 : -1;
  const maps = anyMaps(model, weighed);
  const places = maps && inWindows(model.shape(weighed), maps.tokens.places, along, windows);
  if (!places) return undefined;
  const own = anyMaps(model, mixed);
  const asked = own && inWindows(model.shape(mixed), own.tokens.places, along, windows);
  return {
    maps,
    places,
    ...(asked && { asking: { inFront: own.tokens.inFront, places: asked } }),
  };
}

/** Where places of a product's operand are: which of the matrices, and which token. */
function inWindows(
  shape: Shape,
  starts: Int32Array,
  along: number,
  windows: number,
): readonly TokenInWindow[] | undefined {
  const strides = memoryStrides(shape);
  const axis = shape.length + along;
  // Heads are the last axis before the matrices.
  const before = Array.from({ length: Math.max(0, shape.length - 3) }, (_, i) => i);
  if (sizeOf(before.map((i) => shape[i])) !== windows) return undefined;
  return Array.from(starts, (start) => {
    const at = (i: number): number => Math.floor(start / strides[i]) % shape[i];
    return { window: before.reduce((window, i) => window * shape[i] + at(i), 0), token: at(axis) };
  });
}

/** The product of an attention map with what it weighs. */
export function weighing(
  model: LoadedModel,
  attention: ValueName,
): { readonly mixed: ValueName; readonly weighed: ValueName; readonly isLeft: boolean } | undefined {
  const alike = new Set([attention]);
  for (const operation of model.full.operations) {
    const from = operation.inputs.find((input) => alike.has(input));
    if (from === undefined) continue;
    if (operators.get(operation.node.op)?.nature === "dense") {
      const weighed = operation.inputs.find((input) => input !== from);
      const isLeft = operation.inputs[0] === from;
      return weighed === undefined ? undefined : { mixed: operation.outputs[0], weighed, isLeft };
    }
    if (isMoving(operation)) for (const output of operation.outputs) alike.add(output);
  }
  return undefined;
}

/** True of what only moves elements, or gives them another shape. */
export function isMoving({ node }: Operation): boolean {
  const nature = operators.get(node.op)?.nature;
  return nature === "identity" || nature === "moves" || isReshaping(node.op);
}
