import { cut, parseAddress, readBody, shownAddress, withoutSecrets } from "../addresses";
import { bytesOf, isBlob, isResponse, isShared, isURL } from "../bytes";
import { kindOf, messageOf, throwIfAborted } from "../checks";
import { ModelError, OptionError, SeethroughError } from "../errors";
import { type Limits, limitsOf, withinLimit } from "../limits";
import { type ModelFiles, readModelFiles } from "./model-files";
import { isBelow, siblingPath, siblingUrl } from "./sibling-path";
import { asPlainBytes, lastSegment, nameOf, type SourceFile } from "./source-file";

export type { SourceFile } from "./source-file";

/** Where one file comes from. A string is a path (Node, Deno, Bun) or a URL. */
export type FileSource = Uint8Array | ArrayBuffer | Blob | Response | URL | string;

/** Where a network comes from: an ONNX or TensorFlow Lite file, the model.json of TensorFlow.js, or several files by name. */
export type ModelSource = FileSource | ModelFiles;

/** How far reading a model may reach. */
export interface SourceReach {
  /** Bytes of all its files together, and what a caller says of it. */
  readonly limits?: Partial<Limits> | undefined;
  /** Other hosts that its files may lie at. */
  readonly allowOrigins?: readonly string[] | undefined;
  /** False: bytes are not copied, and the caller promises to leave them alone. */
  readonly copy?: boolean | undefined;
  /** Ends what is being fetched. */
  readonly signal?: AbortSignal | undefined;
}

const hasScheme = /^[a-z][a-z0-9+.-]+:/i;

/**
 * The one place where a model's files are fetched and read. What a model names lies beside it or below, or at hosts that the
 * caller allows; whoever wrote the model must not make this program ask anybody else, nor learn what the model's address
 * carries in its query.
 *
 * Bytes are copied before anything else happens, so that what their owner does with them later changes nothing.
 *
 * @param what  what the source is for, as an error says it
 * @throws {ModelError} if the source is none, or cannot be fetched or read
 * @throws {LimitError} if there are more bytes than `limits.fileBytes`
 * @throws {OptionError} if an origin that is allowed is none
 */
export async function readSource(
  source: ModelSource,
  what: "model" | "kernels" = "model",
  reach: SourceReach = {},
): Promise<SourceFile> {
  const budget = new Budget(what, reach);
  const bytes = bytesOf(source);
  if (bytes) {
    budget.spend(bytes.byteLength);
    return { bytes: reach.copy === false && !isShared(bytes) ? bytes : bytes.slice() };
  }
  if (typeof source === "string")
    return hasScheme.test(source) ? readUrl(addressOf(source, what), budget) : readFile(source, budget);
  if (isURL(source)) return readUrl(source, budget);
  if (isResponse(source)) return readResponse(source, budget);
  if (isBlob(source)) {
    budget.spend(source.size);
    return { bytes: new Uint8Array(await source.arrayBuffer()), name: nameOf(source) };
  }
  if (what === "model" && typeof source === "object" && source !== null)
    return readModelFiles(source as ModelFiles, reach.copy !== false, (size) => budget.spend(size));
  throw new ModelError(
    `${what === "model" ? "loadModel takes the bytes of an ONNX or TensorFlow Lite file, or a TensorFlow.js model.json" : "The option wasm takes a WebAssembly.Module, its bytes"} ` +
      `(Uint8Array, ArrayBuffer, Blob, Response), a URL or a path${what === "model" ? ", or several files by name" : ""}; ` +
      `got ${kindOf(source)}.`,
  );
}

/** How much may still be read, and from where. */
class Budget {
  readonly what: string;
  readonly origins: ReadonlySet<string>;
  readonly signal: AbortSignal | undefined;
  readonly #limits: Limits;
  #spent = 0;

  constructor(what: string, { limits, allowOrigins, signal }: SourceReach) {
    this.signal = signal;
    this.what = what;
    this.#limits = limitsOf(limits);
    this.origins = originsOf(allowOrigins);
  }

  get left(): number {
    return this.#limits.fileBytes - this.#spent;
  }

  /** @throws {LimitError} if that is more than there is left */
  spend(bytes: number): void {
    this.#spent += bytes;
    withinLimit(this.#limits, "fileBytes", this.#spent, `The ${this.what} has too many bytes`);
  }

  /** The error for a file that has more bytes than there are left. */
  tooLarge(bytes: number): Error {
    try {
      this.spend(bytes);
    } catch (error) {
      return error as Error;
    }
    return new ModelError(`The ${this.what} changed while it was read.`);
  }
}

function originsOf(allowed: readonly string[] | undefined): ReadonlySet<string> {
  if (allowed === undefined) return new Set();
  if (!Array.isArray(allowed)) throw new OptionError(`allowOrigins must be a list of origins, got ${kindOf(allowed)}.`);
  return new Set(
    allowed.map((each) => {
      const origin = typeof each === "string" ? parseAddress(each) : undefined;
      if (origin && /^https?:$/.test(origin.protocol)) return origin.origin;
      const got = typeof each === "string" ? `"${shownAddress(each)}"` : kindOf(each);
      throw new OptionError(`allowOrigins must hold origins like "https://cdn.example.com", got ${got}.`);
    }),
  );
}

function addressOf(text: string, what: string): URL {
  const address = parseAddress(text);
  if (address) return address;
  throw new ModelError(`The address of the ${what}, "${shownAddress(text)}", is none that can be fetched.`);
}

async function readUrl(url: URL, budget: Budget): Promise<SourceFile> {
  return url.protocol === "file:" ? readFile(url, budget) : readResponse(await fetched(url, budget), budget, url.href);
}

async function fetched(url: URL, { signal }: Budget, more?: RequestInit): Promise<Response> {
  const init = signal ? { ...more, signal } : more;
  try {
    return await (init ? fetch(url, init) : fetch(url));
  } catch (error) {
    throwIfAborted(signal);
    throw new ModelError(`${shownAddress(url.href)} could not be fetched: ${withoutSecrets(messageOf(error))}.`);
  }
}

async function readResponse(response: Response, budget: Budget, url = response.url): Promise<SourceFile> {
  const bytes = await bodyOf(response, budget, url);
  // A Response that was made by hand has no address.
  const model = parseAddress(url);
  if (!model) return { bytes };
  // The model may have been moved; then its files lie where it was asked for or where it was found.
  const homes = [model, parseAddress(response.url) ?? model];
  const sibling = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
    const address = elsewhere(path, budget) ?? siblingUrl(path, model);
    return bodyOf(await fetchedWithin(address, homes, budget), budget, address.href);
  };
  return { bytes, name: lastSegment(model.pathname), sibling };
}

