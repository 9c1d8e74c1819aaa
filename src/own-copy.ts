/** Options that are read, or recorded, while a call is on its way and their owner may do with theirs what they like. */
import { Tensor } from "./tensor";

/** Lists and objects inside each other that options have. */
const deepest = 4;

/** Of any kind of typed array, a Node Buffer too, a copy that nobody shares. */
const copyOf: (this: ArrayBufferView) => ArrayBufferView = Object.getPrototypeOf(Uint8Array.prototype).slice;

/** The value with all numbers that lie in memory copied; what is neither list nor plain object nor numbers is the caller's own. */
export function ownCopy<Value>(value: Value, depth?: number): Value;
export function ownCopy(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > deepest) return value;
  if (value instanceof Tensor) return new Tensor(Float32Array.from(value.data), [...value.shape]);
  if (ArrayBuffer.isView(value))
    return value instanceof DataView || value.byteLength === 0 ? value : copyOf.call(value);
  if (Array.isArray(value)) return value.map((each) => ownCopy(each, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, ownCopy(each, depth + 1)]));
}
