import { ModelError } from "./errors";
import type { SourceFile } from "./model/source";

/** How a program gets the embedded model where none lies beside it. */
const wayOut =
  "pass a model, or ask for the embedded one: import bytes from 'seethrough/default-model' and call loadModel(bytes)";

/**
 * Loads the embedded model from beside this package's files. No bundler follows this import, so half a megabyte never gets
 * into a bundle that did not ask for it; bundlers that know `new URL(…, import.meta.url)` place the file beside their output.
 */
export async function defaultModel(): Promise<SourceFile> {
  let url: URL;
  try {
    url = new URL("./default-model.js", import.meta.url);
    const { default: bytes } = await import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ url.href
    );
    return { bytes, name: "petshop" };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ModelError(
      `loadModel was called without a model, and the embedded one is not beside this bundle (${reason}): ${wayOut}.`,
    );
  }
}

/** For entries whose bundles are one file: nothing can be loaded on demand there. */
export async function noDefaultModel(): Promise<never> {
  throw new ModelError(`loadModel was called without a model, and this entry brings none: ${wayOut}.`);
}
