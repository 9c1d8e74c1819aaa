import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, it } from "vitest";

/**
 * Real networks, photographs and reference attributions lie beside the project, not in it: they have licences of their
 * own and 50 MB. Tests that need them say so where they are missing.
 */
const folder = fileURLToPath(new URL("../../shared/", import.meta.url));

/** Path of a file beside the project. */
export const sharedPath = (path: string): string => `${folder}${path}`;

export const readShared = (path: string): Uint8Array => new Uint8Array(readFileSync(sharedPath(path)));

export const readSharedJson = <T>(path: string): T => JSON.parse(readFileSync(sharedPath(path), "utf8")) as T;

/**
 * `describe` for tests that need the folder; prints why where they are skipped. The body is not called then: it may read the folder to
 * know which tests there are.
 */
export function describeShared(name: string, body: () => void): void {
  if (existsSync(folder)) {
    describe(name, body);
    return;
  }
  console.log(`skipped: "${name}" needs ../shared (models, goldens, images), which is not there`);
  describe(name, () => it.skip("needs ../shared", () => {}));
}
