import { bytesOf, isURL } from "../bytes";
import { kindOf, messageOf } from "../checks";
import { InputError } from "../errors";

/** Where a picture comes from. A string is a path (Node, Deno, Bun), a URL, or on a page a path of its server. */
export type PictureSource = Uint8Array | ArrayBuffer | Blob | Response | URL | string;

const hasScheme = /^[a-z][a-z0-9+.-]+:/i;

/** @throws {InputError} if the source is none, or cannot be fetched or read */
export async function readPicture(source: PictureSource): Promise<Uint8Array> {
  const bytes = bytesOf(source);
  if (bytes) return bytes;
  if (typeof source === "string") return hasScheme.test(source) ? readUrl(new URL(source)) : readFile(source);
  if (isURL(source)) return readUrl(source);
  if (typeof source === "object" && source !== null && "arrayBuffer" in source) return readBody(source);
  throw new InputError(
    "decodeImage takes a PNG, JPEG or WebP file: its bytes (Uint8Array, ArrayBuffer, Blob, Response), a path or a URL; " +
      `got ${kindOf(source)}.`,
  );
}

async function readBody(source: Blob | Response): Promise<Uint8Array> {
  if ("ok" in source && !source.ok) {
    throw new InputError(`The image could not be fetched: HTTP ${source.status} for ${source.url}.`);
  }
  return new Uint8Array(await source.arrayBuffer());
}

async function readUrl(url: URL): Promise<Uint8Array> {
  if (url.protocol === "file:") return readFile(url);
  let response: Response;
  try {
    response = await fetch(url.href);
  } catch (error) {
    throw new InputError(`The image could not be fetched: ${messageOf(error)} (${url.href}).`);
  }
  return readBody(response);
}

async function readFile(path: string | URL): Promise<Uint8Array> {
  // The name is hidden from bundlers: in a browser build there is no such module.
  const fileSystem = "node:fs/promises";
  let reason: string;
  try {
    const fs = (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ fileSystem)) as {
      readFile(path: string | URL): Promise<Uint8Array>;
    };
    return await fs.readFile(path);
  } catch (error) {
    reason = messageOf(error);
  }
  const page = typeof location === "object" && /^https?:$/.test(location.protocol) ? location.href : undefined;
  if (typeof path === "string" && page) return readUrl(new URL(path, page));
  throw new InputError(
    `The image file "${typeof path === "string" ? path : path.href}" cannot be read: ${reason}. ` +
      "Where there is no file system, pass bytes, a Blob or a URL.",
  );
}
