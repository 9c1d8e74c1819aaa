/** Explains each of many pictures by each network, and goes on where one cannot be explained. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  attentionMaps,
  decodeImage,
  explain,
  type ImageLike,
  LayerError,
  OptionError,
  type Prediction,
  resize,
  SeethroughError,
} from "../index";
import type { WorkerPool } from "../pool";
import { isArrayFile } from "./array-file";
import type { ExplainFlags } from "./explain-flags";
import { captionOf, className, type Explained, explainedBy } from "./explained";
import { writePictures } from "./explanation-pictures";
import type { ExplanationRecord, RecordFile } from "./explanation-records";
import { explanationEntries, placeText } from "./explanation-text";
import { readInputFile } from "./files";
import { inFlags } from "./flag-words";
import { readInputs } from "./named-files";
import type { NamedNetwork } from "./networks";
import type { PictureFile } from "./picture-files";
import { progressBar } from "./progress-bar";
import { digestOf } from "./record-lines";

/** A picture that a network's explanations could not be made of. */
export interface Failure {
  readonly image: string;
  readonly model: string;
  readonly message: string;
}

/** A picture that a network is to explain, and where the overlay goes. */
export interface Pair {
  readonly picture: PictureFile;
  readonly network: NamedNetwork;
  readonly isReported: boolean;
  readonly out: string | undefined;
}

/** What was found, and what was not. */
export interface FoundExplanations {
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
  pairs: readonly Pair[],
  flags: ExplainFlags,
  around: Surroundings,
): Promise<FoundExplanations> {
  const { signal, records: file, onRecord } = around;
  const photos = new Map<string, ImageLike>();
  const [records, failures]: [ExplanationRecord[], Failure[]] = [[], []];
  const bar = progressBar("explain");
  try {
    for (const [done, pair] of pairs.entries()) {
      const { isReported, network, out } = pair;
      const { path } = pair.picture;
      const drawn = out && JSON.stringify([out, flags.colormap, flags.fullSize]);
      try {
        const digest = digestOf([await readInputFile(path)]);
        const kept = file.find(path, digest, network.name);
        const isWhole =
          kept &&
          (!isReported || kept.attributions) &&
          (out === undefined || (kept.drawn === drawn && existsSync(out)));
        const record = isWhole ? kept : await explainOne(pair, { digest, drawn }, flags, around);
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

async function explainOne(
  { picture: { path }, network: { model, name }, out, isReported }: Pair,
  { digest, drawn }: { readonly digest: string; readonly drawn: string | undefined },
  flags: ExplainFlags,
  { pool, signal }: Surroundings,
): Promise<ExplanationRecord> {
  signal.throwIfAborted();
  const files = await readInputs(path, [], model);
  const left: { method: string; message: string }[] = [];
  const { predictions, results } = await explainedBy(model, files, files, flags, {
    attribute: pool?.explain ?? explain,
    look: pool?.attentionMaps ?? attentionMaps,
    progress: silent,
    signal,
    onMissing: (method, message) => left.push({ method, message }),
  });
  if (out !== undefined) {
    try {
      await writePictures(out, files, results, flags);
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

/** Every picture with every network, one picture after the other. */
export function pairsOf(
  pictures: readonly PictureFile[],
  networks: readonly NamedNetwork[],
  flags: ExplainFlags,
): readonly Pair[] {
  const names = outputNames(pictures);
  return pictures.flatMap((picture, i) =>
    networks.map((network) => ({
      picture,
      network,
      isReported: flags.report !== undefined && i < mostReported,
      out: outputOf(picture, names[i], network, networks.length > 1, flags),
    })),
  );
}

/** The pictures' names without their endings; with them where two differ in nothing else, with a number where two have one name. */
function outputNames(pictures: readonly PictureFile[]): readonly string[] {
  const ids = pictures.map(({ id }) => id);
  const stems = ids.map((id) => id.replace(/\.[^./\\]+$/, ""));
  const [ofStem, ofId] = [counted(stems), counted(ids)];
  const taken = new Set<string>();
  return stems.map((stem, i) => {
    const wish = ofStem(stem) > 1 && ofId(ids[i]) === 1 ? ids[i] : stem;
    let name = wish;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${wish}-${n}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

/** How often a name occurs: in some folders without regard to case. */
function counted(names: readonly string[]): (name: string) => number {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
  return (name) => counts.get(name.toLowerCase()) ?? 0;
}

/** The file of a picture's overlay, of a signal's plot. */
function outputOf(
  { path }: PictureFile,
  name: string,
  { model, name: network }: NamedNetwork,
  areSeveral: boolean,
  { out }: ExplainFlags,
): string | undefined {
  if (out === undefined) return undefined;
  const among = areSeveral ? `.${network.replace(/[^\p{L}\p{N}_-]+/gu, "_")}` : "";
  return join(out, `${name}${among}.${isArrayFile(path) && model.input.shape.length === 3 ? "svg" : "png"}`);
}