/** The address of a file at a host that the caller allows. It is asked for as it stands: no query of the model's goes there. */
function elsewhere(path: string, { origins }: Budget): URL | undefined {
  const address = /^https?:\/\//i.test(path) ? parseAddress(path) : undefined;
  if (!address) return undefined;
  if (origins.has(address.origin)) return address;
  throw new ModelError(
    `The model names the file "${shownAddress(path)}", at another host. The files of a model lie in its own folder or below it; ` +
      `if you trust that host: loadModel(source, { allowOrigins: ["${shownAddress(address.origin)}"] }).`,
  );
}

/** Hosts do not send others in a circle for longer. */
const mostRedirects = 10;

/** Fetches a file of a model; wherever that leads, every address on the way is one of the model's places. */
async function fetchedWithin(address: URL, homes: readonly URL[], budget: Budget): Promise<Response> {
  const check = (next: URL): void => {
    if (budget.origins.has(next.origin) || homes.some((home) => isBelow(next, home))) return;
    throw new ModelError(
      `${shownAddress(address.href)} is answered with the address ${shownAddress(next.href)}, which does not lie in the model's ` +
        `folder or below it; nothing is read from there. If you trust that host: loadModel(source, { allowOrigins: ["${shownAddress(next.origin)}"] }).`,
    );
  };
  let url = address;
  for (let hop = 0; hop <= mostRedirects; hop++) {
    check(url);
    let response = await fetched(url, budget, { redirect: "manual" });
    // Browsers do not tell where an answer leads before they are there.
    if (response.type === "opaqueredirect") response = await fetched(url, budget);
    const to = response.status >= 300 && response.status < 400 ? response.headers?.get("location") : undefined;
    if (to === undefined || to === null) {
      const end = parseAddress(response.url);
      if (end) check(end);
      return response;
    }
    response.body?.cancel().catch(() => {});
    const next = parseAddress(to, url);
    if (!next) throw new ModelError(`${shownAddress(url.href)} is answered with an address that is none.`);
    url = next;
  }
  throw new ModelError(`${shownAddress(address.href)} is answered with more than ${mostRedirects} other addresses.`);
}

async function bodyOf(response: Response, budget: Budget, url: string): Promise<Uint8Array<ArrayBuffer>> {
  const { what } = budget;
  const shown = shownAddress(url);
  if (!response.ok) throw new ModelError(`The ${what} could not be fetched: HTTP ${response.status} for ${shown}.`);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readBody(response, budget.left, (size) => budget.tooLarge(size));
  } catch (error) {
    if (error instanceof SeethroughError) throw error;
    throwIfAborted(budget.signal);
    throw new ModelError(
      `The ${what} could not be read${shown && ` from ${shown}`}: ${withoutSecrets(messageOf(error))}.`,
    );
  }
  budget.spend(bytes.byteLength);
  return bytes;
}

async function readFile(path: string | URL, budget: Budget): Promise<SourceFile> {
  const sibling = async (other: string): Promise<Uint8Array<ArrayBuffer>> => {
    const address = elsewhere(other, budget);
    if (address) return bodyOf(await fetchedWithin(address, [], budget), budget, address.href);
    const beside = siblingPath(other).join("/");
    return readBytes(
      typeof path === "string" ? path.replace(/[^\\/]*$/, () => beside) : siblingUrl(other, path),
      budget,
    );
  };
  return {
    bytes: await readBytes(path, budget),
    name: lastSegment(pathOf(path)),
    sibling,
    ...(inExports.test(pathOf(path)) && {
      above: (other: string) => {
        const file = siblingPath(other).join("/");
        return readBytes(
          typeof path === "string" ? path.replace(inExports, `$1${file}`) : new URL(`../${file}`, path),
          budget,
        );
      },
    }),
  };
}

/** The folder in which repositories keep their models as ONNX, with what they say of them in the folder above. */
const inExports = /(^|[\\/])onnx[\\/][^\\/]*$/;

const pathOf = (path: string | URL): string => (typeof path === "string" ? path : path.pathname);

async function readBytes(path: string | URL, budget: Budget): Promise<Uint8Array<ArrayBuffer>> {
  const { what } = budget;
  const shown = cut(pathOf(path));
  // The name is hidden from bundlers: in a browser build there is no such module, and no path either.
  const fileSystem = "node:fs/promises";
  try {
    const fs = (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ fileSystem)) as {
      readFile(path: string | URL): Promise<Uint8Array>;
      stat(path: string | URL): Promise<{ readonly size: number }>;
    };
    budget.spend((await fs.stat(path)).size);
    return asPlainBytes(await fs.readFile(path));
  } catch (error) {
    if (error instanceof SeethroughError) throw error;
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
