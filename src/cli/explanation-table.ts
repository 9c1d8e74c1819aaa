import { stringify } from "csv-stringify/sync";
import type { Failure } from "./explain-each";
import type { ExplanationRecord } from "./explanation-records";

const columns = [
  ...["image", "model", "predicted", "probability", "method", "layer", "target", "score"],
  ...["x", "y", "width", "height", "notes", "error"],
] as const;

type Row = Partial<Record<(typeof columns)[number], string | number>>;

const nameOf = ({ index, label }: { readonly index: number; readonly label?: string }): string =>
  label ?? String(index);

/** A table with a row for each explanation, and for each picture that has none. */
export function explanationTable(records: readonly ExplanationRecord[], failures: readonly Failure[]): string {
  const rows = records.flatMap(({ image, model, predictions: [first], explanations }) =>
    explanations.map(
      ({ method, layer, target, box, notes }): Row => ({
        ...{ image, model, method, ...box, notes: notes.map(({ code }) => code).join(" ") },
        ...(first && { predicted: nameOf(first), probability: first.probability }),
        ...(layer !== undefined && { layer }),
        ...(target && { target: nameOf(target), score: target.score }),
      }),
    ),
  );
  const failed = failures.map(({ image, model, message }): Row => ({ image, model, error: message }));
  // Names from files: a spreadsheet takes what begins with = or @ for a formula.
  return stringify([...rows, ...failed], { header: true, columns: [...columns], escape_formulas: true });
}
