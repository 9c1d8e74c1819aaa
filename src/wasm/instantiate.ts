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
 * How products are summed. 'plain': the product is rounded, then the sum, as every host does. 'fused': the sum alone is rounded,
 * by one instruction that takes the time of one; every host that has it gives the same bits, but not those of plain arithmetic.
 */
export type Arithmetic = "plain" | "fused";

type KernelBytes = BufferSource | WebAssembly.Module;

const plainFile = "kernels.wasm";
/** What the package calls the kernels with fused arithmetic. */
export const fusedFile = "kernels-fused.wasm";

/** Whether a module's kernels are those with fused arithmetic: they alone export a probe. */
export const hasFusedKernels = (module: WebAssembly.Module): boolean =>
  WebAssembly.Module.exports(module).some(({ name }) => name === "probe");

/**
 * Compiles the kernels.
 *
 * @param source  their bytes, or a module that the host has compiled
 * @param file    what the package calls them
 * @throws {UnsupportedRuntimeError} if the host has no WebAssembly SIMD or does not compile bytes
 */
export async function compileKernels(source: KernelBytes, file = plainFile): Promise<WebAssembly.Module> {
  if (typeof WebAssembly !== "object") {
    throw new UnsupportedRuntimeError("This runtime has no WebAssembly; seethrough needs WebAssembly with SIMD.");
  }
  if (isModule(source)) return source;
  try {
    const module = await compileBytes(source);
    bytesOfModules.set(module, source);
    return module;
  } catch (error) {
    throw refused("compiled", error, file);
  }
}

/** What modules were compiled of: threads run the same code with another memory. */
const bytesOfModules = new WeakMap<WebAssembly.Module, BufferSource>();

/** The bytes of a module that was compiled here. */
export const moduleBytes = (module: WebAssembly.Module): BufferSource | undefined => bytesOfModules.get(module);

/** `WebAssembly.compile`, which Node from 24 on does not wait for: a program that does nothing else meanwhile would end. */
export async function compileBytes(bytes: BufferSource): Promise<WebAssembly.Module> {
  const awake = setTimeout(() => {}, 2 ** 30);
  try {
    return await WebAssembly.compile(bytes);
  } finally {
    clearTimeout(awake);
  }
}

function refused(what: "compiled" | "instantiated", error: unknown, file = plainFile): UnsupportedRuntimeError {
  const reason = messageOf(error);
  return new UnsupportedRuntimeError(
    `The kernels could not be ${what} (${reason}). ${
      forbidsCompiling(reason)
        ? "This host does not compile bytes. On a page, allow script-src 'wasm-unsafe-eval'; in a Worker, bundle with the " +
          `condition "workerd" or "edge-light", or import 'seethrough/${file}' and pass it as { wasm }.`
        : file === plainFile
          ? "They need WebAssembly SIMD: Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or later."
          : "They need WebAssembly's relaxed SIMD: Node 21, Chrome 114, Firefox 145 or later."
    }`,
  );
}

/** Compiles at the first call and keeps the module for the next ones; a failure is not kept. */
export function compileOnce(
  source: () => KernelBytes | Promise<KernelBytes>,
  file?: string,
): () => Promise<WebAssembly.Module> {
  let module: Promise<WebAssembly.Module> | undefined;
  const compiled = async (): Promise<WebAssembly.Module> => compileKernels(await source(), file);
  return () => {
    module ??= compiled().catch((error) => {
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
