/** Explains each of many pictures by each network, and goes on where one cannot be explained. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  decodeImage,
  explain,
  type ImageLike,
  LayerError,
  type Model,
  OptionError,
  type Prediction,
  resize,
  SeethroughError,
} from "../index";
import type { WorkerPool } from "../pool";
import { isArrayFile } from "./array-file";
import type { ExplainFlags } from "./explain-flags";
import { attended, byMethods, captionOf, chosenDetection, className, type Explained, predicted } from "./explained";
import { writePictures } from "./explanation-pictures";
import type { ExplanationRecord, RecordFile } from "./explanation-records";
import { explanationEntries, placeText } from "./explanation-text";
import { readInputFile } from "./files";
import { inFlags } from "./flag-words";
import { givenOf, readInputs } from "./named-files";
import type { PictureFile } from "./picture-files";
import { progressBar } from "./progress-bar";
import { digestOf } from "./record-lines";

/** What a network is called in text and tables. */
export interface Network {
  readonly model: Model;
  readonly name: string;
}

/** A picture that a network's explanations could not be made of. */
export interface Failure {
  readonly image: string;
  readonly model: string;
  readonly message: string;
}

/** What was found, and what was not. */
export interface Found {
  readonly records: readonly ExplanationRecord[];
  readonly failures: readonly Failure[];
  /** Pictures on the page, by their paths. */
  readonly photos: ReadonlyMap<string, ImageLike>;
}

/** Where the work goes on and what for. */
export interface Surroundings {
  readonly records: RecordFile;
  readonly pool: WorkerPool | undefined;
  readonly signal: AbortSignal;
  /** Called with each picture's explanations as they are there. */
  readonly onRecord: (record: ExplanationRecord) => void;
}

/** Pictures of a page: more would make it too large to be mailed. */
export const mostReported = 100;

/** Copies for the page. */
const reportedSide = 512;

/**
 * Stops where the signal is given; what was found until then is returned.
 *
 * @throws {OptionError} if a flag is wrong: it is for every picture
 */
export async function explainEach(
  pictures: readonly PictureFile[],
  networks: readonly Network[],
  flags: ExplainFlags,
  around: Surroundings,
): Promise<Found> {
  const { signal, records: file, onRecord } = around;
  const photos = new Map<string, ImageLike>();
  const [records, failures]: [ExplanationRecord[], Failure[]] = [[], []];
  const names = outputNames(pictures);
  const bar = progressBar("explain");
  const pairs = pictures.flatMap((picture, i) => networks.map((network) => ({ picture, i, network })));
  try {
    for (const [done, { picture, i, network }] of pairs.entries()) {
      const { path } = picture;
      const isReported = flags.report !== undefined && i < mostReported;
      const out = outputOf(picture, names[i], network, networks.length > 1, flags);
      const drawn = out && JSON.stringify([out, flags.colormap, flags.fullSize]);
      try {
        const digest = digestOf([await readInputFile(path)]);
        const kept = file.find(path, digest, network.name);
        const isWhole =
          kept &&
          (!isReported || kept.attributions) &&
          (out === undefined || (kept.drawn === drawn && existsSync(out)));
        const record = isWhole
          ? kept
          : await explainOne({ path, digest, out, drawn, isReported }, network, flags, around);
        if (!isWhole) await file.add(record);
        if (isReported && !photos.has(path) && !isArrayFile(path)) photos.set(path, await smallCopy(path));
        records.push(record);
        onRecord(record);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof SeethroughError) || error instanceof OptionError) throw error;
        failures.push({ image: path, model: network.name, message: inFlags(error.message) });
      }
      bar.update(done + 1, pairs.length);
      if (signal.aborted) break;
    }
  } finally {
    bar.stop();
  }
  return { records, failures, photos };
}

const smallCopy = async (path: string): Promise<ImageLike> =>
  resize(await decodeImage(await readInputFile(path)), { maxSide: reportedSide });

const silent: typeof progressBar = () => ({ update: () => {}, stop: () => {} });

interface Job {
  readonly path: string;
  readonly digest: string;
  readonly out: string | undefined;
  readonly drawn: string | undefined;
  readonly isReported: boolean;
}

async function explainOne(
  { path, digest, out, drawn, isReported }: Job,
  { model, name }: Network,
  flags: ExplainFlags,
  { pool, signal }: Surroundings,
): Promise<ExplanationRecord> {
  signal.throwIfAborted();
  const files = await readInputs(path, [], model);
  const given = givenOf(files);
  const left: { method: string; message: string }[] = [];
  const detection = flags.head ? undefined : await chosenDetection(model, given, flags);
  const predictions = detection ? [] : await predicted(model, given, flags);
  const results = flags.head
    ? await attended(model, given, files, flags, pool?.attentionMaps)
    : await byMethods(
        model,
        given,
        files,
        { ...flags, target: detection ?? flags.target },
        {
          attribute: pool?.explain ?? explain,
          progress: silent,
          signal,
          onMissing: (method, message) => left.push({ method, message }),
        },
      );
  if (out !== undefined) {
    try {
      await writePictures(out, files, results, { ...flags, json: true });
    } catch (error) {
      // Values without places are explained as well.
      if (!(error instanceof LayerError)) throw error;
      left.push({ method: "overlay", message: inFlags(error.message) });
    }
  }
  return {
    ...{ image: path, digest, model: name, predictions },
    explanations: explanationEntries(results, false),
    says: says(predictions, results),
    ...(drawn !== undefined && { drawn }),
    ...(left.length > 0 && { left }),
    ...(isReported && { attributions: results.map(({ attribution }) => attribution) }),
  };
}

/** What the network said, and where each method marks it, in one line. */
function says([first]: readonly Prediction[], results: readonly Explained[]): string {
  const seen = first ? [`${className(first)} ${(100 * first.probability).toFixed(1)} %`] : [];
  const evidence = results.flatMap(({ attribution, views: [view] }) => {
    const about = !first && !("head" in attribution) ? ` for ${className(attribution.target)}` : "";
    return view ? [`${captionOf(attribution)}${about} ${placeText(view)}`] : [];
  });
  return [...seen, ...evidence].join("; ");
}

/** The pictures' names without their endings; with them where two differ in nothing else, with a number where two have one name. */
export function outputNames(pictures: readonly PictureFile[]): readonly string[] {
  const ids = pictures.map(({ id }) => id);
  const stems = ids.map((id) => id.replace(/\.[^./\\]+$/, ""));
  const taken = new Set<string>();
  return stems.map((stem, i) => {
    const wish = countOf(stems, stem) > 1 && countOf(ids, ids[i]) === 1 ? ids[i] : stem;
    let name = wish;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${wish}-${n}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

const countOf = (names: readonly string[], name: string): number =>
  names.filter((other) => other.toLowerCase() === name.toLowerCase()).length;

/** The file of a picture's overlay, of a signal's plot. */
export function outputOf(
  { path }: PictureFile,
  name: string,
  { model, name: network }: Network,
  areSeveral: boolean,
  { out }: ExplainFlags,
): string | undefined {
  if (out === undefined) return undefined;
  const among = areSeveral ? `.${network.replace(/[^\p{L}\p{N}_-]+/gu, "_")}` : "";
  return join(out, `${name}${among}.${isArrayFile(path) && model.input.shape.length === 3 ? "svg" : "png"}`);
}
