import { otherSeeds } from "../seeded";

/** Marsaglia's xorshift32: the cases are the same in every run. */
export function random(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The random numbers of a numbered case. The first ones of neighbouring seeds are alike. */
export function randomOf(i: number): (below: number) => number {
  const below = random(Math.imul(i + 1, 2654435761) + otherSeeds);
  below(7);
  below(7);
  return below;
}

const circular: Record<string, unknown> = {};
circular.self = circular;

const detached = new Float32Array(432);
structuredClone(detached, { transfer: [detached.buffer] });

const numbers = [
  Number.NaN,
  -1,
  0,
  0.5,
  3,
  1e9,
  2 ** 31,
  2 ** 53,
  1e308,
  5e-324,
  Number.POSITIVE_INFINITY,
  -1 / 0,
  10n,
];
const texts = ["", "toString", "__proto__", "constructor", "x".repeat(1e6), "9".repeat(400), "ü\u0000", "r1", "x"];
const nothing = [undefined, null, true, false, Symbol("s"), Object.create(null), {}, [], [[]], [null], [Number.NaN]];
const strange = [
  () => 1,
  class Made {},
  async function* () {
    yield 1;
  },
  ...[
    new Date(Number.NaN),
    circular,
    [circular],
    [10n],
    [Symbol("t")],
    new Map([[1, 2]]),
    new Set(),
    /x/,
    new Error("e"),
  ],
  ...[Promise.resolve(1), { length: 1e9 }, { [Symbol.iterator]: 5 }, new Proxy({}, {}), new Array(1e5).fill(0)],
  JSON.parse('{"__proto__":{"a":1}}') as unknown,
];
const buffers = [
  ...[
    new Float32Array(0),
    new Float32Array(432).fill(Number.NaN),
    new Float32Array(3),
    new Float64Array(432),
    detached,
  ],
  ...[new Uint8Array(432), new Uint8ClampedArray(5), new ArrayBuffer(8), new SharedArrayBuffer(16)],
];
const pictures = [
  { shape: [1, 12, 12, 3], data: detached },
  { shape: [2 ** 53, 2 ** 53], data: new Float32Array(1) },
  { shape: ["a"], data: new Float32Array(432) },
  { width: 1e9, height: 1e9, data: new Uint8Array(3) },
  { width: -1, height: 2, data: new Uint8Array(6) },
  { width: 12, height: 12, data: detached },
  { width: 12, height: 12, data: "abc" },
  { width: 0, height: 0, data: new Uint8Array(0) },
  { width: Number.NaN, height: 12, data: new Uint8Array(432) },
];
const targets = [
  { layer: "r1", unit: 1e9 },
  { layer: "r1" },
  { layer: "__proto__", unit: 0 },
  { position: [Number.NaN] },
  { position: [1e9, -1], channel: 0 },
  { mask: new Uint8Array(3), channel: 0 },
];

/** What may stand in the place of any argument, option or part of one. */
export const wildValues: readonly unknown[] = [
  ...[numbers, texts, nothing, strange, buffers, pictures, targets].flat(1),
];

type Bag = Record<string, unknown>;

/** Parts may be exchanged in lists and plain objects, which are copied first. */
const isOpen = (value: unknown): value is Bag =>
  typeof value === "object" &&
  value !== null &&
  (Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value)));

function copied(value: unknown, depth = 0): unknown {
  if (!isOpen(value) || depth > 4) return value;
  if (Array.isArray(value)) return value.map((item) => copied(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item, depth + 1)]));
}

const shownValue = (value: unknown): string =>
  typeof value === "string" ? value.slice(0, 20) : Object.prototype.toString.call(value);

/**
 * The arguments with one or two of them, or parts of them, exchanged, added or taken away.
 *
 * @param keys  names of options that may be added
 */
export function wildArguments(
  args: readonly unknown[],
  keys: readonly string[],
  below: (n: number) => number,
): { readonly args: unknown[]; readonly done: string } {
  const changed = args.map((argument) => copied(argument));
  const done: string[] = [];
  for (let n = 1 + below(2); n > 0; n--) {
    let holder = changed as unknown as Bag;
    let key = String(below(changed.length + 1));
    const path = [key];
    for (let inner = holder[key]; isOpen(inner) && below(3) > 0; inner = holder[key]) {
      const known = [...Object.keys(inner), ...(Array.isArray(inner) ? [] : keys)];
      if (known.length === 0) break;
      holder = inner;
      key = known[below(known.length)];
      path.push(key);
    }
    const value = wildValues[below(wildValues.length)];
    if (below(12) === 0 && path.length > 1) delete holder[key];
    else holder[key] = value;
    done.push(`${path.join(".")} = ${shownValue(value)}`);
  }
  return { args: changed, done: done.join("; ") };
}
