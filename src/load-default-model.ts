import { messageOf } from "./checks";
import { ModelError } from "./errors";
import type { SourceFile } from "./model/source";
import { defaultModelWayOut } from "./no-default-model";

/**
 * Loads the embedded model from beside this package's files. No bundler follows this import, so half a megabyte never gets
 * into a bundle that did not ask for it; bundlers that know `new URL(…, import.meta.url)` place the file beside their output.
 */
export async function defaultModel(): Promise<SourceFile> {
  try {
    const url = new URL("./default-model.js", import.meta.url);
    const { default: bytes } = await import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url.href
    );
    return { bytes, name: "petshop" };
  } catch (error) {
    const reason = messageOf(error);
    throw new ModelError(
      `loadModel was called without a model, and the embedded one is not beside this bundle (${reason}): ${defaultModelWayOut}.`,
    );
  }
}
