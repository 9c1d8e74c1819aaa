import { type Comparison, htmlReport, type ImageLike, InputError, type Model, resize } from "../index";
import type { CompareFlags } from "./compare-flags";
import { comparisonTable } from "./comparison-table";
import { keepInputs, prepareFolder, writeOutputFile } from "./files";
import { openComparison } from "./folder-looks";
import { type LabelledPicture, labelledPictures } from "./labelled-folder";
import { lookAtFolder, statePath } from "./look-at-folder";
import { filesBeside } from "./model-flags";
import { networksOf } from "./networks";
import { noteWriter } from "./note-writer";
import { stopOnSignal } from "./stop-signal";

/** Pictures of each kind that are kept for the page. */
const shown = 24;

export async function compareCommand(folder: string, flags: CompareFlags): Promise<void> {
  const pictures = await labelledPictures(folder, flags.labelsCsv);
  const { models: files, report, csv } = flags;
  const state = statePath(flags, "compare");
  const outputs = [report, csv, state];
  keepInputs(outputs, [...pictures.map(({ path }) => path), ...files, ...filesBeside(flags), flags.labelsCsv]);
  for (const path of outputs) if (path !== undefined) await prepareFolder(path);
  using looking = await openComparison(flags);
  const { models, look } = looking;
  const notes = noteWriter(models[0]);
  noteWriter(models[1]);
  using stop = stopOnSignal();
  const found = await lookAtFolder<Comparison>({
    ...{ pictures, files, look, state, signal: stop.signal },
    task: { command: "compare", folder, flags },
    onNote: (message) => notes.write(message),
  });
  const [a, b] = networksOf(models, files).map(({ name }) => name);
  const result = { ...found, a: { ...found.a, name: a }, b: { ...found.b, name: b } };
  for (const { id, message } of result.failures) notes.write(`${id} was left out. ${message}`);
  const count = result.images.length;
  const isStopped = stop.signal.aborted && count + result.failures.length < pictures.length;
  if (count === 0 && !isStopped) throw new InputError(`None of the ${pictures.length} pictures could be compared.`);
  if (count > 0) await writeResult(result, { folder, pictures, models, flags });
  if (!isStopped) return;
  const onward =
    state === undefined
      ? "--resume keeps what was found, and goes on from it"
      : `the same command goes on from ${state}`;
  throw new InputError(`Stopped after ${count} of ${pictures.length} pictures; ${onward}.`);
}

async function writeResult(
  result: Comparison,
  {
    folder,
    pictures,
    models,
    flags: { report, csv, json },
  }: {
    readonly folder: string;
    readonly pictures: readonly LabelledPicture[];
    readonly models: readonly Model[];
    readonly flags: CompareFlags;
  },
): Promise<void> {
  // Files come first: a reader of the text may have seen enough, and end the process.
  const written: string[] = [];
  if (csv !== undefined) {
    await writeOutputFile(csv, new TextEncoder().encode(comparisonTable(result)));
    written.push(`table: ${csv}\n`);
  }
  if (report !== undefined) {
    const wanted = new Set([...result.differentAnswers.slice(0, shown), ...result.differentEvidence.slice(0, shown)]);
    const photos = new Map<string, ImageLike>();
    for (const { id, read } of pictures) if (wanted.has(id)) photos.set(id, resize(await read(), { maxSide: 320 }));
    const title = `${result.a.name} and ${result.b.name} on ${folder}`;
    await writeOutputFile(report, new TextEncoder().encode(htmlReport(result, { title, photos, models })));
    written.push(`report: ${report}\n`);
  }
  process.stdout.write(json ? `${JSON.stringify(result, null, 2)}\n` : [text(folder, result), ...written].join(""));
}

function text(
  folder: string,
  { a, b, images, agreement, correlation, differentAnswers, differentEvidence }: Comparison,
): string {
  const byId = new Map(images.map((image) => [image.id, image]));
  const right = [a, b].map(
    ({ name, accuracy }) => `${name}${accuracy === undefined ? "" : `, ${Math.round(100 * accuracy)} % right`}`,
  );
  const said = ({ label, index }: { readonly label?: string; readonly index: number }): string =>
    label ?? `class ${index}`;
  const lines = (ids: readonly string[]): string[] =>
    ids.slice(0, 5).flatMap((id) => {
      const image = byId.get(id);
      return image
        ? [`  ${image.correlation.toFixed(2).padStart(5)}  ${id}: ${said(image.a)} and ${said(image.b)}`]
        : [];
    });
  return [
    `${folder}, ${images.length} pictures, seen by ${right.join(" and by ")}`,
    `same answer: ${Math.round(100 * agreement)} %${correlation === undefined ? "" : `; there the evidence has a mean rank correlation of ${correlation.toFixed(2)}`}`,
    ...(differentAnswers.length > 0
      ? ["", "different answers (rank correlation of the evidence, picture, answers)", ...lines(differentAnswers)]
      : []),
    ...(differentEvidence.length > 0
      ? ["", "one answer, the least alike evidence first", ...lines(differentEvidence)]
      : []),
    "",
  ].join("\n");
}
