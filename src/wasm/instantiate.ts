import { instantiate as instantiateAssembly } from "@assemblyscript/loader";
import packaged from "#kernels";
import { ModelError, UnsupportedRuntimeError } from "../errors";
import type { Kernels } from "./kernels";

/** Where the kernels come from: a compiled module, its bytes, or something that can be fetched. */
export type WasmSource = WebAssembly.Module | ArrayBuffer | Uint8Array | Response | URL;

let packagedModule: Promise<WebAssembly.Module> | undefined;

/** Modules made in another realm (an edge host, an iframe) fail `instanceof`: ask for the brand. */
const isModule = (source: unknown): boolean => Object.prototype.toString.call(source) === "[object WebAssembly.Module]";

async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  if (isModule(source)) return source as WebAssembly.Module;
  const given = source as Uint8Array<ArrayBuffer> | ArrayBuffer | Response | URL;
  // Bytes first: in Node, naming Response loads the whole fetch implementation, ten milliseconds of a cold start.
  if (ArrayBuffer.isView(given) || given instanceof ArrayBuffer) return WebAssembly.compile(given);
  if (given instanceof URL) return compile(await fetch(given));
  if (typeof given !== "object" || !("arrayBuffer" in given)) {
    throw new TypeError("the source is neither a module nor bytes, a Response or a URL");
  }
  if (!given.ok) throw new ModelError(`The kernels could not be fetched: HTTP ${given.status} for ${given.url}.`);
  return WebAssembly.compile(await given.arrayBuffer());
}

/**
 * Makes a fresh instance of the kernels with its own memory.
 *
 * @param source  default: the kernels this package carries, compiled once per process
 * @throws {UnsupportedRuntimeError} if the host has no WebAssembly SIMD
 */
export async function instantiateKernels(source?: WasmSource): Promise<Kernels> {
  if (typeof WebAssembly !== "object") {
    throw new UnsupportedRuntimeError("This runtime has no WebAssembly; seethrough needs WebAssembly with SIMD.");
  }
  let module: WebAssembly.Module;
  try {
    packagedModule ??= source === undefined ? compile(packaged) : undefined;
    module = await (source === undefined ? (packagedModule as Promise<WebAssembly.Module>) : compile(source));
  } catch (error) {
    if (error instanceof ModelError) throw error;
    if (source === undefined) packagedModule = undefined;
    throw new UnsupportedRuntimeError(
      `The kernels could not be compiled (${error instanceof Error ? error.message : String(error)}). ` +
        "They need WebAssembly SIMD: Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or later.",
    );
  }
  const { exports } = await instantiateAssembly(module, {});
  return exports as unknown as Kernels;
}
