/** Attention as ONNX (operator set 23) and onnxruntime write it in one node: products of matrices and a softmax. */

import type { Constant } from "../../graph/ir";
import { stringAttribute } from "../../graph/ir";
import { sizeOf } from "../../tensor";
import type { Lowered, Lowering } from "./emitter";

/** [batch, places, heads·size] → [batch, heads, places, size] */
function split(from: Lowered, x: string, batch: number, places: number, heads: number): string {
  return from.transpose(from.reshape(x, [batch, places, heads, -1]), [0, 2, 1, 3]);
}

/** [batch, heads, places, size] → [batch, places, heads·size] */
function join(from: Lowered, x: string, batch: number, places: number): string {
  return from.reshape(from.transpose(x, [0, 2, 1, 3]), [batch, places, -1]);
}

interface Heads {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly scale: number;
  /** Added to the scores. */
  readonly biases: readonly string[];
  /** Scores are bounded by this times a tanh; 0: they are not. */
  readonly softcap?: number;
}

/** softmax(scale·q·kᵀ + biases)·v, all [batch, heads, places, size] */
function attend(from: Lowered, { query, key, value, scale, biases, softcap = 0 }: Heads): string {
  const scaled = scale === 1 ? query : from.emit("Mul", [query, from.scalar(scale)]);
  let scores = from.emit("MatMul", [scaled, from.transpose(key, [0, 1, 3, 2])]);
  if (softcap !== 0) {
    const bounded = from.emit("Tanh", [from.emit("Div", [scores, from.scalar(softcap)])]);
    scores = from.emit("Mul", [bounded, from.scalar(softcap)]);
  }
  for (const bias of biases) scores = from.emit("Add", [scores, bias]);
  return from.emit("MatMul", [from.emit("Softmax", [scores], { axis: -1 }), value]);
}

/** Minus infinity where a place would see one behind it. */
function causal(from: Lowered, places: number, seen: number, past: number): string {
  return from.filled([places, seen], (mask) => {
    for (let place = 0; place < places; place++)
      mask.subarray(place * seen, (place + 1) * seen).fill(Number.NEGATIVE_INFINITY, Math.max(0, place + past + 1));
  });
}

/** The mask as something that is added: booleans let scores through or not. */
function additive(from: Lowered, index: number): string | undefined {
  const known: Constant | undefined = from.known[index];
  if (known?.kind !== "bool") return from.input(index);
  const seen = known.values();
  return from.filled(known.shape, (mask) => {
    for (let i = 0; i < mask.length; i++) if (!seen[i]) mask[i] = Number.NEGATIVE_INFINITY;
  });
}

/** A key and a value for every head of the query, where they are fewer. */
function repeatHeads(from: Lowered, x: string, [batch, heads, places, size]: readonly number[], times: number): string {
  if (times === 1) return x;
  const apart = from.reshape(x, [batch, heads, 1, places, size]);
  const repeated = from.emit("Expand", [apart, from.ints([batch, heads, times, places, size])]);
  return from.reshape(repeated, [batch, heads * times, places, size]);
}

