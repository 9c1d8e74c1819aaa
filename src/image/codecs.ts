import { messageOf } from "../checks";
import { UnsupportedRuntimeError } from "../errors";
import { fromHex } from "../wasm/hex";
import { compileBytes, forbidsCompiling, isModule } from "../wasm/instantiate";

/** The decoders that are WebAssembly. Each host gets them in its own way, when the first picture asks for one. */
export interface PictureCodecs {
  readonly jpeg: () => Promise<WebAssembly.Module>;
  readonly webp: () => Promise<WebAssembly.Module>;
}

/** What a file of the build holds: a compiled module, or the codec in hexadecimal digits. */
interface CodecFile {
  readonly default: WebAssembly.Module | string;
}

/** Loads and compiles a codec at its first call and keeps it for the next ones; a failure is not kept. */
export function codecOnce(load: () => Promise<CodecFile>): () => Promise<WebAssembly.Module> {
  let module: Promise<WebAssembly.Module> | undefined;
  return () => {
    module ??= compiled(load).catch((error) => {
      module = undefined;
      throw error;
    });
    return module;
  };
}

async function compiled(load: () => Promise<CodecFile>): Promise<WebAssembly.Module> {
  const { default: codec } = await load();
  if (isModule(codec)) return codec;
  try {
    return await compileBytes(fromHex(codec as string));
  } catch (error) {
    throw refused(error);
  }
}

/**
 * A fresh instance with a memory of its own, which is gone with it: one file cannot disturb the next.
 *
 * @throws {UnsupportedRuntimeError} if the host refuses; WebKit applies a page's policy here, not when it compiles
 */
export async function instantiateCodec<Exports>(
  module: WebAssembly.Module,
  imports: WebAssembly.Imports,
): Promise<Exports> {
  try {
    const { exports } = await WebAssembly.instantiate(module, imports);
    return exports as unknown as Exports;
  } catch (error) {
    throw refused(error);
  }
}

function refused(error: unknown): unknown {
  const reason = messageOf(error);
  if (!forbidsCompiling(reason)) return error;
  return new UnsupportedRuntimeError(
    `The decoder of this picture could not be compiled (${reason}). On a page, allow script-src 'wasm-unsafe-eval'; in a ` +
      'Worker, import decodeImage from "seethrough" and bundle with the condition "workerd" or "edge-light". PNG files ' +
      "need no WebAssembly.",
  );
}
