/** Checks that many options share, and what their messages say of what arrived. */
import { cut } from "./addresses";
import { OptionError } from "./errors";
import { theirs } from "./guard";
import { suggest } from "./nearest";

/**
 * A value as a message shows it, whatever it is: texts in quotation marks, so that "5" is no number; nothing long, and nothing
 * that cannot be written.
 */
export function show(value: unknown): string {
  if (typeof value === "string") return cut(JSON.stringify(value.slice(0, longestShown)), longestShown);
  if (typeof value !== "object" || value === null) return typeof value === "function" ? "a function" : String(value);
  if (ArrayBuffer.isView(value) || (Array.isArray(value) && value.length > longestShown)) return kindOf(value);
  try {
    return cut(JSON.stringify(value, plainly) ?? kindOf(value), longestShown);
  } catch {
    return kindOf(value);
  }
}

const longestShown = 300;

/** What JSON has no word for, and what would take long to write. */
function plainly(_: string, value: unknown): unknown {
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  return ArrayBuffer.isView(value) || (Array.isArray(value) && value.length > longestShown) ? kindOf(value) : value;
}

/** What kind of thing a value is, in words that go on after "got", with the way out where it is a common slip. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return typeof value;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const known = kinds.find(({ keys }) => keys.every((key) => key in value));
  if (known) return known.kind(value as Fields);
  const named: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  const maker = typeof named === "string" && named !== "" ? cut(named, 60) : "Object";
  if (maker !== "Object") return `${/^[AEIO]/.test(maker) ? "an" : "a"} ${maker}`;
  const keys = Object.keys(value);
  const listed = keys.slice(0, 5).map((key) => cut(key, 60));
  return keys.length === 0 ? "an empty object" : `an object { ${listed.join(", ")}${keys.length > 5 ? ", …" : ""} }`;
}

type Fields = Readonly<Record<string, unknown>>;

/** Never looks inside: what stands in an extent's place may hold itself. */
const extent = (value: unknown): string => (typeof value === "number" ? String(value) : typeof value);

const extents = (shape: unknown): string =>
  Array.isArray(shape) ? ` ${cut(shape.slice(0, 32).map(extent).join("×"))}` : "";

/** Said where they are not as many as the shape says: after a transfer to another thread nothing is left. */
function valuesOf(data: unknown, shape: unknown): string {
  const length = ArrayBuffer.isView(data) && "length" in data ? Number(data.length) : undefined;
  if (length === undefined) return " without values";
  const whole = Array.isArray(shape) && shape.every((extent) => typeof extent === "number");
  return whole && shape.reduce((a, b) => a * b, 1) === length ? "" : ` with ${length} values`;
}

/** What people hold in their hands while they explain a network, told by its properties: it may come from another copy or realm. */
const kinds: readonly { readonly keys: readonly string[]; readonly kind: (value: Fields) => string }[] = [
  { keys: ["then"], kind: () => "a promise: await it first" },
  { keys: ["predict", "layers", "dispose"], kind: () => "a model" },
  { keys: ["values", "recipe"], kind: () => "an attribution" },
  {
    keys: ["dims", "data", "type"],
    kind: () =>
      "an onnxruntime tensor: make it a Tensor of seethrough, Tensor.fromNCHW(it.data, it.dims) where it is a picture, channels " +
      "first, and new Tensor(it.data, it.dims) where it is not",
  },
  {
    keys: ["dataSync", "shape"],
    kind: () => "a TensorFlow.js tensor: make it a Tensor of seethrough, new Tensor(await it.data(), it.shape)",
  },
  { keys: ["data", "shape"], kind: ({ data, shape }) => `a Tensor${extents(shape)}${valuesOf(data, shape)}` },
  {
    keys: ["data", "width", "height", "signed"],
    kind: ({ width, height }) => `a heatmap ${extent(width)}×${extent(height)}`,
  },
  { keys: ["data", "width", "height"], kind: ({ width, height }) => `an image ${extent(width)}×${extent(height)}` },
];

