/** What was judged, kept in a file as it is judged. */
import type { Evaluated } from "./evaluation";
import { digestOf, openRecordLines } from "./record-lines";

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

type Line = EvaluationRecord & { readonly digest: string };

/**
 * @param path     none: nothing is kept
 * @param request  all that the numbers depend on but the images
 * @throws {InputError} if the file is something else, or of another request
 */
export async function openEvaluations(path: string | undefined, request: object): Promise<EvaluationFile> {
  const lines = await openRecordLines(path, {
    ...{ format: "seethrough-evaluation/1", command: "seethrough evaluate", request },
    read,
  });
  const found = new Map(lines.kept.map((line) => [line.image, line]));
  return {
    find: (image, bytes) => {
      const line = found.get(image);
      if (line?.digest !== digestOf(bytes)) return undefined;
      const { digest: _, ...record } = line;
      return record;
    },
    add: (record, bytes) => lines.add({ ...record, digest: digestOf(bytes) }),
  };
}

function read(data: unknown): Line {
  const record = data as Line;
  const texts = [record.image, record.digest, record.measure];
  const lists = [record.methods, record.controls, record.missing];
  if (texts.every((text) => typeof text === "string") && lists.every(Array.isArray)) return record;
  throw new Error("parts are missing");
}
