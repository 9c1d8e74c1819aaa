import { show } from "../checks";
import { ModelError } from "../errors";
import type { Field } from "./wire";

/** What a tensor says of its data where they lie in another file, as the file says it. */
export type ExternalEntries = ReadonlyMap<string, string>;

export function readExternalEntry(field: Field, into: Map<string, string>): void {
  let key = "";
  let value = "";
  field.message("an external data entry", (part) => {
    if (part.number === 1) key = part.string();
    else if (part.number === 2) value = part.string();
  });
  into.set(key, value);
}

/** The network's weights lie in files that were not handed in. */
export class MissingFilesError extends ModelError {
  /** Paths relative to the model, in the order in which the file names them first. */
  readonly files: readonly string[];

  constructor(files: readonly string[]) {
    super(
      `${weightsLieIn(files)}, which ${files.length === 1 ? "is" : "are"} not part of these bytes. ${externalDataWayOut(files)}`,
    );
    this.files = files;
  }
}

/** How messages begin. */
export function weightsLieIn(files: readonly string[]): string {
  const shown = files.slice(0, 3).map((file) => `"${file}"`);
  const more = files.length > shown.length ? ` and ${files.length - shown.length} other files` : "";
  return `The network's weights lie in ${shown.join(", ")}${more}`;
}

/** How messages end. */
export function externalDataWayOut([file]: readonly string[]): string {
  return (
    "Pass the model's path or URL, beside which its files lie, or all of them by name: " +
    `loadModel({ "model.onnx": …, "${file}": … }). A single file is written by ` +
    "torch.onnx.export(…, external_data=False), or by onnx.save_model(…, save_as_external_data=False)."
  );
}

/** The files beside a model: what its tensors read of them, and which are not there yet. */
export class ExternalFiles {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #missing = new Set<string>();

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.#files = files;
  }

  /**
   * The bytes of one tensor; undefined where its file is not there, which is remembered.
   *
   * @param needed  how many bytes the tensor's shape takes
   * @throws {ModelError} if the file has not the bytes that the tensor names
   */
  read(entries: ExternalEntries, needed: number, tensor: string): Uint8Array | undefined {
    const location = entries.get("location") ?? "";
    if (location === "") {
      throw new ModelError(
        `Tensor "${tensor}": its data lies in another file, and the model does not say in which. It is damaged; export it again.`,
      );
    }
    const offset = byteCount(entries, "offset", tensor) ?? 0;
    const length = byteCount(entries, "length", tensor) ?? needed;
    if (length !== needed) {
      throw new ModelError(
        `Tensor "${tensor}": its shape needs ${needed} bytes, the model announces ${length} of them in "${location}". ` +
          "It is damaged; export it again.",
      );
    }
    const file = this.#files.get(location);
    if (!file) {
      this.#missing.add(location);
      return undefined;
    }
    if (offset + length > file.byteLength) {
      throw new ModelError(
        `Tensor "${tensor}": its data are bytes ${offset} to ${offset + length} of "${location}", which has ${file.byteLength}. ` +
          "The file is cut off, or it belongs to another export of the network.",
      );
    }
    return file.subarray(offset, offset + length);
  }

  /** @throws {MissingFilesError} if a tensor asked for a file that is not there */
  checkComplete(): void {
    if (this.#missing.size > 0) throw new MissingFilesError([...this.#missing]);
  }
}

function byteCount(entries: ExternalEntries, key: string, tensor: string): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(count)) return count;
  throw new ModelError(
    `Tensor "${tensor}": the ${key} of its data in another file must be a number of bytes, the model has ${show(text)}. ` +
      "It is damaged; export it again.",
  );
}
