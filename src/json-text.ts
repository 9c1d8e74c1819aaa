import { type Limits, withinLimit } from "./limits";

/** How deep lists and objects lie inside each other, counted no further than a depth. */
function nestingOf(bytes: Uint8Array, most: number): number {
  let [depth, deepest] = [0, 0];
  let isText = false;
  for (let i = 0; i < bytes.length && deepest <= most; i++) {
    const byte = bytes[i];
    if (isText) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) isText = false;
    } else if (byte === 0x22) isText = true;
    else if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return deepest;
}

/**
 * Somebody else's JSON, read no further than the limits allow.
 *
 * @throws {LimitError} if it is larger, or nested further, than they allow; {SyntaxError} if it is none
 */
export function parseJson(bytes: Uint8Array, file: string, limits: Limits): unknown {
  withinLimit(limits, "textBytes", bytes.byteLength, `${file} has too many bytes`);
  withinLimit(
    limits,
    "nesting",
    nestingOf(bytes, limits.nesting),
    `${file} has lists and objects too deep inside each other`,
  );
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** What JSON calls an object. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** How far options may be nested, and how many values they may hold beside the list of units. */
const [deepest, mostValues] = [32, 100_000];

/** Whether a value can be written as JSON: it holds neither itself nor too much. */
export function isSmallTree(value: unknown): boolean {
  const waiting: [value: unknown, depth: number][] = [[value, 0]];
  let seen = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [item, depth] = next;
    if (depth > deepest || ++seen > mostValues || typeof item === "bigint") return false;
    // Empty, or detached: of these nothing can be copied.
    if (ArrayBuffer.isView(item) && item.byteLength === 0) return false;
    if (typeof item === "object" && item !== null)
      for (const inner of Object.values(item)) waiting.push([inner, depth + 1]);
  }
  return true;
}