/**
 * Refuses options that would be ignored: a misspelt name must not explain something else in silence. An option that is
 * `undefined` counts as not given, whatever its name.
 *
 * @param where    the function, as its caller writes it
 * @param options  what arrived in the place of its options; `undefined` is none
 * @param known    the options it reads
 * @throws {OptionError} naming the option and the nearest that is known, or what arrived in place of an object
 */
export function checkOptions(where: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (!isBag(options))
    throw new OptionError(`${where} takes its options as an object, got ${inPlace(options, known)}.`);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    const all = known.length === 0 ? "It takes none" : `It takes ${known.join(", ")}`;
    throw new OptionError(`${where} has no option ${show(name)}.${suggest(name, known)} ${all}.`);
  }
}

/**
 * Refuses what arrives in the place of options and is something else.
 *
 * @param known  the options it reads, for advice
 * @throws {OptionError} naming what arrived
 */
export function checkBag(where: string, options: unknown, known: readonly string[]): asserts options is object {
  if (isBag(options)) return;
  throw new OptionError(`${where} takes its options as an object, got ${inPlace(options, known)}.`);
}

/**
 * Refuses what arrives in another thing's place, by what it must have.
 *
 * @param what  the thing, with where it comes from
 * @throws {OptionError} naming what arrived
 */
export function checkParts(where: string, value: unknown, parts: readonly string[], what: string): void {
  if (typeof value === "object" && value !== null && parts.every((part) => part in value)) return;
  throw new OptionError(`${where} takes ${what}, got ${kindOf(value)}.`);
}

/** Objects that are something else have options' names by chance at most. */
const isBag = (value: unknown): value is object =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value) &&
  !kinds.some(({ keys }) => keys.every((key) => key in value));

function inPlace(value: unknown, known: readonly string[]): string {
  if (typeof value !== "string" && typeof value !== "number") return kindOf(value);
  return known.includes("target") ? `${show(value)}: pass { target: ${show(value)} }` : show(value);
}

export const messageOf = (error: unknown): string => {
  if (error instanceof Error) return error.message;
  return typeof error === "string" ? error : show(error);
};

/**
 * Stops work whose caller has given it up.
 *
 * @throws the signal's reason; {OptionError} if it is no signal
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal === undefined || signal === null) return;
  if (typeof signal.throwIfAborted !== "function" || typeof signal.aborted !== "boolean") {
    throw new OptionError(
      `signal must be an AbortSignal, for example new AbortController().signal; got ${kindOf(signal)}.`,
    );
  }
  theirs(() => signal.throwIfAborted());
}

/** A method of more passes, or more numbers, would not end in a lifetime; lists of them are made before the first. */
export const mostPasses = 2 ** 20;

/** @throws {OptionError} naming the option unless it is a whole number from `least` to `most` */
export function wholeNumber(name: string, value: number, least: number, most = Number.MAX_VALUE): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  if (Number.isInteger(value) && value > most) {
    throw new OptionError(`${name} must be at most ${most.toLocaleString("en-US")}, got ${show(value)}.`);
  }
  throw new OptionError(`${name} must be a whole number of at least ${least}, got ${show(value)}.`);
}

/** @throws {OptionError} naming the option unless it is finite and above 0 */
export function above(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new OptionError(`${name} must be above 0, got ${show(value)}.`);
}

/** @throws {OptionError} naming the option unless it is finite and at least 0 */
export function atLeastZero(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new OptionError(`${name} must be at least 0, got ${show(value)}.`);
}

/** @throws {OptionError} naming the option and its choices unless it is one of them */
export function oneOf<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  throw new OptionError(`${name} ${show(value)} is none of ${choices.join(", ")}.`);
}

/** @throws {OptionError} naming the option unless it is a list of at least one item */
export function nonEmptyList(name: string, list: unknown, item: string): void {
  if (Array.isArray(list) && list.length > 0) return;
  const got = Array.isArray(list) || typeof list === "string" ? show(list) : kindOf(list);
  throw new OptionError(`${name} must be a list of at least one ${item}, got ${got}.`);
}

/** @throws {OptionError} naming the option unless its items can be taken one after the other */
export function iterable(name: string, value: object, items: string): void {
  if (typeof value === "object" && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value))
    return;
  throw new OptionError(`${name} must be a list or stream of ${items}, got ${kindOf(value)}.`);
}
