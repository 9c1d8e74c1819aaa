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
