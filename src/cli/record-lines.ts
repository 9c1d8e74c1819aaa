/** Results of long work kept in a file as they are found: a line of JSON for each, below one that says what was asked. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InputError } from "../index";
import { readInputFile, replaceOutputFile } from "./files";
import { filesBeside, type ModelFlags } from "./model-flags";

/** Lines that were kept, and those that are added. */
export interface RecordLines<T> {
  readonly kept: readonly T[];
  add(record: object): Promise<void>;
}

export interface RecordRequest<T> {
  /** What the lines are, for example "seethrough-evaluation/1". */
  readonly format: string;
  /** Who writes them, for messages. */
  readonly command: string;
  /** All that the records depend on but the pictures. */
  readonly request: object;
  /** @throws {Error} saying what is wrong, if the data of a line are no record */
  readonly read: (data: unknown) => T;
}

/**
 * Opens what an earlier run of the same request kept, or begins a file. What is left of a last line that was not written to its end is
 * cut off.
 *
 * @param path  none: nothing is kept
 * @throws {InputError} if the file is something else, or of another request
 */
export async function openRecordLines<T>(
  path: string | undefined,
  { format, command, request, read }: RecordRequest<T>,
): Promise<RecordLines<T>> {
  if (path === undefined) return { kept: [], add: async () => {} };
  const asked = JSON.stringify({ format, request });
  const text = existsSync(path) ? new TextDecoder().decode(await readInputFile(path)) : "";
  // A file of half a line is one whose first line was not written to its end, or another file.
  const [head = asked.startsWith(text) ? asked : text, ...rest] = text.split("\n").slice(0, -1);
  if (head !== asked) {
    throw new InputError(
      formatOf(head) === format
        ? `${path} is of another network, or of other methods or options; name another file with --resume, or delete it to start anew.`
        : `${path} was not written by ${command} --resume; name another file.`,
    );
  }
  const kept = rest.map((line, i) => {
    try {
      return read(JSON.parse(line));
    } catch (error) {
      throw new InputError(
        `${path}, line ${i + 2}, is no record (${(error as Error).message}); delete the file to start anew.`,
      );
    }
  });
  // Written anew, so that what follows begins on a line of its own.
  await replaceOutputFile(path, new TextEncoder().encode([asked, ...rest, ""].join("\n")));
  return { kept, add: (record) => appendFile(path, `${JSON.stringify(record)}\n`) };
}

function formatOf(head: string): unknown {
  try {
    return JSON.parse(head)?.format;
  } catch {
    return undefined;
  }
}

/** Of one file or several. */
export function digestOf(files: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const bytes of files) hash.update(`${bytes.length} `).update(bytes);
  return hash.digest("hex");
}

/** Where results are kept unless the flag names a file: beside another output, else under a name of the command's. */
export const recordPath = (
  resume: string | true | undefined,
  beside: string | undefined,
  name: string,
): string | undefined => (resume === true ? `${(beside ?? name).replace(/\.(html|csv)$/i, "")}.jsonl` : resume);

/** Models and what is read beside them, by what is in all these files. */
export const digestsOfRequest = async (models: readonly string[], flags: ModelFlags): Promise<readonly string[]> => [
  ...(await digestsOfModels(models)),
  ...(await digestsOf(filesBeside(flags))),
];

/** Files by what is in them; an address, or what is no file, as it stands. */
const digestsOf = (paths: readonly string[]): Promise<readonly string[]> =>
  Promise.all(paths.map(async (path) => (existsSync(path) ? digestOf([await readInputFile(path)]) : path)));

/** Files beside a model that are read with it: weights, and what Hugging Face says of it. */
const beside = /\.(data|bin|onnx_data|weights?)$|^(preprocessor_)?config\.json$/i;

/** The same of models, each with the files that may belong to it. */
async function digestsOfModels(paths: readonly string[]): Promise<readonly string[]> {
  const all = await Promise.all(
    paths.map(async (path) => {
      if (!existsSync(path)) return [path];
      const folder = dirname(path);
      const names = (await readdir(folder)).filter((name) => beside.test(name)).sort();
      return [path, ...names.map((name) => join(folder, name))];
    }),
  );
  return digestsOf(all.flat());
}
