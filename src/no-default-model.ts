import { ModelError } from "./errors";

/** How a program gets the embedded model where none lies beside it. */
export const defaultModelWayOut =
  "pass a model, or ask for the embedded one: import bytes from 'seethrough/default-model' and call loadModel(bytes)";

/** For entries whose bundles are one file: nothing can be loaded on demand there. */
export async function noDefaultModel(): Promise<never> {
  throw new ModelError(`loadModel was called without a model, and this entry brings none: ${defaultModelWayOut}.`);
}
