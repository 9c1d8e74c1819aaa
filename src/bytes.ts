/**
 * What kind of thing a value is, whatever realm made it: a page in a frame, jsdom and test runners have classes of their own,
 * and `instanceof` is false for theirs.
 */
const kindTag = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

const isKind = (value: unknown, kinds: readonly string[]): boolean =>
  typeof value === "object" && value !== null && kinds.includes(kindTag(value));

export const isUint8Array = (value: unknown): value is Uint8Array =>
  ArrayBuffer.isView(value) && isKind(value, ["Uint8Array"]);

export const isUint16Array = (value: unknown): value is Uint16Array =>
  ArrayBuffer.isView(value) && isKind(value, ["Uint16Array"]);

/** Bytes as pixels come: plain or clamped. */
export const isByteArray = (value: unknown): value is Uint8Array | Uint8ClampedArray =>
  ArrayBuffer.isView(value) && isKind(value, ["Uint8Array", "Uint8ClampedArray"]);

export const isFloat32Array = (value: unknown): value is Float32Array =>
  ArrayBuffer.isView(value) && isKind(value, ["Float32Array"]);

const isBuffer = (value: unknown): value is ArrayBuffer => isKind(value, ["ArrayBuffer", "SharedArrayBuffer"]);

export const isURL = (value: unknown): value is URL => isKind(value, ["URL"]);

export const isBlob = (value: unknown): value is Blob => isKind(value, ["Blob", "File"]);

export const isResponse = (value: unknown): value is Response => isKind(value, ["Response"]);

/** Whether other threads may write to it: hosts refuse to decode or hash such bytes. */
export const isShared = (bytes: Uint8Array): boolean => isKind(bytes.buffer, ["SharedArrayBuffer"]);

/** The bytes of a view or buffer as the plain kind, not copied: a Node Buffer's `slice`, for one, does not copy either. */
export function bytesOf(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  // Of what was transferred elsewhere nothing is left, and no view can be made.
  const isEmpty = (value as { readonly byteLength?: unknown } | undefined | null)?.byteLength === 0;
  if (isEmpty && (ArrayBuffer.isView(value) || isBuffer(value))) return new Uint8Array();
  if (ArrayBuffer.isView(value) && isKind(value, ["Uint8Array", "Uint8ClampedArray", "DataView"])) {
    return new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  }
  return isBuffer(value) ? new Uint8Array(value) : undefined;
}
