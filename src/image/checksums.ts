/** CRC-32 of the PNG specification, annex D, one byte at a time. */
const table = /* @__PURE__ */ Int32Array.from({ length: 256 }, (_, byte) => {
  let register = byte;
  for (let bit = 0; bit < 8; bit++) register = register & 1 ? (register >>> 1) ^ 0xedb88320 : register >>> 1;
  return register;
});

export function crc32(bytes: Uint8Array): number {
  let register = -1;
  for (let i = 0; i < bytes.length; i++) register = table[(register ^ bytes[i]) & 255] ^ (register >>> 8);
  return ~register >>> 0;
}

/** Both sums of Adler-32 (RFC 1950), carried over from piece to piece. */
export class Adler32 {
  #low = 1;
  #high = 0;

  add(bytes: Uint8Array): void {
    let [low, high] = [this.#low, this.#high];
    // So many that the sums stay below 2³² before the remainder is taken.
    for (let from = 0; from < bytes.length; from += 5552) {
      const to = Math.min(bytes.length, from + 5552);
      for (let i = from; i < to; i++) {
        low += bytes[i];
        high += low;
      }
      low %= 65521;
      high %= 65521;
    }
    [this.#low, this.#high] = [low, high];
  }

  get value(): number {
    return ((this.#high << 16) | this.#low) >>> 0;
  }
}
