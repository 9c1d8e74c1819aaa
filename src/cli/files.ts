import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { InputError } from "../index";

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  ENOTDIR: "part of the path is not a folder",
  EACCES: "permission denied",
};

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
};

/** @throws {InputError} saying which file cannot be read and why */
export async function readInputFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InputError(`${path} cannot be read: ${reasonOf(error)}.`);
  }
}

/** Writes a file, making its folder if needed. */
export async function writeOutputFile(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (error) {
    throw new InputError(`${path} cannot be written: ${reasonOf(error)}.`);
  }
}
