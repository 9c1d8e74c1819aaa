type FromHex = { readonly fromHex?: (text: string) => Uint8Array<ArrayBuffer> };

/** The bytes that a text of lower-case hexadecimal digits stands for. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as FromHex).fromHex;
  if (native) return native.call(Uint8Array, text);
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const digit = (code & 15) + 9 * (code >> 6); // "0" is 0x30, "a" 0x61
    bytes[i >> 1] = (bytes[i >> 1] << 4) | digit;
  }
  return bytes;
}
