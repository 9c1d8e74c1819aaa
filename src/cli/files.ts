import { createReadStream, existsSync, realpathSync } from "node:fs";
import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { InputError, OptionError } from "../index";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  ENOTDIR: "part of the path is not a folder",
  EEXIST: "part of the path is not a folder",
  EACCES: "permission denied",
};

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return (
    (Object.hasOwn(reasons, code) ? reasons[code] : undefined) ??
    (error instanceof Error ? error.message : String(error))
  );
};

/** Bytes that are read of a picture or of numbers, and of a text: class names, a configuration, a result of search. */
export const mostFileBytes = { data: 2 ** 30, text: 64 * 2 ** 20 } as const;

/**
 * A file, or of "-" standard input, read no further than there may be of it: a device or a pipe has no size, and may never end.
 *
 * @throws {InputError} saying which file cannot be read and why, or how much it may hold
 */
export async function readInputFile(path: string, most: number = mostFileBytes.data): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let total = 0;
  try {
    const stream = path === "-" ? process.stdin : createReadStream(path, { highWaterMark: 2 ** 20 });
    for await (const piece of stream as AsyncIterable<Uint8Array>) {
      total += piece.length;
      if (total > most) break;
      pieces.push(piece);
    }
  } catch (error) {
    throw new InputError(`${path} cannot be read: ${reasonOf(error)}.`);
  }
  // In a memory of its own: what Buffer.concat returns may be part of another, which npyjs would read from its beginning.
  if (total <= most) return new Uint8Array(Buffer.concat(pieces));
  throw new InputError(
    `${path} has more than ${(most / 2 ** 20).toLocaleString("en-US")} MiB, too much for what it is to be.`,
  );
}

export const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );

/**
 * Makes a folder and those above it, one after the other: where the system makes none, as below /proc, Node's own way of making several
 * tries for ever.
 */
async function makeFolder(folder: string): Promise<void> {
  if (await isFolder(folder)) return;
  const above = dirname(folder);
  if (above !== folder) await makeFolder(above);
  try {
    await mkdir(folder);
  } catch (error) {
    if (await isFolder(folder)) return;
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      throw new InputError(`no folder can be made in ${above}`);
    throw error;
  }
}

/** Writes a file, making its folder if needed. */
export async function writeOutputFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await writeFile(path, bytes);
  } catch (error) {
    throw new InputError(`${path} cannot be written: ${reasonOf(error)}.`);
  }
}

/** Makes the folder of a file that is to be written later. @throws {InputError} if it cannot be made */
export async function prepareFolder(path: string): Promise<void> {
  try {
    await makeFolder(dirname(path));
  } catch (error) {
    throw new InputError(`${path} cannot be written: ${reasonOf(error)}.`);
  }
}

/**
 * Keeps what is read from being written over.
 *
 * @throws {OptionError} naming the file
 */
export function keepInputs(outputs: readonly (string | undefined)[], inputs: readonly (string | undefined)[]): void {
  const placeOf = (path: string): string => (existsSync(path) ? realpathSync(path) : resolve(path));
  const read = new Set(inputs.flatMap((path) => (path === undefined || path === "-" ? [] : [placeOf(path)])));
  const lost = outputs.find((path) => path !== undefined && read.has(placeOf(path)));
  if (lost !== undefined) throw new OptionError(`${lost} is read, and would be written over; name another output.`);
}

/** Whether a file lies in a folder or one of its subfolders. */
export function liesIn(folder: string, path: string): boolean {
  const way = relative(resolve(folder), resolve(path));
  return way !== "" && !way.startsWith("..") && !isAbsolute(way);
}

/** Replaces a file at once: whoever reads it, or a crash, finds the old or the new one. */
export async function replaceOutputFile(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.part`;
  await writeOutputFile(draft, bytes);
  await rename(draft, path);
}

/**
 * The PNG and JPEG files of a folder and its subfolders, by rising path.
 *
 * @returns paths relative to the folder, with forward slashes
 * @throws {InputError} if the folder cannot be read
 */
export async function listImages(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && /\.(png|jpe?g|webp)$/i.test(entry.name))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .sort((a, b) => (a < b ? -1 : 1));
  } catch (error) {
    throw new InputError(
      `${folder} cannot be listed: ${reasonOf(error).replace("no such file", "no such folder").replace("part of the path is not", "it is not")}.`,
    );
  }
}
