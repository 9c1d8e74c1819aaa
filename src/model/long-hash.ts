/** The digest of very many bytes by the host's own hash, with the event loop let in on the way. Loaded for large files. */
import { pausing, watchedMilliseconds } from "../turns";

/** What is used of Node's, Deno's and Bun's module. */
interface HostCrypto {
  createHash(name: "sha256"): { update(bytes: Uint8Array): void; digest(): Uint8Array };
}

const pieceBytes = 2 ** 21;

/** @returns undefined where the host has none that takes its bytes piece by piece */
export async function longSha256(pieces: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
  const host = await hostCrypto();
  if (!host) return undefined;
  const hash = host.createHash("sha256");
  const pause = pausing(watchedMilliseconds, undefined);
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += pieceBytes) {
      hash.update(piece.subarray(at, at + pieceBytes));
      await pause();
    }
  }
  return new Uint8Array(hash.digest());
}

async function hostCrypto(): Promise<HostCrypto | undefined> {
  // The name is hidden from bundlers: in a browser build there is no such module.
  const name = "node:crypto";
  try {
    const host = (await import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name
    )) as Partial<HostCrypto>;
    return typeof host.createHash === "function" ? (host as HostCrypto) : undefined;
  } catch {
    return undefined; // Not Node, Deno or Bun.
  }
}
