/** What was found of many pictures, kept in a file as it is found: one line for each picture and network. */
import { existsSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { type Attribution, InputError, type Prediction, Tensor } from "../index";
import type { ExplanationEntry } from "./explanation-text";
import { readInputFile, writeOutputFile } from "./files";

/** An attribution without what a file cannot hold. */
export type KeptAttribution = Omit<Attribution, "byInput" | "toDataURL">;

/** What one network's explanations of one picture are. */
export interface ExplanationRecord {
  /** The picture's path. */
  readonly image: string;
  /** Changes when the file does. */
  readonly stamp: string;
  readonly model: string;
  readonly predictions: readonly Prediction[];
  readonly explanations: readonly ExplanationEntry[];
  /** All of it in a line. */
  readonly says: string;
  /** Methods that the network's structure rules out, and why. */
  readonly left?: readonly { readonly method: string; readonly message: string }[];
  /** Where they are shown on a page. */
  readonly attributions?: readonly KeptAttribution[];
}

/** Records found before, and those that are added. */
export interface RecordFile {
  find(image: string, stamp: string, model: string): ExplanationRecord | undefined;
  add(record: ExplanationRecord): Promise<void>;
}

const format = "seethrough-explanations/1";

const keyOf = (image: string, model: string): string => JSON.stringify([image, model]);

/**
 * Opens the records of an earlier run of the same request, or begins a file of them. What a crash left of a last line is cut off.
 *
 * @param request  what the records are of: networks and options. Records of another request are none.
 * @throws {InputError} if the file is something else, or of another request
 */
export async function openRecords(path: string | undefined, request: object): Promise<RecordFile> {
  if (path === undefined) return { find: () => undefined, add: async () => {} };
  const asked = JSON.stringify({ format, request });
  const found = new Map<string, ExplanationRecord>();
  const text = existsSync(path) ? new TextDecoder().decode(await readInputFile(path)) : "";
  const lines = text.split("\n").slice(0, -1);
  // A file of half a line is one whose first line was cut off, or another file.
  const [head = asked.startsWith(text) ? undefined : text, ...rest] = lines;
  if (head !== undefined && head !== asked) {
    throw new InputError(
      isOurs(head)
        ? `${path} is of other options or networks; name another file with --resume, or delete it to start anew.`
        : `${path} was not written by seethrough explain --resume; name another file.`,
    );
  }
  for (const [i, line] of rest.entries()) {
    const record = revived(line, `${path}, line ${i + 2}`);
    found.set(keyOf(record.image, record.model), record);
  }
  // Written anew, so that what follows begins on a line of its own.
  await writeOutputFile(path, new TextEncoder().encode([asked, ...rest, ""].join("\n")));
  return {
    find: (image, stamp, model) => {
      const record = found.get(keyOf(image, model));
      return record?.stamp === stamp ? record : undefined;
    },
    add: async (record) => {
      const { attributions, ...rest } = record;
      await appendFile(
        path,
        `${JSON.stringify({ ...rest, ...(attributions && { attributions: attributions.map(asText) }) })}\n`,
      );
    },
  };
}

function isOurs(head: string): boolean {
  try {
    return JSON.parse(head).format === format;
  } catch {
    return false;
  }
}

/** An attribution with its values as base64: a fifth of what their digits are. */
type Written = Omit<KeptAttribution, "values"> & {
  readonly values: { readonly shape: readonly number[]; readonly float32: string };
};

const asText = ({ values, ...rest }: KeptAttribution): Written => {
  const { buffer, byteOffset, byteLength } = values.data;
  return {
    ...rest,
    values: { shape: values.shape, float32: Buffer.from(buffer, byteOffset, byteLength).toString("base64") },
  };
};

/** @throws {InputError} saying where, if a line is no record */
function revived(line: string, where: string): ExplanationRecord {
  try {
    const { attributions, ...record }: Omit<ExplanationRecord, "attributions"> & { attributions?: readonly Written[] } =
      JSON.parse(line);
    const lists = [record.predictions, record.explanations, attributions ?? []];
    const texts = [record.image, record.stamp, record.model];
    if (!lists.every(Array.isArray) || !texts.every((text) => typeof text === "string"))
      throw new Error("parts are missing");
    return {
      ...record,
      ...(attributions && {
        attributions: attributions.map(({ values: { shape, float32 }, ...rest }) => ({
          ...rest,
          values: new Tensor(new Float32Array(new Uint8Array(Buffer.from(float32, "base64")).buffer), shape),
        })),
      }),
    };
  } catch (error) {
    throw new InputError(
      `${where} is no record of an explanation (${(error as Error).message}); delete the file to start anew.`,
    );
  }
}
