import { existsSync } from "node:fs";
import {
  type Audit,
  type AuditedClass,
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
  const result = await run(model, other, pictures, flags);
  const notes = noteWriter(model);
  for (const { id, message } of result.failures) notes.write(`${id} was left out. ${message}`);
  if (result.images.length === 0) throw new InputError(`None of the ${pictures.length} pictures could be audited.`);
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

/** Pictures between two writings of the state. */
const stateEvery = 50;

/** Where an audit is kept unless the flag names a file. */
const stateOf = ({ resume, out }: AuditFlags): string | undefined =>
  resume === true ? `${(out ?? "audit").replace(/\.html$/i, "")}.audit.json` : resume;

async function run(
  model: Model,
  other: Model | undefined,
  pictures: readonly LabelledPicture[],
  flags: AuditFlags,
): Promise<Audit> {
  const state = stateOf(flags);
  const from = state !== undefined && existsSync(state) ? ((await readJson(state, stateWords)) as Audit) : undefined;
  const bar = progressBar("audit");
  try {
    return await audit(
      model,
      pictures.map(({ id, label, read, mask }) => ({ id, image: read, mask, ...(label !== undefined && { label }) })),
      {
        method: flags.method,
        ...(flags.layer !== undefined && { layer: flags.layer }),
        control: other ?? flags.control,
        ...(flags.seed !== undefined && { seed: flags.seed }),
        ...(from && { from }),
        onError: "skip",
        onProgress: bar.update,
        checkpointEvery: stateEvery,
        ...(state !== undefined && {
          onCheckpoint: (part: Audit) => replaceOutputFile(state, new TextEncoder().encode(JSON.stringify(part))),
        }),
      },
    );
  } catch (error) {
    if (!from || !(error instanceof InputError)) throw error;
    throw new InputError(`${error.message} The state file is ${state}; delete it to start anew.`, { cause: error });
  } finally {
    bar.stop();
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

function classLine({ label, size, clusters, outliers }: AuditedClass): string {
  const each = clusters.map(
    ({ size: count, accuracy }) => `${count}${accuracy === undefined ? "" : ` (${percent(accuracy)} right)`}`,
  );
  const alone = outliers.length > 0 ? `; alone: ${outliers.slice(0, 3).join(", ")}` : "";
  return `  ${label}: ${size} pictures, clusters of ${each.join(", ")}${alone}`;
}
