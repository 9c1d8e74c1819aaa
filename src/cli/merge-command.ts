import { mergeTopActivations, type TopActivations } from "../index";
import { readJson } from "./model-flags";

/** Prints the merged result; the library checks what the files hold. */
export async function mergeCommand(paths: readonly string[]): Promise<void> {
  const parts = await Promise.all(
    paths.map((path) => readJson(path, "the parts are results of seethrough search --json")),
  );
  process.stdout.write(`${JSON.stringify(mergeTopActivations(...(parts as TopActivations[])), null, 2)}\n`);
}
