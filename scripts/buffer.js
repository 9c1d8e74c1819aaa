// What jpeg-js's encoder needs of Buffer, for hosts without it.
export const Buffer = { from: (bytes) => Uint8Array.from(bytes) };
