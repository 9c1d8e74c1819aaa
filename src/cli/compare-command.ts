import { type Comparison, htmlReport } from "../index";
import type { CompareFlags } from "./compare-flags";
import { comparisonTable } from "./comparison-table";
import { folderCommand } from "./folder-command";
import { openComparison } from "./folder-looks";
import { labelledPictures, smallPhotos } from "./labelled-folder";
import { networksOf } from "./networks";

/** Pictures of each kind that are kept for the page. */
const shown = 24;

export async function compareCommand(folder: string, flags: CompareFlags): Promise<void> {
  const pictures = await labelledPictures(folder, flags.labelsCsv);
  const { models: files } = flags;
  await folderCommand<Comparison>({
    ...{ task: { command: "compare", folder, flags }, pictures, files, done: "compared" },
    open: () => openComparison(flags),
    spoken: (models) => models,
    told: (found, models) => {
      const [a, b] = networksOf(models, files).map(({ name }) => name);
      const result = { ...found, a: { ...found.a, name: a }, b: { ...found.b, name: b } };
      return {
        result,
        table: () => comparisonTable(result),
        page: async () => {
          const { differentAnswers, differentEvidence } = result;
          const ids = [...differentAnswers.slice(0, shown), ...differentEvidence.slice(0, shown)];
          const photos = await smallPhotos(pictures, ids, 320);
          return htmlReport(result, { title: `${a} and ${b} on ${folder}`, photos, models });
        },
        text: () => text(folder, result),
      };
    },
  });
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
