import { cut, parseAddress, readBody, shownAddress, withoutSecrets } from "../addresses";
import { bytesOf, isURL } from "../bytes";
import { kindOf, messageOf } from "../checks";
import { InputError } from "../errors";

/** Where a picture comes from. A string is a path (Node, Deno, Bun), a URL, or on a page a path of its server. */
export type PictureSource = Uint8Array | ArrayBuffer | Blob | Response | URL | string;

const hasScheme = /^[a-z][a-z0-9+.-]+:/i;

/**
 * @param signal  ends what is being fetched
 * @throws {InputError} if the source is none, or cannot be fetched or read
 */
export async function readPicture(source: PictureSource, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = bytesOf(source);
  // A copy, before anything else happens: what their owner does with them meanwhile changes nothing.
  if (bytes) return bytes.slice();
  if (typeof source === "string")
    return hasScheme.test(source) ? readUrl(addressOf(source), signal) : readFile(source, signal);
  if (isURL(source)) return readUrl(source, signal);
  if (typeof source === "object" && source !== null && "arrayBuffer" in source)
    return readPlace(source as Blob | Response);
  throw new InputError(
    "decodeImage takes a PNG, JPEG or WebP file: its bytes (Uint8Array, ArrayBuffer, Blob, Response), a path or a URL; " +
      `got ${kindOf(source)}.`,
  );
}

/** Bytes of a file; pictures of ten times the pixels that are decoded take less. */
const mostBytes = 2 ** 30;

async function readPlace(source: Blob | Response): Promise<Uint8Array> {
  if ("ok" in source && !source.ok) {
    throw new InputError(`The image could not be fetched: HTTP ${source.status} for ${shownAddress(source.url)}.`);
  }
  const tooLarge = (bytes: number): InputError =>
    new InputError(`The image's file has at least ${bytes} bytes; at most ${mostBytes} are read.`);
  try {
    if ("ok" in source) return await readBody(source, mostBytes, tooLarge);
    if (source.size > mostBytes) throw tooLarge(source.size);
    return new Uint8Array(await source.arrayBuffer());
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`The image could not be read: ${withoutSecrets(messageOf(error))}.`);
  }
}

function addressOf(text: string): URL {
  const address = parseAddress(text);
  if (address) return address;
  throw new InputError(`The address of the image, "${shownAddress(text)}", is none that can be fetched.`);
}

async function readUrl(url: URL, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (url.protocol === "file:") return readFile(url, signal);
  let response: Response;
  try {
    response = await (signal ? fetch(url.href, { signal }) : fetch(url.href));
  } catch (error) {
    throw new InputError(
      `The image could not be fetched: ${withoutSecrets(messageOf(error))} (${shownAddress(url.href)}).`,
    );
  }
  return readPlace(response);
}

async function readFile(path: string | URL, signal: AbortSignal | undefined): Promise<Uint8Array> {
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
  if (typeof path === "string" && page) return readUrl(new URL(path, page), signal);
  throw new InputError(
    `The image file "${cut(typeof path === "string" ? path : path.pathname)}" cannot be read: ${reason}. ` +
      "Where there is no file system, pass bytes, a Blob or a URL.",
  );
}
