import { checkBag, throwIfAborted } from "../checks";
import { guardedAsync, unlessAborted } from "../guard";
import { ownCopy } from "../own-copy";
import { kernelsOf, type Packaged } from "./kernel-choice";
import type { LoadOptions } from "./load-options";
import type { Model } from "./model";
import { openModel } from "./open-model";
import { type ModelSource, readSource } from "./source";

/** `loadModel` of an entry. */
export async function loadWith(packaged: Packaged, source?: ModelSource, options: LoadOptions = {}): Promise<Model> {
  return guardedAsync("loadModel", () => load(packaged, source, options));
}

async function load(packaged: Packaged, source: ModelSource | undefined, given: LoadOptions): Promise<Model> {
  checkBag("loadModel", given, []);
  // Before anything is waited for: lists and numbers are their owner's.
  const options = ownCopy(given);
  const { signal } = options;
  throwIfAborted(signal);
  const kernels = kernelsOf(packaged, options);
  // The host compiles in threads of its own while the file is read; a mistake in the file is reported first.
  kernels.catch(() => {});
  const reading =
    source === undefined
      ? packaged.defaultModel()
      : readSource(source, "model", { ...options, copy: options.copy ?? options.memory !== "low" });
  return openModel(await (signal ? unlessAborted(reading, signal) : reading), options, kernels);
}
