import { stringify } from "csv-stringify/sync";
import type { Evaluated } from "./evaluation";
import { measureColumns } from "./evaluation-measures";

/** A row for each image and method, and for each image and control, with every measure in full. */
export function evaluationCsv(
  images: readonly (Evaluated & { readonly image: string; readonly model?: string })[],
): string {
  const rows = images.flatMap(({ image, model, target, measure, probability, methods, controls }) =>
    [...methods, ...controls].map((judgement) => ({
      image,
      ...(model !== undefined && { model }),
      method: judgement.name,
      control: controls.includes(judgement) ? "yes" : "no",
      target: target.label ?? target.index,
      score: target.score,
      ...(probability !== undefined && { probability }),
      measure,
      ...Object.fromEntries(measureColumns.map(({ key, of }) => [key, of(judgement)])),
      coherency: judgement.adcc?.coherency,
      complexity: judgement.adcc?.complexity,
    })),
  );
  const columns = [
    "image",
    ...(images.some(({ model }) => model !== undefined) ? ["model"] : []),
    ...["method", "control", "target", "score", "probability", "measure"],
    ...measureColumns.map(({ key }) => key),
    ...["coherency", "complexity"],
  ];
  // Names from files: a spreadsheet takes what begins with = or @ for a formula.
  return stringify(rows, { header: true, columns, escape_formulas: true });
}