export const attention: Lowering = (from) => {
  if (from.has(4) || from.has(5) || from.has(6)) return "keys and values of steps before are not supported";
  if ([1, 2, 3].some((output) => from.isRead(output))) return "only its first output is supported";
  const [q, k, v] = [0, 1, 2].map((i) => from.shape(i));
  const isFlat = q.length === 3;
  const queryHeads = isFlat ? from.number("q_num_heads") : q[1];
  const keyHeads = isFlat ? from.number("kv_num_heads") : k[1];
  const places = q[q.length - 2];
  const seen = k[k.length - 2];
  const [qSize, kSize, vSize] = [q, k, v].map((shape, i) =>
    isFlat ? shape[2] / (i === 0 ? queryHeads : keyHeads) : shape[3],
  );
  if (![qSize, kSize, vSize, queryHeads / keyHeads].every(Number.isInteger))
    return "its heads do not divide its channels";
  const headed = (i: number, heads: number, count: number): string =>
    isFlat ? split(from, from.input(i), q[0], count, heads) : from.input(i);
  const times = queryHeads / keyHeads;
  const biases = from.has(3) ? additive(from, 3) : "";
  if (biases === undefined) return "its mask depends on the image";
  const mixed = attend(from, {
    query: headed(0, queryHeads, places),
    key: repeatHeads(from, headed(1, keyHeads, seen), [q[0], keyHeads, seen, kSize], times),
    value: repeatHeads(from, headed(2, keyHeads, seen), [q[0], keyHeads, seen, vSize], times),
    scale: from.number("scale", 0) || 1 / Math.sqrt(qSize),
    biases: [
      ...(from.number("is_causal", 0) ? [causal(from, places, seen, 0)] : []),
      ...(biases === "" ? [] : [biases]),
    ],
    softcap: from.number("softcap", 0),
  });
  return from.result(isFlat ? join(from, mixed, q[0], places) : mixed);
};

/** One matrix makes queries, keys and values. */
export const packedAttention: Lowering = (from) => {
  if (from.has(3)) return "its mask of lengths is not supported";
  if (from.has(4)) return "keys and values of steps before are not supported";
  if (from.number("do_rotary", 0)) return "do_rotary is not supported";
  if (from.isRead(1)) return "only its first output is supported";
  const [batch, places] = from.shape(0);
  const [, width] = from.shape(1);
  const heads = from.number("num_heads");
  const written = from.node.attributes.get("qkv_hidden_sizes");
  const sizes =
    Array.isArray(written) && written.length === 3 ? written.map(Number) : [width / 3, width / 3, width / 3];
  const product = from.emit("MatMul", [from.input(0), from.input(1)]);
  const all = from.has(2) ? from.emit("Add", [product, from.input(2)]) : product;
  const [query, key, value] = from.split(all, 2, sizes).map((part) => split(from, part, batch, places, heads));
  const mixed = attend(from, {
    ...{ query, key, value, scale: from.number("scale", 0) || 1 / Math.sqrt(sizes[0] / heads) },
    biases: [
      ...(from.number("unidirectional", 0) ? [causal(from, places, places, 0)] : []),
      ...(from.has(5) ? [from.input(5)] : []),
    ],
  });
  return from.result(join(from, mixed, batch, places));
};

export const multiHeadAttention: Lowering = (from) => {
  if (from.has(4)) return "its mask of keys is not supported";
  if ([6, 7, 8, 9].some((i) => from.has(i))) return "keys and values of steps before are not supported";
  if ([1, 2, 3].some((output) => from.isRead(output))) return "only its first output is supported";
  const q = from.shape(0);
  if (q.length !== 3 || !from.has(1) || !from.has(2)) return "packed queries, keys and values are not supported";
  const heads = from.number("num_heads");
  const [batch, places, channels] = q;
  const sizes = [channels, channels, sizeOf(from.has(3) ? from.shape(3) : []) - 2 * channels];
  const biases = from.has(3) ? from.split(from.input(3), 0, sizes) : [];
  const side = (index: number): string => {
    const shape = from.shape(index);
    // What was made for another query before has its heads apart already.
    if (shape.length === 4) return from.input(index);
    const shifted = biases.length > 0 ? from.emit("Add", [from.input(index), biases[index]]) : from.input(index);
    return split(from, shifted, batch, shape[1], heads);
  };
  const k = from.shape(1);
  const seen = k.length === 4 ? k[2] : k[1];
  const mixed = attend(from, {
    ...{ query: side(0), key: side(1), value: side(2) },
    scale: from.number("scale", 0) || 1 / Math.sqrt(channels / heads),
    biases: [
      ...(from.number("unidirectional", 0) ? [causal(from, places, seen, seen - places)] : []),
      ...(from.has(5) ? [from.input(5)] : []),
    ],
  });
  return from.result(join(from, mixed, batch, places));
};

