import { bytesOf, isBlob, isResponse, isURL } from "../bytes";
import { kindOf, messageOf } from "../checks";
import { ModelError } from "../errors";
import { type ModelFiles, readModelFiles } from "./model-files";
import { siblingPath, siblingUrl } from "./sibling-path";
import { lastSegment, nameOf, plain, type SourceFile } from "./source-file";

export type { SourceFile } from "./source-file";

/** Where one file comes from. A string is a path (Node, Deno, Bun) or a URL. */
export type FileSource = Uint8Array | ArrayBuffer | Blob | Response | URL | string;

/** Where a network comes from: an ONNX file, the model.json of TensorFlow.js, or several files by name. */
export type ModelSource = FileSource | ModelFiles;

const hasScheme = /^[a-z][a-z0-9+.-]+:/i;

/**
 * @param what  what the source is for, as an error says it
 * @throws {ModelError} if the source is none, or cannot be fetched or read
 */
export async function readSource(source: ModelSource, what: "model" | "kernels" = "model"): Promise<SourceFile> {
  const bytes = bytesOf(source);
  if (bytes) return { bytes };
  if (typeof source === "string")
    return hasScheme.test(source) ? readUrl(new URL(source), what) : readFile(source, what);
  if (isURL(source)) return readUrl(source, what);
  if (isResponse(source)) return readResponse(source, what);
  if (isBlob(source)) {
    return { bytes: new Uint8Array(await source.arrayBuffer()), name: nameOf(source) };
  }
  if (what === "model" && typeof source === "object" && source !== null) return readModelFiles(source as ModelFiles);
  throw new ModelError(
    `${what === "model" ? "loadModel takes ONNX bytes or a TensorFlow.js model.json" : "The option wasm takes a WebAssembly.Module, its bytes"} ` +
      `(Uint8Array, ArrayBuffer, Blob, Response), a URL or a path${what === "model" ? ", or several files by name" : ""}; ` +
      `got ${kindOf(source)}.`,
  );
}

async function readUrl(url: URL, what: string): Promise<SourceFile> {
  return url.protocol === "file:" ? readFile(url, what) : readResponse(await fetched(url), what, url.href);
}

async function fetched(url: URL): Promise<Response> {
  try {
    return await fetch(url);
  } catch (error) {
    throw new ModelError(`${url.href} could not be fetched: ${messageOf(error)}.`);
  }
}

async function readResponse(response: Response, what: string, url = response.url): Promise<SourceFile> {
  const bytes = await bodyOf(response, what, url);
  // A Response that was made by hand has no address.
  if (url === "") return { bytes };
  const sibling = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
    const other = siblingUrl(path, new URL(url));
    return bodyOf(await fetched(other), what, other.href);
  };
  return { bytes, name: lastSegment(new URL(url).pathname), sibling };
}

async function bodyOf(response: Response, what: string, url: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!response.ok) throw new ModelError(`The ${what} could not be fetched: HTTP ${response.status} for ${url}.`);
  return new Uint8Array(await response.arrayBuffer());
}

async function readFile(path: string | URL, what: string): Promise<SourceFile> {
  const sibling = async (other: string): Promise<Uint8Array<ArrayBuffer>> => {
    const beside = siblingPath(other).join("/");
    return readBytes(typeof path === "string" ? path.replace(/[^\\/]*$/, () => beside) : siblingUrl(other, path), what);
  };
  return { bytes: await readBytes(path, what), name: lastSegment(pathOf(path)), sibling };
}

const pathOf = (path: string | URL): string => (typeof path === "string" ? path : path.pathname);

async function readBytes(path: string | URL, what: string): Promise<Uint8Array<ArrayBuffer>> {
  const shown = pathOf(path);
  // The name is hidden from bundlers: in a browser build there is no such module, and no path either.
  const fileSystem = "node:fs/promises";
  try {
    const fs = (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ fileSystem)) as {
      readFile(path: string | URL): Promise<Uint8Array>;
    };
    return plain(await fs.readFile(path));
  } catch (error) {
    const reason = messageOf(error);
    if (reason.startsWith("EISDIR")) {
      throw new ModelError(
        `"${shown}" is a folder. Pass the .onnx or model.json file in it; the folder of a TensorFlow SavedModel is converted ` +
          "first: tensorflowjs_converter --input_format=tf_saved_model, or python -m tf2onnx.convert --saved-model.",
      );
    }
    throw new ModelError(
      `The ${what} file "${shown}" cannot be read: ${reason}. Where there is no file system, pass bytes, a Blob or a URL.`,
    );
  }
}
