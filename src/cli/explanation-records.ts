/** What was found of many pictures, kept in a file as it is found. */
import type { Prediction, ReportedAttribution } from "../index";
import { type AttributionText, attributionOf, attributionText } from "./attribution-text";
import type { ExplanationEntry } from "./explanation-text";
import { openRecordLines } from "./record-lines";

/** What one network's explanations of one picture are. */
export interface ExplanationRecord {
  /** The picture's path. */
  readonly image: string;
  /** Of the picture's bytes. */
  readonly digest: string;
  readonly model: string;
  readonly predictions: readonly Prediction[];
  readonly explanations: readonly ExplanationEntry[];
  /** The overlay that was drawn, and how. */
  readonly drawn?: string;
  /** All of it in a line. */
  readonly says: string;
  /** Methods that the network's structure rules out, and why. */
  readonly left?: readonly { readonly method: string; readonly message: string }[];
  /** Where they are shown on a page. */
  readonly attributions?: readonly ReportedAttribution[];
}

/** Records found before, and those that are added. */
export interface RecordFile {
  find(image: string, digest: string, model: string): ExplanationRecord | undefined;
  add(record: ExplanationRecord): Promise<void>;
}

const keyOf = (image: string, model: string): string => JSON.stringify([image, model]);

/**
 * @param path     none: nothing is kept
 * @param request  what the records are of: networks and options
 * @throws {InputError} if the file is something else, or of another request
 */
export async function openRecords(path: string | undefined, request: object): Promise<RecordFile> {
  const lines = await openRecordLines(path, {
    ...{ format: "seethrough-explanations/1", command: "seethrough explain", request },
    read,
  });
  const found = new Map(lines.kept.map((record) => [keyOf(record.image, record.model), record]));
  return {
    find: (image, digest, model) => {
      const record = found.get(keyOf(image, model));
      return record?.digest === digest ? record : undefined;
    },
    add: ({ attributions, ...rest }) =>
      lines.add({ ...rest, ...(attributions && { attributions: attributions.map(attributionText) }) }),
  };
}

function read(data: unknown): ExplanationRecord {
  const { attributions, ...record } = data as Omit<ExplanationRecord, "attributions"> & {
    readonly attributions?: readonly AttributionText[];
  };
  const lists = [record.predictions, record.explanations, attributions ?? []];
  const texts = [record.image, record.digest, record.model, record.says];
  if (!lists.every(Array.isArray) || !texts.every((text) => typeof text === "string")) {
    throw new Error("parts are missing");
  }
  for (const { method, notes, recipe, shape } of [...record.explanations, ...(attributions ?? []).map(asEntry)]) {
    if (typeof method !== "string" || !Array.isArray(notes) || !Array.isArray(shape) || typeof recipe !== "object") {
      throw new Error("an explanation is not whole");
    }
  }
  return { ...record, ...(attributions && { attributions: attributions.map(attributionOf) }) };
}

const asEntry = ({
  method,
  notes,
  recipe,
  values,
}: AttributionText): Pick<ExplanationEntry, "method" | "notes" | "recipe" | "shape"> => ({
  ...{ method, notes, recipe, shape: values.shape },
});
