import { messageOf } from "../checks";
import * as errors from "../errors";
import { Tensor } from "../tensor";

/** The key of a tensor's shape in its packed form. No option or result has it. */
const shapeKey = "seethrough tensor";

const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
};

/**
 * A value as it can be posted to another thread: tensors become plain objects, everything else is for the structured clone.
 *
 * @param what  where the value stands, as an error says it
 * @throws {OptionError} at the first function, with the way out
 */
export function pack(value: unknown, what: string): unknown {
  if (typeof value === "function") {
    throw new errors.OptionError(
      `${what} is a function, and functions cannot reach the pool's other threads (only onProgress can). ` +
        "Pass plain values, or call the function of the same name of seethrough with a model of its own loadModel.",
    );
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof Tensor) return { [shapeKey]: value.shape, data: value.data };
  if (Array.isArray(value)) return value.map((item, i) => pack(item, `${what}[${i}]`));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, pack(item, `${what}.${key}`)]));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item, `${what}.${key}`)]));
}

/** The reverse of `pack`. */
export function unpack(value: unknown): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(unpack);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, unpack(item)]));
  if (!isPlain(value)) return value;
  const entries = Object.entries(value);
  const { [shapeKey]: shape, data } = value as Readonly<Record<string, unknown>>;
  if (Array.isArray(shape) && data instanceof Float32Array) return new Tensor(data, shape);
  return Object.fromEntries(entries.map(([key, item]) => [key, unpack(item)]));
}

/** The memory of a packed result that can be handed over instead of copied: arrays that own all of theirs. */
export function transferable(value: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) found.add(buffer);
  } else if (value instanceof Map) {
    for (const item of value.values()) transferable(item, found);
  } else if (typeof value === "object" && value !== null) {
    for (const item of Object.values(value)) transferable(item, found);
  }
  return found;
}

/** An error as it can be posted. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  /** What else the error knows, such as the operators that a network needs. */
  readonly more: Readonly<Record<string, unknown>>;
}

export function packError(thrown: unknown): PackedError {
  if (!(thrown instanceof Error)) return { name: "Error", message: messageOf(thrown), more: {} };
  const { name, message, stack } = thrown;
  const more = Object.fromEntries(
    Object.entries(thrown).filter(([key, value]) => key !== "name" && typeof value !== "function"),
  );
  return { name, message, stack, more };
}

const classes: Readonly<Record<string, unknown>> = { ...errors, TypeError, RangeError };

/** The error again, of its class. */
export function unpackError({ name, message, stack, more }: PackedError): Error {
  const found = Object.hasOwn(classes, name) ? classes[name] : Error;
  const error = new Error(message);
  if (typeof found === "function") Object.setPrototypeOf(error, found.prototype);
  const hidden = { configurable: true, enumerable: false, writable: true };
  Object.defineProperty(error, "name", { ...hidden, value: name });
  if (stack !== undefined) Object.defineProperty(error, "stack", { ...hidden, value: stack });
  return Object.assign(error, more);
}
