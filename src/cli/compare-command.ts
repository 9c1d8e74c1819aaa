import {
  type Comparison,
  compareModels,
  htmlReport,
  type ImageLike,
  InputError,
  type MethodName,
  resize,
} from "../index";
import { writeOutputFile } from "./files";
import { labelledPictures } from "./labelled-folder";
import { loadFlaggedModel, type ModelFlags } from "./model-flags";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";

export interface CompareFlags extends ModelFlags {
  readonly models: readonly [string, string];
  readonly method: MethodName;
  readonly layer?: string;
  readonly labelsCsv?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Pictures of each kind that are kept for the page. */
const shown = 24;

export async function compareCommand(folder: string, flags: CompareFlags): Promise<void> {
  const pictures = await labelledPictures(folder, flags.labelsCsv);
  const [first, second] = flags.models;
  using a = await loadFlaggedModel({ ...flags, model: first });
  using b = await loadFlaggedModel({ ...flags, model: second });
  const bar = progressBar("compare");
  let result: Comparison;
  try {
    result = await compareModels(
      a,
      b,
      pictures.map(({ id, label, read }) => ({ id, image: read, ...(label !== undefined && { label }) })),
      {
        method: flags.method,
        ...(flags.layer !== undefined && { layer: flags.layer }),
        onError: "skip",
        onProgress: bar.update,
      },
    );
  } finally {
    bar.stop();
  }
  const notes = noteWriter(a);
  noteWriter(b);
  for (const { id, message } of result.failures) notes.write(`${id} was left out. ${message}`);
  if (result.images.length === 0) throw new InputError(`None of the ${pictures.length} pictures could be compared.`);
  process.stdout.write(flags.json ? `${JSON.stringify(result, null, 2)}\n` : text(folder, result));
  if (flags.out === undefined) return;
  const wanted = new Set([...result.differentAnswers.slice(0, shown), ...result.differentEvidence.slice(0, shown)]);
  const photos = new Map<string, ImageLike>();
  for (const { id, read } of pictures) if (wanted.has(id)) photos.set(id, resize(await read(), { maxSide: 320 }));
  const page = htmlReport(result, { title: `${a.name} and ${b.name} on ${folder}`, photos, models: [a, b] });
  await writeOutputFile(flags.out, new TextEncoder().encode(page));
  if (!flags.json) process.stdout.write(`report: ${flags.out}\n`);
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
