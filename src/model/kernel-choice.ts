import { OptionError } from "../errors";
import { compileKernels, fusedFile, hasFusedKernels, isModule } from "../wasm/instantiate";
import type { ChosenKernels } from "./fused-kernels";
import type { KernelFiles, LoadOptions, WasmSource } from "./load-options";
import { readSource } from "./source";
import type { SourceFile } from "./source-file";

/** What an entry of the package brings along. */
export interface Packaged {
  /** The kernels, compiled once. */
  readonly kernels: () => Promise<WebAssembly.Module>;
  /** Those with fused arithmetic, fetched or decoded when they are asked for; absent where an entry carries none. */
  readonly fused?: () => Promise<WebAssembly.Module>;
  /** The network that is loaded where none is given. */
  readonly defaultModel: () => Promise<SourceFile>;
}

/**
 * The compiled kernels that a call names, or those of the entry.
 *
 * @throws {UnsupportedRuntimeError} if they are to fuse, and this host does not
 * @throws {OptionError} if those that are named are of the other kind
 */
export async function kernelsOf(
  { kernels, fused }: Pick<Packaged, "kernels" | "fused">,
  { wasm, arithmetic }: Pick<LoadOptions, "wasm" | "arithmetic">,
): Promise<ChosenKernels> {
  const both = hasBoth(wasm) ? wasm : undefined;
  const named = both ? undefined : (wasm as WasmSource | undefined);
  const plain = both?.plain === undefined ? kernels : compiling(both.plain);
  if (arithmetic === "fused" || arithmetic === "fastest") {
    const { chooseKernels } = await import("./fused-kernels");
    const sources = {
      plain,
      fused: both?.fused === undefined ? fused : compiling(both.fused, fusedFile),
      ...(named !== undefined && { named: compiling(named, fusedFile) }),
    };
    return chooseKernels(sources, arithmetic);
  }
  const module = await (named === undefined ? plain : compiling(named))();
  if (wasm !== undefined && hasFusedKernels(module)) {
    throw new OptionError(
      "The option wasm has the kernels with fused arithmetic: pass { arithmetic: 'fused' } with them.",
    );
  }
  return { module, arithmetic: "plain" };
}

/** Whether kernels are named by their kinds. */
export const hasBoth = (wasm: LoadOptions["wasm"]): wasm is KernelFiles =>
  typeof wasm === "object" && wasm !== null && ("plain" in wasm || "fused" in wasm);

const compiling = (source: WasmSource, file?: string) => async (): Promise<WebAssembly.Module> =>
  compileKernels(isModule(source) ? source : (await readSource(source, "kernels")).bytes, file);
