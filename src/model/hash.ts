import { joinBytes } from "../join-bytes";

/** Bytes from which a hash takes its time. */
const longBytes = 2 ** 25;

/** @returns `sha256:` and, in hexadecimal, the digest of all pieces one after the other */
export async function hashBytes(...pieces: readonly Uint8Array[]): Promise<string> {
  const size = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  // The host's quick hash first copies all there is, and nobody is let in meanwhile.
  const long = size > longBytes ? await (await import("./long-hash")).longSha256(pieces) : undefined;
  const digest = long ?? (await sha256(joinBytes(pieces)));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  // crypto.subtle is absent on pages served over plain http, for example from a device in the local network.
  if (globalThis.crypto?.subtle) {
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  }
  const fallback = await import("./sha256");
  return fallback.sha256(bytes);
}
