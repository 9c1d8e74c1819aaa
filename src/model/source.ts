import { ModelError } from "../errors";

/** Where a network comes from. A string is a path (Node, Deno, Bun) or a URL. */
export type ModelSource = Uint8Array | ArrayBuffer | Blob | Response | URL | string;

const hasScheme = /^[a-z][a-z0-9+.-]+:/i;

/** @returns the bytes and, where the source tells, a name */
export async function readSource(source: ModelSource): Promise<{ bytes: Uint8Array; name?: string }> {
  if (source instanceof Uint8Array) return { bytes: plain(source) };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source) };
  if (typeof source === "string") return hasScheme.test(source) ? readUrl(new URL(source)) : readFile(source);
  if (source instanceof URL) return readUrl(source);
  if (typeof Response !== "undefined" && source instanceof Response) return readResponse(source);
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    const name = "name" in source && typeof source.name === "string" ? source.name : undefined;
    return { bytes: new Uint8Array(await source.arrayBuffer()), name };
  }
  throw new ModelError(
    "loadModel takes ONNX bytes (Uint8Array, ArrayBuffer, Blob, Response), a URL or a path; " +
      `got ${source === null ? "null" : typeof source}.`,
  );
}

async function readUrl(url: URL): Promise<{ bytes: Uint8Array; name?: string }> {
  if (url.protocol === "file:") return readFile(url);
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new ModelError(
      `${url.href} could not be fetched: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  return readResponse(response, url.href);
}

async function readResponse(response: Response, url = response.url): Promise<{ bytes: Uint8Array; name?: string }> {
  if (!response.ok) throw new ModelError(`The model could not be fetched: HTTP ${response.status} for ${url}.`);
  return { bytes: new Uint8Array(await response.arrayBuffer()), name: lastSegment(url) };
}

async function readFile(path: string | URL): Promise<{ bytes: Uint8Array; name?: string }> {
  const shown = typeof path === "string" ? path : path.pathname;
  // The name is hidden from bundlers: in a browser build there is no such module, and no path either.
  const fileSystem = "node:fs/promises";
  let bytes: Uint8Array;
  try {
    const fs = (await import(/* @vite-ignore */ fileSystem)) as { readFile(path: string | URL): Promise<Uint8Array> };
    bytes = await fs.readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelError(
      `The model file "${shown}" cannot be read: ${reason}. Where there is no file system, pass bytes, a Blob or a URL.`,
    );
  }
  return { bytes: plain(bytes), name: lastSegment(shown) };
}

/** A Node Buffer is a Uint8Array whose `slice` does not copy: what follows sees the plain kind. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const lastSegment = (path: string): string | undefined => path.split(/[\\/]/).pop() || undefined;
