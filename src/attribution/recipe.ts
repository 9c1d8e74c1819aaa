import { unlessAborted } from "../guard";
import { hashBytes } from "../model/hash";
import type { LoadedModel } from "../model/loaded-model";
import { version } from "../version";
import type { Recipe } from "./attribution";

/** Options that do not change the numbers. */
const bookkeeping: ReadonlySet<string> = new Set(["signal", "onProgress", "seed"]);

/** Writes down how an attribution was made. Typed arrays are recorded by shape and hash. */
export async function makeRecipe(
  model: LoadedModel | undefined,
  method: string,
  options: Readonly<Record<string, unknown>> & { readonly seed?: number },
): Promise<Recipe> {
  const recorded: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (!bookkeeping.has(key) && value !== undefined) recorded[key] = await describe(value);
  }
  const hashing = model?.parts.hash();
  const { signal } = options as { readonly signal?: AbortSignal };
  const modelHash = hashing ? await (signal ? unlessAborted(hashing, signal) : hashing) : "black-box";
  const arithmetic = model && { arithmetic: model.arithmetic };
  const reading = model?.parts.quantised?.reading === "float" && { quantized: "float" as const };
  return { version, modelHash, ...arithmetic, ...reading, method, options: recorded, seed: options.seed ?? 0 };
}

async function describe(value: unknown): Promise<unknown> {
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return { hash: await hashBytes(bytes) };
  }
  if (Array.isArray(value)) return Promise.all(value.map(describe));
  if (typeof value === "object" && value !== null) {
    const entries = await Promise.all(
      Object.entries(value).map(async ([key, item]) => [key, await describe(item)] as const),
    );
    return Object.fromEntries(entries);
  }
  return value;
}
