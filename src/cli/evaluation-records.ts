/** What was judged, kept in a file as it is judged: a line for each image. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { InputError } from "../index";
import type { Evaluated } from "./evaluation";
import { readInputFile, writeOutputFile } from "./files";

/** One image, judged. */
export interface EvaluationRecord extends Evaluated {
  /** Its path as it was given. */
  readonly image: string;
  /** Whether there is a mask beside it. */
  readonly hasMask: boolean;
  /** Methods that were left out, and why. */
  readonly missing: readonly { readonly method: string; readonly reason: string }[];
}

/** Records that were kept, and those that are added. */
export interface EvaluationFile {
  /** @param bytes  of the picture and its mask: another picture of the same name is judged anew */
  find(image: string, bytes: readonly Uint8Array[]): EvaluationRecord | undefined;
  add(record: EvaluationRecord, bytes: readonly Uint8Array[]): Promise<void>;
}

const format = "seethrough-evaluation/1";

/** Of one file or several. */
export function digestOf(files: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const bytes of files) hash.update(`${bytes.length} `).update(bytes);
  return hash.digest("hex");
}

type Line = EvaluationRecord & { readonly digest: string };

/**
 * Opens what an earlier run of the same request kept, or begins a file. What is left of a last line that was not written to its end is
 * cut off.
 *
 * @param path     none: nothing is kept
 * @param request  all that the numbers depend on but the images
 * @throws {InputError} if the file is something else, or of another request
 */
export async function openEvaluations(path: string | undefined, request: object): Promise<EvaluationFile> {
  if (path === undefined) return { find: () => undefined, add: async () => {} };
  const asked = JSON.stringify({ format, request });
  const text = existsSync(path) ? new TextDecoder().decode(await readInputFile(path)) : "";
  // A file of half a line is one whose first line was not written to its end, or another file.
  const [head = asked.startsWith(text) ? asked : text, ...rest] = text.split("\n").slice(0, -1);
  if (head !== asked) {
    throw new InputError(
      isOurs(head)
        ? `${path} is of another network, or of other methods or options; name another file with --resume, or delete it to start anew.`
        : `${path} was not written by seethrough evaluate --resume; name another file.`,
    );
  }
  const lines = rest.map((line, i) => parsed(line, `${path}, line ${i + 2}`));
  const found = new Map(lines.map((line) => [line.image, line]));
  // Written anew, so that what follows begins on a line of its own.
  await writeOutputFile(path, new TextEncoder().encode([asked, ...rest, ""].join("\n")));
  return {
    find: (image, bytes) => {
      const line = found.get(image);
      if (line?.digest !== digestOf(bytes)) return undefined;
      const { digest: _, ...record } = line;
      return record;
    },
    add: (record, bytes) => appendFile(path, `${JSON.stringify({ ...record, digest: digestOf(bytes) })}\n`),
  };
}

function isOurs(head: string): boolean {
  try {
    return JSON.parse(head)?.format === format;
  } catch {
    return false;
  }
}

/** @throws {InputError} saying where, if a line is no record */
function parsed(line: string, where: string): Line {
  try {
    const record: Line = JSON.parse(line);
    const texts = [record.image, record.digest, record.measure];
    if (
      texts.every((text) => typeof text === "string") &&
      [record.methods, record.controls, record.missing].every(Array.isArray)
    )
      return record;
    throw new Error("parts are missing");
  } catch (error) {
    throw new InputError(
      `${where} is no image's evaluation (${(error as Error).message}); delete the file to start anew.`,
    );
  }
}
