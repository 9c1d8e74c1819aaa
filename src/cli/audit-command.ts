import {
  type Audit,
  type AuditedClass,
  auditExamples,
  htmlReport,
  type ImageLike,
  InputError,
  type Model,
  resize,
} from "../index";
import type { AuditFlags } from "./audit-flags";
import { auditTable } from "./audit-table";
import { keepInputs, prepareFolder, writeOutputFile } from "./files";
import { openAudit } from "./folder-looks";
import { type LabelledPicture, labelledPictures, shardOf } from "./labelled-folder";
import { lookAtFolder, statePath } from "./look-at-folder";
import { filesBeside } from "./model-flags";
import { noteWriter } from "./note-writer";
import { stopOnSignal } from "./stop-signal";

export async function auditCommand(folder: string, flags: AuditFlags): Promise<void> {
  const pictures = shardOf(await labelledPictures(folder, flags.labelsCsv), flags.shard);
  const { model: file, controlModel, report, csv } = flags;
  const files = [file, controlModel].filter((each) => each !== undefined);
  const state = statePath(flags, "audit");
  const outputs = [report, csv, state];
  keepInputs(outputs, [...pictures.map(({ path }) => path), ...files, ...filesBeside(flags), flags.labelsCsv]);
  for (const path of outputs) if (path !== undefined) await prepareFolder(path);
  using looking = await openAudit(flags);
  const { models, look } = looking;
  const notes = noteWriter(models[0]);
  using stop = stopOnSignal();
  const result = await lookAtFolder<Audit>({
    ...{ pictures, files, look, state, signal: stop.signal },
    task: { command: "audit", folder, flags },
    onNote: (message) => notes.write(message),
  });
  for (const { id, message } of result.failures) notes.write(`${id} was left out. ${message}`);
  const count = result.images.length;
  const isStopped = stop.signal.aborted && count + result.failures.length < pictures.length;
  if (count === 0 && !isStopped) throw new InputError(`None of the ${pictures.length} pictures could be audited.`);
  if (count > 0) await writeResult(result, { folder, pictures, models, flags });
  if (!isStopped) return;
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
    models,
    flags: { report, csv, json },
  }: {
    readonly folder: string;
    readonly pictures: readonly LabelledPicture[];
    readonly models: readonly Model[];
    readonly flags: AuditFlags;
  },
): Promise<void> {
  // Files come first: a reader of the text may have seen enough, and end the process.
  const written: string[] = [];
  if (csv !== undefined) {
    await writeOutputFile(csv, new TextEncoder().encode(auditTable(result)));
    written.push(`table: ${csv}\n`);
  }
  if (report !== undefined) {
    const photos = await shownPhotos(pictures, auditExamples(result));
    const page = htmlReport(result, { title: `Audit of ${models[0].name} on ${folder}`, photos, models });
    await writeOutputFile(report, new TextEncoder().encode(page));
    written.push(`report: ${report}\n`);
  }
  process.stdout.write(
    json ? `${JSON.stringify(result, null, 2)}\n` : [text(folder, models[0], result), ...written].join(""),
  );
}

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
    `${folder}, ${images.length === 1 ? "1 picture" : `${images.length} pictures`}${right}, seen by ${model.name}`,
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
    ...unmasked(images),
    "",
  ].join("\n");
}

/** Where the object is not known, how much less is compared. */
function unmasked(images: Audit["images"]): string[] {
  const bare = images.filter(({ evidence }) => evidence.outside === undefined).length;
  if (bare === 0) return [];
  const whose = bare === images.length ? "no mask says" : `of ${bare} of ${images.length} pictures no mask says`;
  return [
    `${whose} where the object is: there the picture's rim was compared, a much weaker hint (photo.mask.png beside photo.png shows it in white)`,
  ];
}

function classLine({ label, size, clusters, outliers, sampled }: AuditedClass): string {
  const each = clusters.map(
    ({ size: count, accuracy }) => `${count}${accuracy === undefined ? "" : ` (${percent(accuracy)} right)`}`,
  );
  const alone = outliers.length > 0 ? `; alone: ${outliers.slice(0, 3).join(", ")}` : "";
  const among = sampled === undefined ? "" : `, found among ${sampled} of them`;
  return `  ${label}: ${size === 1 ? "1 picture" : `${size} pictures`}, clusters of ${each.join(", ")}${among}${alone}`;
}