/** Pairs of channels are turned by an angle that grows with the place. */
export const rotaryEmbedding: Lowering = (from) => {
  const isOnnx = from.node.op === "RotaryEmbedding";
  const [positions, cos, sin] = isOnnx ? [3, 1, 2] : [1, 2, 3];
  const x = from.shape(0);
  const isFlat = x.length === 3;
  const cache = from.shape(cos);
  const heads = isFlat ? from.number("num_heads", 0) || x[2] / (cache[cache.length - 1] * 2) : x[1];
  const [batch, places] = [x[0], x[x.length - 2]];
  const size = isFlat ? x[2] / heads : x[3];
  const turned = from.number("rotary_embedding_dim", 0) || size;
  if (!Number.isInteger(size) || turned > size) return "its heads do not divide its channels";
  // Places in front of heads, so that an angle repeats over the heads.
  const apart = isFlat
    ? from.reshape(from.input(0), [batch, places, heads, size])
    : from.transpose(from.input(0), [0, 2, 1, 3]);
  const [part, rest] = turned < size ? from.split(apart, 3, [turned, size - turned]) : [apart];
  const tableOf = (index: number): string | undefined => {
    if (!from.has(positions)) return from.reshape(from.input(index), [-1, places, 1, turned / 2]);
    const ids = from.known[positions]?.values();
    if (!ids) return undefined;
    const all = ids.length === 1 ? from.listed(places, (i) => ids[0] + i) : from.ints(ids);
    return from.reshape(from.emit("Gather", [from.input(index), all], { axis: 0 }), [-1, places, 1, turned / 2]);
  };
  const [c, s] = [tableOf(cos), tableOf(sin)];
  if (c === undefined || s === undefined) return "its positions depend on the image";
  const isInterleaved = from.number("interleaved", 0) !== 0;
  const half = turned / 2;
  const [a, b] = isInterleaved
    ? from
        .split(from.reshape(part, [batch, places, heads, half, 2]), 4, [1, 1])
        .map((one) => from.reshape(one, [batch, places, heads, half]))
    : from.split(part, 3, [half, half]);
  const product = (left: string, right: string): string => from.emit("Mul", [left, right]);
  const real = from.emit("Sub", [product(a, c), product(b, s)]);
  const imaginary = from.emit("Add", [product(a, s), product(b, c)]);
  const together = isInterleaved
    ? from.reshape(
        from.emit(
          "Concat",
          [real, imaginary].map((one) => from.reshape(one, [batch, places, heads, half, 1])),
          { axis: 4 },
        ),
        [batch, places, heads, turned],
      )
    : from.emit("Concat", [real, imaginary], { axis: 3 });
  const whole = rest === undefined ? together : from.emit("Concat", [together, rest], { axis: 3 });
  return from.result(isFlat ? from.reshape(whole, [...x]) : from.transpose(whole, [0, 2, 1, 3]));
};

/** The activation that onnxruntime writes into another operator. */
export function activated(from: Lowered, x: string): string | undefined {
  const name = stringAttribute(from.node, "activation", "");
  const written = from.node.attributes.get("activation_params");
  const parameters = Array.isArray(written) ? written.map(Number) : [];
  if (name === "") return x;
  if (["Relu", "Tanh", "Sigmoid"].includes(name)) return from.emit(name, [x]);
  if (name === "LeakyRelu") return from.emit(name, [x], { alpha: parameters[0] ?? 0.01 });
  if (name === "HardSigmoid") return from.emit(name, [x], { alpha: parameters[0] ?? 0.2, beta: parameters[1] ?? 0.5 });
  if (name === "Clip" && parameters.length === 2)
    return from.emit(name, [x, ...parameters.map((value) => from.scalar(value))]);
  return undefined;
}
