import { stringify } from "csv-stringify/sync";
import type { Audit } from "../index";

const columns = [
  ...[
    "image",
    "label",
    "predicted",
    "right",
    "probability",
    "score",
    "cluster",
    "outlier",
    "outside",
    "control_outside",
  ],
  ...["rim", "control_rim", "error"],
];

/** A table with a row for each picture: what it was called, in which cluster of the answer it is, and where the evidence lies. */
export function auditTable({ images, failures, classes, audit: { labels } }: Audit): string {
  const places = new Map(
    classes.flatMap(({ clusters }) => clusters.flatMap((each, i) => each.images.map((id) => [id, i + 1] as const))),
  );
  const outliers = new Set(classes.flatMap((each) => each.outliers));
  const rows = images.map(({ id, label, labelIndex, predicted, probability, score, evidence, control }) => ({
    ...{ image: id, label, predicted: labels?.[predicted] ?? predicted, probability, score },
    right: labelIndex === undefined ? undefined : labelIndex === predicted ? "yes" : "no",
    ...{ cluster: places.get(id), outlier: outliers.has(id) ? "yes" : "no" },
    ...{ outside: evidence.outside, control_outside: control.outside, rim: evidence.rim, control_rim: control.rim },
  }));
  const failed = failures.map(({ id, message }) => ({ image: id, error: message }));
  // Names from files: a spreadsheet takes what begins with = or @ for a formula.
  return stringify([...rows, ...failed], { header: true, columns, escape_formulas: true });
}
