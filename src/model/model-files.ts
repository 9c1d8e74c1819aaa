import { cut } from "../addresses";
import { bytesOf, isBlob, isShared } from "../bytes";
import { ModelError } from "../errors";
import { suggest } from "../nearest";
import { siblingPath } from "./sibling-path";
import { lastSegment, nameOf, type SourceFile } from "./source-file";

/**
 * Files by name, for a model that consists of several: `{ "model.json": bytes, "weights.bin": bytes }`, or the files that a
 * user picked (`input.files`).
 */
export type ModelFiles = Readonly<Record<string, Uint8Array | ArrayBuffer | Blob>> | Iterable<File>;

/** What lies beside a model and is none. */
const companions: ReadonlySet<string | undefined> = new Set([
  "metadata.json",
  "config.json",
  "preprocessor_config.json",
]);

/**
 * Finds the model among files: model.json, else the only `.onnx` or `.tflite`, `.json` (companions aside) or file at all.
 *
 * @param copy   whether to copy what is bytes already, all at once
 * @param spend  is told how large they are together
 * @throws {ModelError} if none or several could be meant
 */
export async function readModelFiles(
  source: ModelFiles,
  copy: boolean,
  spend: (bytes: number) => void,
): Promise<SourceFile> {
  const files = filesByName(source, copy, spend);
  const names = [...files.keys()];
  const only = (candidates: readonly string[]): string | undefined =>
    candidates.length === 1 ? candidates[0] : undefined;
  const main =
    names.find((name) => lastSegment(name) === "model.json") ??
    only(names.filter((name) => /\.(onnx|tflite)$/.test(name))) ??
    only(names.filter((name) => name.endsWith(".json") && !companions.has(lastSegment(name)))) ??
    only(names);
  if (main === undefined) {
    throw new ModelError(
      `Which of the files is the model? Expected model.json or one .onnx or .tflite among ${listed(names) || "them, got none"}.`,
    );
  }
  return {
    bytes: await readNamed(files, main),
    name: lastSegment(main),
    sibling: async (path) => {
      const parts = siblingPath(path);
      const beside = parts.join("/");
      // Picked files have lost their folders.
      const found = [main.replace(/[^/]*$/, () => beside), path, beside, parts[parts.length - 1]].find((name) =>
        files.has(name),
      );
      if (found !== undefined) return readNamed(files, found);
      throw new ModelError(
        `"${main}" needs the file "${cut(path)}", which is not among ${listed(names)}.${suggest(path, names)}`,
      );
    },
  };
}

async function readNamed(files: ReadonlyMap<string, unknown>, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = files.get(name);
  const bytes = bytesOf(file);
  if (bytes) return bytes;
  if (isBlob(file)) return new Uint8Array(await file.arrayBuffer());
  throw new ModelError(`The file "${name}" must be a Uint8Array, an ArrayBuffer or a Blob, it is ${typeof file}.`);
}

const listed = (names: readonly string[]): string => cut(names.map((name) => `"${cut(name, 100)}"`).join(", "), 2000);

function filesByName(source: ModelFiles, copy: boolean, spend: (bytes: number) => void): ReadonlyMap<string, unknown> {
  if (!(Symbol.iterator in source)) {
    const own = (file: unknown): unknown => {
      const bytes = bytesOf(file);
      spend(bytes ? bytes.byteLength : isBlob(file) ? file.size : 0);
      return bytes && (copy || isShared(bytes)) ? bytes.slice() : file;
    };
    return new Map(Object.entries(source).map(([name, file]) => [name, own(file)]));
  }
  const files = new Map<string, unknown>();
  if (typeof source[Symbol.iterator] !== "function") {
    throw new ModelError(
      'The model\'s files must be a list of File objects, or an object: { "model.json": bytes, … }.',
    );
  }
  for (const file of source) {
    const name = isBlob(file) ? nameOf(file) : undefined;
    if (name === undefined) {
      throw new ModelError(
        'A list of files must hold File objects, which know their names; else pass an object: { "model.json": bytes, … }.',
      );
    }
    spend(file.size);
    files.set(name, file);
  }
  return files;
}
