import { stringify } from "csv-stringify/sync";
import type { Comparison } from "../index";

const columns = [
  ...[
    "image",
    "label",
    "same_answer",
    "correlation",
    "answer_a",
    "probability_a",
    "answer_b",
    "probability_b",
    "error",
  ],
];

const nameOf = ({ index, label }: { readonly index: number; readonly label?: string }): string | number =>
  label ?? index;

/** A table with a row for each picture: both answers, and how alike their evidence is. */
export function comparisonTable({ images, failures }: Comparison): string {
  const rows = images.map(({ id, label, agrees, correlation, a, b }) => ({
    ...{ image: id, label, same_answer: agrees ? "yes" : "no", correlation },
    ...{ answer_a: nameOf(a), probability_a: a.probability, answer_b: nameOf(b), probability_b: b.probability },
  }));
  const failed = failures.map(({ id, message }) => ({ image: id, error: message }));
  // Names from files: a spreadsheet takes what begins with = or @ for a formula.
  return stringify([...rows, ...failed], { header: true, columns, escape_formulas: true });
}
