/** Clusters whose evidence lies where the control's does not. */
import { entryOf } from "../guard";
import { mean, standardDeviation } from "../trust/mean-and-deviation";
import { rounded } from "./rounded";
import { type AuditedClass, type AuditedImage, fieldRows, type Suspicion } from "./types";

/** Pictures that a cluster must have to be suspected. */
const leastSuspects = 3;
/** Standard errors that an excess must have: among dozens of clusters chance alone reaches less. */
const bound = 2.8;
/** Few pictures may agree by chance: their differences are taken to spread by this much at least. The rim says less than a mask. */
const leastDeviation = { outside: 0.15, place: 0.15, rim: 0.22 } as const;
/** One half of a cluster must have as many for a place to be chosen by it. */
const leastChoosing = 5;
/** A mark in a corner covers no more of the fields. */
const mostFields = 4;

export function suspicionsOf(classes: readonly AuditedClass[], images: readonly AuditedImage[]): Suspicion[] {
  const byId = new Map(images.map((image) => [image.id, image]));
  const found = classes.flatMap(({ index, label, clusters }) =>
    clusters.flatMap(({ images: ids }, cluster) => {
      const group = [...ids].sort().map((id) => entryOf(byId, id));
      const strongest = suspicionOf(group);
      return strongest
        ? [{ index, label, cluster, ...strongest, says: sentence(label, cluster, group, strongest) }]
        : [];
    }),
  );
  return found.sort((a, b) => b.strength - a.strength || a.index - b.index || a.cluster - b.cluster);
}

type Excess = Pick<Suspicion, "by" | "evidence" | "control" | "strength" | "fields">;

/** Where the object's place is known that counts; else the rim. Undefined where the evidence is where the control's is. */
function suspicionOf(group: readonly AuditedImage[]): Excess | undefined {
  const known = group.filter(
    ({ evidence, control }) => evidence.outside !== undefined && control.outside !== undefined,
  );
  const found =
    known.length >= leastSuspects
      ? [
          excessOf("outside", known.map(pairOf("outside"))),
          atOnePlace(known.filter(({ evidence, control }) => evidence.fields && control.fields)),
        ]
      : [excessOf("rim", group.map(pairOf("rim")))];
  return found.reduce((best, each) => (each && each.strength > (best?.strength ?? 0) ? each : best), undefined);
}

/** Shares of the evidence and of the control's. */
type Pair = readonly [evidence: number, control: number];

const pairOf =
  (by: "outside" | "rim") =>
  ({ evidence, control }: AuditedImage): Pair => [evidence[by] as number, control[by] as number];

function excessOf(by: Suspicion["by"], pairs: readonly Pair[]): Excess | undefined {
  if (pairs.length < leastSuspects) return undefined;
  const excess = pairs.map(([evidence, control]) => evidence - control);
  const deviation = Math.max(leastDeviation[by], standardDeviation(excess));
  const strength = rounded(mean(excess) - (bound * deviation) / Math.sqrt(excess.length));
  if (strength <= 0) return undefined;
  const [evidence, control] = [0, 1].map((i) => rounded(mean(pairs.map((pair) => pair[i]))));
  return { by, evidence, control, strength };
}

/**
 * What lies outside the object and at the same place in all pictures. The place is chosen by one half of them and judged by the other, and
 * the other way round: among many fields some exceed by chance.
 *
 * @param group  by rising id
 */
function atOnePlace(group: readonly AuditedImage[]): Excess | undefined {
  const halves = [0, 1].map((half) => group.filter((_, i) => i % 2 === half));
  if (halves.some(({ length }) => length < leastChoosing)) return undefined;
  const pairs = halves.flatMap((half, i) => {
    const place = placeOf(halves[1 - i]);
    return half.map(
      ({ evidence, control }): Pair => [
        sumAt(evidence.fields as number[], place),
        sumAt(control.fields as number[], place),
      ],
    );
  });
  const found = excessOf("place", pairs);
  return found && { ...found, fields: placeOf(group) };
}

/** The fields in which the evidence exceeds the control's most, by rising number. */
function placeOf(group: readonly AuditedImage[]): number[] {
  const excess = Array.from({ length: fieldRows ** 2 }, (_, field) => ({
    field,
    size: mean(group.map(({ evidence, control }) => (evidence.fields?.[field] ?? 0) - (control.fields?.[field] ?? 0))),
  }));
  return excess
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size || a.field - b.field)
    .slice(0, mostFields)
    .map(({ field }) => field)
    .sort((a, b) => a - b);
}

const sumAt = (fields: readonly number[], place: readonly number[]): number =>
  place.reduce((sum, field) => sum + fields[field], 0);

export const isRight = ({ labelIndex, predicted }: AuditedImage): boolean => labelIndex === predicted;

function sentence(
  label: string,
  cluster: number,
  group: readonly AuditedImage[],
  { by, evidence, control, fields = [] }: Excess,
): string {
  const percent = (value: number): string => `${Math.round(100 * value)} %`;
  const where =
    by === "outside"
      ? "outside the object"
      : by === "place"
        ? `outside the object and at one place of all pictures, ${inWords(fields)}`
        : "at the rim of the picture";
  const labelled = group.filter(({ labelIndex }) => labelIndex !== undefined);
  const right = labelled.filter(isRight).length;
  const accuracy = labelled.length > 0 ? `, ${right} of ${labelled.length} right` : "";
  return (
    `"${label}", cluster ${cluster + 1} (${group.length} pictures${accuracy}): ${percent(evidence)} of what speaks for "${label}" lies ` +
    `${where}; of the control's evidence on the same pictures ${percent(control)} does.`
  );
}

/** The middle of the fields: "at the bottom right". */
function inWords(fields: readonly number[]): string {
  const third = (place: number): number => Math.min(2, Math.floor((3 * (place + 0.5)) / fieldRows));
  const row = ["top", "middle", "bottom"][third(mean(fields.map((field) => Math.floor(field / fieldRows))))];
  const column = ["left", "centre", "right"][third(mean(fields.map((field) => field % fieldRows)))];
  return `at the ${row} ${column}`;
}
