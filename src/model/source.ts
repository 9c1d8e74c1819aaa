import { ModelError } from "../errors";

/** Where a network comes from. A string is a path (Node, Deno, Bun) or a URL. */
export type ModelSource = Uint8Array | ArrayBuffer | Blob | Response | URL | string;

const hasScheme = /^[a-z][a-z0-9+.-]+:/i;

/** A file that was read. */
export interface SourceFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the source tells. */
  readonly name?: string;
}

/**
 * @param what  what the source is for, as an error says it
 * @throws {ModelError} if the source is none, or cannot be fetched or read
 */
export async function readSource(source: ModelSource, what: "model" | "kernels" = "model"): Promise<SourceFile> {
  if (source instanceof Uint8Array) return { bytes: plain(source) };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source) };
  if (typeof source === "string")
    return hasScheme.test(source) ? readUrl(new URL(source), what) : readFile(source, what);
  if (source instanceof URL) return readUrl(source, what);
  if (typeof Response !== "undefined" && source instanceof Response) return readResponse(source, what);
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    const name = "name" in source && typeof source.name === "string" ? source.name : undefined;
    return { bytes: new Uint8Array(await source.arrayBuffer()), name };
  }
  throw new ModelError(
    `${what === "model" ? "loadModel takes ONNX bytes" : "The option wasm takes a WebAssembly.Module, its bytes"} ` +
      "(Uint8Array, ArrayBuffer, Blob, Response), a URL or a path; " +
      `got ${source === null ? "null" : typeof source}.`,
  );
}

async function readUrl(url: URL, what: string): Promise<SourceFile> {
  if (url.protocol === "file:") return readFile(url, what);
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new ModelError(
      `${url.href} could not be fetched: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  return readResponse(response, what, url.href);
}

async function readResponse(response: Response, what: string, url = response.url): Promise<SourceFile> {
  if (!response.ok) throw new ModelError(`The ${what} could not be fetched: HTTP ${response.status} for ${url}.`);
  return { bytes: new Uint8Array(await response.arrayBuffer()), name: lastSegment(url) };
}

async function readFile(path: string | URL, what: string): Promise<SourceFile> {
  const shown = typeof path === "string" ? path : path.pathname;
  // The name is hidden from bundlers: in a browser build there is no such module, and no path either.
  const fileSystem = "node:fs/promises";
  let bytes: Uint8Array;
  try {
    const fs = (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ fileSystem)) as {
      readFile(path: string | URL): Promise<Uint8Array>;
    };
    bytes = await fs.readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelError(
      `The ${what} file "${shown}" cannot be read: ${reason}. Where there is no file system, pass bytes, a Blob or a URL.`,
    );
  }
  return { bytes: plain(bytes), name: lastSegment(shown) };
}

/** A Node Buffer is a Uint8Array whose `slice` does not copy: what follows sees the plain kind. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);

const lastSegment = (path: string): string | undefined => path.split(/[\\/]/).pop() || undefined;
