import { messageOf } from "../checks";
import { UnsupportedRuntimeError } from "../errors";
import type { Kernels } from "./kernels";

/** Modules made in another realm (an edge host, an iframe) fail `instanceof`: ask for the brand. */
export const isModule = (source: unknown): source is WebAssembly.Module =>
  Object.prototype.toString.call(source) === "[object WebAssembly.Module]";

/** Hosts that run only modules compiled at deployment, and pages whose policy forbids compiling, say it in these words. */
const forbidden = /disallowed|code generation|Content Security Policy|unsafe-eval|\bCSP\b/i;

export const forbidsCompiling = (reason: string): boolean => forbidden.test(reason);

/**
 * Compiles the kernels.
 *
 * @param source  their bytes, or a module that the host has compiled
 * @throws {UnsupportedRuntimeError} if the host has no WebAssembly SIMD or does not compile bytes
 */
export async function compileKernels(source: BufferSource | WebAssembly.Module): Promise<WebAssembly.Module> {
  if (typeof WebAssembly !== "object") {
    throw new UnsupportedRuntimeError("This runtime has no WebAssembly; seethrough needs WebAssembly with SIMD.");
  }
  if (isModule(source)) return source;
  try {
    return await WebAssembly.compile(source);
  } catch (error) {
    throw refused("compiled", error);
  }
}

function refused(what: "compiled" | "instantiated", error: unknown): UnsupportedRuntimeError {
  const reason = messageOf(error);
  return new UnsupportedRuntimeError(
    `The kernels could not be ${what} (${reason}). ${
      forbidsCompiling(reason)
        ? "This host does not compile bytes. On a page, allow script-src 'wasm-unsafe-eval'; in a Worker, bundle with the " +
          'condition "workerd" or "edge-light", or import \'seethrough/kernels.wasm\' and pass it as { wasm }.'
        : "They need WebAssembly SIMD: Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or later."
    }`,
  );
}

/** Compiles at the first call and keeps the module for the next ones; a failure is not kept. */
export function compileOnce(source: () => BufferSource | WebAssembly.Module): () => Promise<WebAssembly.Module> {
  let module: Promise<WebAssembly.Module> | undefined;
  return () => {
    module ??= compileKernels(source()).catch((error) => {
      module = undefined;
      throw error;
    });
    return module;
  };
}

/**
 * Makes a fresh instance of the kernels with its own memory. They import nothing and take only numbers: no loader is needed.
 *
 * @throws {UnsupportedRuntimeError} if the host refuses; WebKit applies a page's policy here, not when it compiles
 */
export async function instantiateKernels(module: WebAssembly.Module): Promise<Kernels> {
  try {
    const { exports } = await WebAssembly.instantiate(module);
    return exports as unknown as Kernels;
  } catch (error) {
    if (!(error instanceof Error) || !forbidsCompiling(error.message)) throw error;
    throw refused("instantiated", error);
  }
}
