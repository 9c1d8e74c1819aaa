/** What was judged, kept in a file as it is judged. */
import type { Prediction } from "../index";
import type { AttributionText } from "./attribution-text";
import type { Evaluated } from "./evaluation";
import { digestOf, openRecordLines } from "./record-lines";

/** One image, judged. */
export interface EvaluationRecord extends Evaluated {
  /** Its path as it was given. */
  readonly image: string;
  /** What the network is called, where there are several. */
  readonly model?: string;
  /** Whether there is a mask beside it. */
  readonly hasMask: boolean;
  /** Methods that were left out, and why. */
  readonly missing: readonly { readonly method: string; readonly reason: string }[];
  /** What a page shows of it. */
  readonly shown?: { readonly predictions: readonly Prediction[]; readonly attributions: readonly AttributionText[] };
}

/** Which of a picture's records is looked for: the network's of that name, with what a page shows. */
interface Wanted {
  readonly model?: string | undefined;
  readonly isShown?: boolean;
}

/** Records that were kept, and those that are added. */
export interface EvaluationFile {
  /** @param bytes  of the picture and its mask: another picture of the same name is judged anew */
  find(image: string, bytes: readonly Uint8Array[], wanted?: Wanted): EvaluationRecord | undefined;
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
  const found = new Map(lines.kept.map((line) => [keyOf(line), line]));
  return {
    find: (image, bytes, { model, isShown } = {}) => {
      const line = found.get(keyOf({ image, model }));
      if (line?.digest !== digestOf(bytes) || (isShown && !line.shown)) return undefined;
      const { digest: _, ...record } = line;
      return record;
    },
    add: (record, bytes) => lines.add({ ...record, digest: digestOf(bytes) }),
  };
}

const keyOf = ({ image, model }: { readonly image: string; readonly model?: string | undefined }): string =>
  JSON.stringify([image, model]);

function read(data: unknown): Line {
  const record = data as Line;
  const texts = [record.image, record.digest, record.measure];
  const lists = [record.methods, record.controls, record.missing];
  const { predictions, attributions } = record.shown ?? { predictions: [], attributions: [] };
  if (!texts.every((text) => typeof text === "string") || ![...lists, predictions, attributions].every(Array.isArray))
    throw new Error("parts are missing");
  if (!attributions.every(({ values }) => typeof values?.float32 === "string" && Array.isArray(values.shape)))
    throw new Error("a map is not whole");
  return record;
}
