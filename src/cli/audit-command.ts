import { existsSync } from "node:fs";
import {
  type Audit,
  type AuditedClass,
  type AuditImage,
  audit,
  auditExamples,
  htmlReport,
  type ImageLike,
  InputError,
  type MethodName,
  type Model,
  resize,
} from "../index";
import { replaceOutputFile, writeOutputFile } from "./files";
import { type LabelledPicture, labelledPictures } from "./labelled-folder";
import { loadFlaggedModel, type ModelFlags, readJson } from "./model-flags";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";
import { stopOnSignal } from "./stop-signal";

export interface AuditFlags extends ModelFlags {
  readonly method: MethodName;
  readonly layer?: string;
  readonly control: "class" | "weights";
  readonly controlModel?: string;
  readonly seed?: number;
  readonly labelsCsv?: string;
  readonly out?: string;
  readonly resume?: string | true;
  readonly json?: boolean;
}

export async function auditCommand(folder: string, flags: AuditFlags): Promise<void> {
  const pictures = await labelledPictures(folder, flags.labelsCsv);
  using model = await loadFlaggedModel(flags);
  using other =
    flags.controlModel === undefined ? undefined : await loadFlaggedModel({ ...flags, model: flags.controlModel });
  using stop = stopOnSignal();
  const result = await run(model, other, pictures, { flags, signal: stop.signal });
  const notes = noteWriter(model);
  for (const { id, message } of result.failures) notes.write(`${id} was left out. ${message}`);
  const count = result.images.length;
  const isStopped = stop.signal.aborted && count + result.failures.length < pictures.length;
  if (count === 0 && !isStopped) throw new InputError(`None of the ${pictures.length} pictures could be audited.`);
  if (count > 0) await writeResult(result, { folder, pictures, model, other, flags });
  if (!isStopped) return;
  const state = stateOf(flags);
  const onward =
    state === undefined
      ? "--resume keeps what was found, and goes on from it"
      : `the same command goes on from ${state}`;
  throw new InputError(`Stopped after ${count} of ${pictures.length} pictures; ${onward}.`);
}

async function writeResult(
  result: Audit,
  {
    folder,
    pictures,
    model,
    other,
    flags,
  }: {
    readonly folder: string;
    readonly pictures: readonly LabelledPicture[];
    readonly model: Model;
    readonly other: Model | undefined;
    readonly flags: AuditFlags;
  },
): Promise<void> {
  process.stdout.write(flags.json ? `${JSON.stringify(result, null, 2)}\n` : text(folder, model, result));
  if (flags.out === undefined) return;
  const photos = await shownPhotos(pictures, auditExamples(result));
  const page = htmlReport(result, {
    title: `Audit of ${model.name} on ${folder}`,
    photos,
    models: other ? [model, other] : model,
  });
  await writeOutputFile(flags.out, new TextEncoder().encode(page));
  if (!flags.json) process.stdout.write(`report: ${flags.out}\n`);
}

/** Pictures between two writings of the state, which is written as a whole: of many pictures a hundredth. */
const stateEvery = (pictures: number): number => Math.max(50, Math.ceil(pictures / 100));

/** Where an audit is kept unless the flag names a file. */
const stateOf = ({ resume, out }: AuditFlags): string | undefined =>
  resume === true ? `${(out ?? "audit").replace(/\.html$/i, "")}.audit.json` : resume;

async function run(
  model: Model,
  other: Model | undefined,
  pictures: readonly LabelledPicture[],
  { flags, signal }: { readonly flags: AuditFlags; readonly signal: AbortSignal },
): Promise<Audit> {
  const state = stateOf(flags);
  const from = state !== undefined && existsSync(state) ? ((await readJson(state, stateWords)) as Audit) : undefined;
  const bar = progressBar("audit");
  try {
    return await audit(model, untilStopped(pictures, signal), {
      method: flags.method,
      ...(flags.layer !== undefined && { layer: flags.layer }),
      control: other ?? flags.control,
      ...(flags.seed !== undefined && { seed: flags.seed }),
      ...(from && { from }),
      onError: "skip",
      onProgress: bar.update,
      total: pictures.length,
      checkpointEvery: stateEvery(pictures.length),
      ...(state !== undefined && {
        onCheckpoint: (part: Audit) => replaceOutputFile(state, new TextEncoder().encode(JSON.stringify(part))),
      }),
    });
  } catch (error) {
    if (!from || !(error instanceof InputError)) throw error;
    throw new InputError(`${error.message} The state file is ${state}; delete it to start anew.`, { cause: error });
  } finally {
    bar.stop();
  }
}

/** Ends where the signal is given: what was looked at until then is a result, too. */
function* untilStopped(pictures: readonly LabelledPicture[], signal: AbortSignal): Generator<AuditImage> {
  for (const { id, label, read, mask } of pictures) {
    if (signal.aborted) return;
    yield { id, image: read, mask, ...(label !== undefined && { label }) };
  }
}

const stateWords = "a state file is written by seethrough audit --resume";

/** Small copies of those that the page shows: of ten thousand photographs few fit into memory. */
async function shownPhotos(
  pictures: readonly LabelledPicture[],
  ids: readonly string[],
): Promise<ReadonlyMap<string, ImageLike>> {
  const wanted = new Set(ids);
  const photos = new Map<string, ImageLike>();
  for (const { id, read } of pictures) if (wanted.has(id)) photos.set(id, resize(await read(), { maxSide: 256 }));
  return photos;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function text(
  folder: string,
  model: Model,
  { images, accuracy, classes, confusion, suspicions, unknownLabels }: Audit,
): string {
  const right = accuracy === undefined ? "" : `, ${percent(accuracy)} right`;
  const wrong = confusion
    .slice(0, 5)
    .map(
      ({ label, predicted, count, examples }) => `  ${label} called ${predicted}: ${count}, for example ${examples[0]}`,
    );
  return [
    `${folder}, ${images.length} pictures${right}, seen by ${model.name}`,
    ...(unknownLabels.length > 0 ? [`labels that are no class of the network: ${unknownLabels.join(", ")}`] : []),
    ...(wrong.length > 0 ? ["", "wrong answers", ...wrong] : []),
    "",
    "clusters of evidence",
    ...classes.map(classLine),
    "",
    ...(suspicions.length === 0
      ? ["suspicions: none; no cluster's evidence lies where the control's does not"]
      : [
          "suspicions, the strongest first",
          ...suspicions.map(({ says, strength }) => `  ${strength.toFixed(2)}  ${says}`),
        ]),
    "",
  ].join("\n");
}

function classLine({ label, size, clusters, outliers, sampled }: AuditedClass): string {
  const each = clusters.map(
    ({ size: count, accuracy }) => `${count}${accuracy === undefined ? "" : ` (${percent(accuracy)} right)`}`,
  );
  const alone = outliers.length > 0 ? `; alone: ${outliers.slice(0, 3).join(", ")}` : "";
  const among = sampled === undefined ? "" : `, found among ${sampled} of them`;
  return `  ${label}: ${size} pictures, clusters of ${each.join(", ")}${among}${alone}`;
}
