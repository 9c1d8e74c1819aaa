/** The page of an evaluation: what the methods came to, and the maps that were judged. */
import { decodeImage, htmlReport, type ImageLike, type ReportTable, resize } from "../index";
import { attributionOf } from "./attribution-text";
import type { MethodMeans } from "./evaluation-measures";
import type { EvaluationRecord } from "./evaluation-records";
import { closing, type QuestionTable, questionTables, surenessOf } from "./evaluation-table";
import { readInputFile } from "./files";
import type { NamedNetwork } from "./networks";

/** Pictures on the page: it is about the means of all. */
export const mostShown = 24;

/** Copies for the page. */
const shownSide = 512;

/** What one network's methods came to. */
export interface JudgedNetwork {
  readonly network: NamedNetwork;
  readonly records: readonly EvaluationRecord[];
  readonly means: readonly MethodMeans[];
}

export async function evaluationPage(found: readonly JudgedNetwork[]): Promise<string> {
  const several = found.length > 1;
  // Pictures in their order, of each what every network's methods marked.
  const images = [...new Set(found.flatMap(({ records }) => records.map(({ image }) => image)))];
  const shown = images.flatMap((image) =>
    found.flatMap(({ network, records }) =>
      records
        .filter((record) => record.image === image)
        .flatMap(({ shown: { attributions, predictions } = { attributions: [], predictions: [] } }) =>
          attributions.map((text) => ({ image, network: network.name, predictions, attribution: attributionOf(text) })),
        ),
    ),
  );
  const photos = new Map<string, ImageLike>();
  for (const { image } of shown) {
    if (!photos.has(image))
      photos.set(image, resize(await decodeImage(await readInputFile(image)), { maxSide: shownSide }));
  }
  return htmlReport(
    shown.map(({ attribution }) => attribution),
    {
      title: `How far can methods be trusted on ${found.map(({ network }) => network.name).join(" and ")}?`,
      names: shown.map(({ image }) => image),
      photos,
      predictions: shown.map(({ predictions }) => predictions),
      ...(several && { networks: shown.map(({ network }) => network) }),
      models: found.map(({ network }) => network.model),
      tables: found.flatMap((each) => tablesOf(each, several)),
    },
  );
}

function tablesOf({ network, records, means }: JudgedNetwork, several: boolean): ReportTable[] {
  const objects = records.filter(({ hasMask }) => hasMask).length;
  const tables = questionTables(records, { means, objects });
  const sure = surenessOf(means, "In brackets");
  return tables.map((table, i) => ({
    title: several ? `${network.name}: ${table.question}` : sentence(table.question),
    ...(i === 0 && {
      lead: `Each method's maps are put to the test, beside those of controls. ${closing.replace("\n", " ")}`,
    }),
    caption: records.length === 1 ? "1 image" : `Means over ${records.length} images, in brackets how sure each is`,
    columns: ["map", ...table.titles],
    rows: table.rows.map(rowOf),
    remarks: [
      ...table.meanings.map(([title, meaning]) => `${title}: ${meaning}`),
      ...(table.chance === undefined ? [] : [sentence(table.chance)]),
      ...(i === 0 && sure !== undefined ? [sure] : []),
    ],
  }));
}

const rowOf = ({ name, means, intervals }: QuestionTable["rows"][number]): string[] => [
  name,
  ...means.map((mean, i) => (intervals[i] === "" ? mean.trim() : `${mean.trim()} (${intervals[i].trim()})`)),
];

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);
