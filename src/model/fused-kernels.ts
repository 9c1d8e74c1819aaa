import { messageOf } from "../checks";
import { OptionError, UnsupportedRuntimeError } from "../errors";
import { type Arithmetic, hasFusedKernels, instantiateKernels } from "../wasm/instantiate";
import type { Kernels } from "../wasm/kernels";

/** Compiled kernels, and how they sum. */
export interface ChosenKernels {
  readonly module: WebAssembly.Module;
  readonly arithmetic: Arithmetic;
  /** Why they are plain though the fastest were asked for. */
  readonly reason?: string;
}

/** Where kernels can be had, by what they are. */
export interface KernelSources {
  /** Those that the caller names; they may be of either kind. */
  readonly named?: () => Promise<WebAssembly.Module>;
  /** Absent where the entry carries none. */
  readonly fused?: () => Promise<WebAssembly.Module>;
  readonly plain: () => Promise<WebAssembly.Module>;
}

/** What the fused module exports beside the kernels: a + x·w as all of them compute it. */
type Probed = Kernels & { probe(x: number, w: number, a: number): number };

/**
 * The kernels with fused arithmetic, or the plain ones where 'fastest' is asked for and the host does not fuse.
 *
 * @throws {UnsupportedRuntimeError} if 'fused' is asked for and the host does not compile them, or does not fuse
 * @throws {OptionError} if 'fused' is asked for and there are none
 */
export async function chooseKernels(
  { named, fused, plain }: KernelSources,
  asked: "fused" | "fastest",
): Promise<ChosenKernels> {
  let module: WebAssembly.Module | undefined;
  try {
    const source = named ?? fused;
    if (!source) throw new OptionError(`This entry carries no kernels with fused arithmetic. ${whereTheyAre}`);
    module = await source();
    if (!hasFusedKernels(module)) throw new OptionError(`The option wasm has the plain kernels. ${whereTheyAre}`);
    await proveFused(module);
    return { module, arithmetic: "fused" };
  } catch (error) {
    const unsupported = error instanceof UnsupportedRuntimeError;
    if (!(unsupported || error instanceof OptionError)) throw error;
    const reason = messageOf(error);
    if (asked === "fastest") {
      const given = module && !hasFusedKernels(module) ? module : undefined;
      return { module: given ?? (await plain()), arithmetic: "plain", reason };
    }
    throw unsupported ? new UnsupportedRuntimeError(`${reason} ${wayOut}`) : error;
  }
}

const whereTheyAre = "Pass those of seethrough/kernels-fused.wasm as { wasm }.";
const wayOut = "Load with { arithmetic: 'plain' } or { arithmetic: 'fastest' }, which fuses where the host does.";

/**
 * Relaxed SIMD leaves it to the host whether the product is rounded before it is added. With x = w = 1 + 2⁻¹² and
 * a = −(1 + 2⁻¹¹), a + x·w is 2⁻²⁴, which rounding the product takes away.
 *
 * @throws {UnsupportedRuntimeError} if this host rounds twice
 */
async function proveFused(module: WebAssembly.Module): Promise<void> {
  const { probe } = (await instantiateKernels(module)) as Probed;
  const x = 1 + 2 ** -12;
  if (probe(x, x, -(1 + 2 ** -11)) === 2 ** -24) return;
  throw new UnsupportedRuntimeError(
    "This host has relaxed SIMD, but rounds products before it adds them: it gives no speed, and other bits than hosts that fuse.",
  );
}
