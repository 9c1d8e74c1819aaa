import { show } from "../checks";
import { InputError } from "../errors";
import { guardedAsync } from "../guard";
import { isRecord } from "../json-text";
import { analyse } from "./analyse";
import { type Audit, type AuditedImage, type AuditKey, auditFormat, fieldRows } from "./types";

/** What is known so far, by id. */
export interface Records {
  readonly images: Map<string, AuditedImage>;
  /** Messages. */
  readonly failures: Map<string, string>;
}

/**
 * Joins partial results of one audit, for example those of several machines, and finds clusters, confusion and suspicions of all of them.
 *
 * The result depends on the set of pictures alone: parts may come in any order, through any tree of merges, and more than once. A
 * picture that failed in one part and not in another has not failed.
 *
 * @param parts  results of `audit` or of this function, also after a trip through JSON
 * @throws {InputError} if there is none, one is no such result, or they belong to different audits: it names the option, both values and
 *   the part
 * @example
 * const whole = await mergeAudits(...parts.map((text) => JSON.parse(text)));
 */
export async function mergeAudits(...parts: readonly Audit[]): Promise<Audit> {
  return guardedAsync("mergeAudits", async () => {
    if (parts.length === 0) throw new InputError("mergeAudits needs at least one part.");
    parts.forEach((part, i) => {
      checkAudit(part, `Part ${i + 1}`);
      checkSameAudit(part.audit, parts[0].audit, `Part ${i + 1}`, "part 1");
    });
    const records: Records = { images: new Map(), failures: new Map() };
    for (const part of parts) joinPart(records, part);
    return auditOf(parts[0].audit, records);
  });
}

/** Takes a part's pictures in. */
export function joinPart({ images, failures }: Records, part: Audit): void {
  for (const image of part.images) images.set(image.id, image);
  for (const { id, message } of part.failures) failures.set(id, message);
  for (const id of images.keys()) failures.delete(id);
}

/** The result over what is known. */
export async function auditOf(key: AuditKey, records: Records): Promise<Audit> {
  const part = partOf(key, records);
  return { ...part, ...(await analyse(part.images, key)) };
}

/** What is known, nothing found in it yet: a part to go on from. */
export function partOf(key: AuditKey, { images, failures }: Records): Audit {
  const byId = <T extends { readonly id: string }>(a: T, b: T): number => (a.id < b.id ? -1 : 1);
  return {
    format: auditFormat,
    audit: key,
    images: [...images.values()].sort(byId),
    failures: [...failures].map(([id, message]) => ({ id, message })).sort(byId),
    unknownLabels: [],
    confusion: [],
    classes: [],
    suspicions: [],
  };
}

const isShare = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= 1;

const isPlace = (place: unknown): boolean =>
  isRecord(place) &&
  isShare(place.rim) &&
  (place.outside === undefined || isShare(place.outside)) &&
  (place.fields === undefined ||
    (Array.isArray(place.fields) && place.fields.length === fieldRows ** 2 && place.fields.every(isShare)));

/** @throws {InputError} if the data did not come from an audit of this version */
export function checkAudit(given: unknown, name: string): asserts given is Audit {
  if (given instanceof Promise) throw new InputError(`${name} is a promise: await audit first.`);
  if (!isRecord(given) || !("format" in given)) {
    throw new InputError(
      `${name} is no result of audit: expected an object with format "${auditFormat}", got ${show(given)}.`,
    );
  }
  if (given.format !== auditFormat) {
    throw new InputError(
      `${name} has the format ${show(given.format)}, this version reads "${auditFormat}". Audit again.`,
    );
  }
  const { audit, images, failures, classes: found, confusion, suspicions } = given;
  if (!isRecord(audit) || !Array.isArray(images) || !Array.isArray(failures))
    throw new InputError(`${name} is damaged: audit, images or failures are missing.`);
  const { grid, classes, labels, seed } = audit;
  const { width, height, fit } = isRecord(audit.input) ? audit.input : {};
  const isKey =
    isExtent(width) &&
    isExtent(height) &&
    ["crop", "stretch", "pad"].some((each) => each === fit) &&
    [grid, classes].every((count) => Number.isInteger(count) && (count as number) > 0 && (count as number) < 1e7) &&
    Number.isFinite(seed) &&
    (labels === undefined || (Array.isArray(labels) && labels.every((label) => typeof label === "string")));
  if (!isKey || !["modelHash", "method", "control"].every((field) => typeof audit[field] === "string"))
    throw new InputError(`${name} is damaged: its audit does not say what was asked.`);
  if (!failures.every((each) => isRecord(each) && typeof each.id === "string" && typeof each.message === "string"))
    throw new InputError(`${name} is damaged: a failure has no id or no message.`);
  const hasLists = (value: unknown, ...names: readonly string[]): boolean =>
    isRecord(value) && names.every((part) => Array.isArray(value[part]));
  const isList = (value: unknown, isWhole: (entry: unknown) => boolean): boolean =>
    Array.isArray(value) && value.every(isWhole);
  const isClass = (each: unknown): boolean =>
    hasLists(each, "clusters", "outliers") &&
    isList((each as { readonly clusters: unknown }).clusters, (cluster) => hasLists(cluster, "images"));
  if (
    !isList(found, isClass) ||
    !isList(confusion, (cell) => hasLists(cell, "examples")) ||
    !isList(suspicions, isRecord)
  )
    throw new InputError(`${name} is damaged: its classes, confusion or suspicions are not whole.`);
  const wrong = images.findIndex((image) => !isImage(image, Number(grid)));
  if (wrong >= 0) throw new InputError(`${name} is damaged: image ${wrong + 1} is not whole.`);
}

const isExtent = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= 2 ** 16;

const isIndex = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;

const isImage = (image: unknown, grid: number): boolean =>
  isRecord(image) &&
  typeof image.id === "string" &&
  isIndex(image.predicted) &&
  ["undefined", "string", "number"].includes(typeof image.label) &&
  (image.labelIndex === undefined || isIndex(image.labelIndex)) &&
  typeof image.probability === "number" &&
  isPlace(image.evidence) &&
  isPlace(image.control) &&
  Array.isArray(image.map) &&
  image.map.length === grid * grid &&
  image.map.every((value) => Number.isFinite(value));

/** @throws {InputError} naming the first option in which two audits differ */
export function checkSameAudit(key: AuditKey, expected: AuditKey, name: string, other: string): void {
  const fields = [...new Set([...Object.keys(expected), ...Object.keys(key)])] as (keyof AuditKey)[];
  const different = fields.find((field) => JSON.stringify(key[field]) !== JSON.stringify(expected[field]));
  if (different === undefined) return;
  throw new InputError(
    `${name} belongs to another audit: its ${different} is ${show(key[different])}, that of ${other} is ${show(expected[different])}. ` +
      "Parts of one audit have the same network and options.",
  );
}
