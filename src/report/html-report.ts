import { type Comparison, comparisonFormat } from "../audit/comparison";
import { checkAudit } from "../audit/merge-audits";
import { type Audit, auditFormat } from "../audit/types";
import { checkBag, checkOptions, checkParts, kindOf, show } from "../checks";
import { type ConceptReport, conceptFormat } from "../concepts/concepts";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import { checkImage, type ImageLike } from "../image/image";
import { isRecord, isSmallTree } from "../json-text";
import { loaded } from "../model/loaded-model";
import type { Model, Prediction } from "../model/model";
import { checkSource } from "../view/heatmap";
import { auditPage } from "./audit-page";
import { comparisonPage } from "./comparison-page";
import { conceptsPage } from "./concepts-page";
import {
  explanationsPage,
  type ReportedAttribution,
  type ReportTable,
  type ShownExplanation,
} from "./explanations-page";

const known = ["title", "photos", "names", "predictions", "networks", "tables", "models"];

/** The pictures of a report: one that all results are of, one for each result in their order, or by name or id. */
export type ReportPhotos =
  | ImageLike
  | readonly (ImageLike | undefined)[]
  | Readonly<Record<string, ImageLike>>
  | ReadonlyMap<string, ImageLike>;

export interface ReportOptions {
  /** The heading and title of the page; default: what the result is. */
  readonly title?: string;
  /** The pictures that were explained. Without them maps are drawn alone. */
  readonly photos?: ReportPhotos;
  /** Of attributions: what each one's picture is called, a file name for example. */
  readonly names?: readonly string[];
  /** Of attributions: what the network said of each one's picture, as `model.predict` returns it. */
  readonly predictions?: readonly (readonly Prediction[] | undefined)[];
  /** Of attributions: what each one's network is called, where there are several. */
  readonly networks?: readonly string[];
  /** Of attributions: figures that stand before the pictures. */
  readonly tables?: readonly ReportTable[];
  /** Networks of which the page shall say what they consist of. */
  readonly models?: Model | readonly Model[];
}

export type { ReportedAttribution, ReportTable };

/** What `htmlReport` makes a page of. */
export type Reportable = ReportedAttribution | readonly ReportedAttribution[] | Audit | Comparison | ConceptReport;

/**
 * A page that shows results to people: one HTML file that loads nothing, runs no script, and can be mailed, printed, read in the dark
 * and used by keyboard and screen readers. Of attributions it shows what the network said, the pictures with the maps of each
 * method on one scale, what to keep in mind in words, and the recipe of each.
 *
 * Pictures are JPEGs in the page, the smaller the more there are, so that a hundred stay under ten megabytes. Names and labels may
 * hold anything; they stay text.
 *
 * @param result  an attribution or a list of them, or an audit or a comparison: their photographs are found by id, and
 *   `auditExamples` names those that an audit's page shows. Of concepts `photos` is the picture, or the references by id with the picture as "picture"
 * @returns the file's text
 * @throws {OptionError} if the result is none of these, or an option does not fit it; what `overlay` throws of photographs that do
 *   not fit their attribution
 * @example
 * const page = htmlReport(await gradCam(model, image), { title: "What the network saw", photos: image });
 * await writeFile("report.html", page);
 */
export function htmlReport(result: Reportable, options: ReportOptions = {}): string {
  return guarded("htmlReport", () => {
    checkBag("htmlReport", options, known);
    checkOptions("htmlReport", options, known);
    const { title } = options;
    if (title !== undefined && typeof title !== "string") {
      throw new OptionError(`title is the text above the page, got ${kindOf(title)}.`);
    }
    const models = modelsOf(options.models);
    if (isAudit(result)) {
      checkAudit(result, "htmlReport: the audit");
      noLists("an audit", options);
      return auditPage(title ?? "Audit of a network", result, photoFinder(options.photos), models);
    }
    if (isComparison(result)) {
      checkParts(
        "htmlReport",
        result,
        ["a", "b", "images", "differentAnswers", "differentEvidence", "grid"],
        "a comparison",
      );
      noLists("a comparison", options);
      return comparisonPage(title ?? "Two networks side by side", result, photoFinder(options.photos), models);
    }
    if (isConcepts(result)) {
      checkParts(
        "htmlReport",
        result,
        ["concepts", "target", "named", "layer", "notes", "recipe"],
        "a report of concepts",
      );
      checkRecipe(result);
      noLists("a report of concepts", options);
      const { photos } = options;
      const isOne = photos !== undefined && isImage(photos);
      const find = isOne ? () => undefined : photoFinder(photos);
      const photo = isOne ? photos : find("picture");
      return conceptsPage(
        title ?? `Why “${result.target.label ?? `class ${result.target.index}`}”?`,
        result,
        photo,
        find,
        models,
      );
    }
    const list: readonly ReportedAttribution[] = Array.isArray(result) ? result : [result as ReportedAttribution];
    const tables = checkedTables(options.tables);
    if (list.length === 0 && tables.length === 0)
      throw new OptionError("htmlReport takes at least one attribution, got a list of 0.");
    for (const each of list) {
      checkParts("htmlReport", each, attributionParts, "attributions, awaited");
      checkSource(each);
      checkRecipe(each);
      const { layer }: { readonly layer?: unknown } = each;
      if (layer === undefined || typeof layer === "string") continue;
      throw new OptionError(`The attribution is not whole: layer must be a layer's name, got ${kindOf(layer)}.`);
    }
    return explanationsPage(title ?? "What the network saw", shownExplanations(list, options), models, { tables });
  });
}

const isAudit = (result: Reportable): result is Audit =>
  typeof result === "object" && result !== null && "format" in result && result.format === auditFormat;

const isComparison = (result: Reportable): result is Comparison =>
  typeof result === "object" && result !== null && "format" in result && result.format === comparisonFormat;

const isConcepts = (result: Reportable): result is ConceptReport =>
  typeof result === "object" && result !== null && "format" in result && result.format === conceptFormat;

/** @throws {OptionError} if there are options that belong to attributions */
function noLists(what: string, { names, predictions, networks, tables }: ReportOptions): void {
  const given = Object.entries({ names, predictions, networks, tables }).find(([, value]) => value !== undefined);
  if (given) throw new OptionError(`${given[0]} belong to attributions; ${what} has its own.`);
}

/** @throws {OptionError} saying which table is not whole */
function checkedTables(tables: unknown = []): readonly ReportTable[] {
  if (!Array.isArray(tables)) throw new OptionError(`tables must be a list of tables, got ${kindOf(tables)}.`);
  const isText = (text: unknown): boolean => typeof text === "string";
  const isRow = (row: unknown, length: number): boolean =>
    Array.isArray(row) && row.length === length && row.every((cell) => isText(cell) || typeof cell === "number");
  tables.forEach((table: Partial<ReportTable> | undefined, i) => {
    const { title, lead = "", caption = "", columns, rows, remarks = [] } = table ?? {};
    const isWhole =
      [title, lead, caption].every(isText) &&
      Array.isArray(columns) &&
      columns.every(isText) &&
      Array.isArray(rows) &&
      rows.every((row) => isRow(row, columns.length)) &&
      Array.isArray(remarks) &&
      remarks.every(isText);
    if (isWhole) return;
    throw new OptionError(
      `tables[${i}] must be { title, lead?, caption?, columns, rows, remarks? }, each row with a text or number for each column.`,
    );
  });
  return tables;
}

/** @throws {OptionError} unless the page can show it */
function checkRecipe({ recipe }: { readonly recipe: unknown }): void {
  if (isRecord(recipe) && isSmallTree(recipe) && typeof recipe.modelHash === "string") return;
  throw new OptionError(
    `The explanation is not whole: recipe must be what repeats it, as plain data with the modelHash, got ${kindOf(recipe)}.`,
  );
}

const attributionParts = ["method", "target", "values", "inputSize", "notes", "recipe"];

function modelsOf(given: ReportOptions["models"]): readonly Model[] {
  if (given === undefined) return [];
  const list = Array.isArray(given) ? (given as readonly Model[]) : [given as Model];
  for (const model of list) loaded(model);
  return list;
}

function shownExplanations(
  attributions: readonly ReportedAttribution[],
  options: ReportOptions,
): readonly ShownExplanation[] {
  const { names, predictions, networks } = options;
  checkList("names", names, attributions.length);
  checkList("predictions", predictions, attributions.length);
  checkList("networks", networks, attributions.length);
  for (const [what, texts] of Object.entries({ names, networks })) {
    const wrong = texts?.find((text) => typeof text !== "string");
    if (wrong !== undefined) throw new OptionError(`${what} are texts, got ${kindOf(wrong)}.`);
  }
  const photos = photosOf(options.photos, attributions.length, names);
  return attributions.map((attribution, i) => {
    const [photo, name, said, network] = [photos[i], names?.[i], predictions?.[i], networks?.[i]];
    return {
      attribution,
      ...(photo && { photo }),
      ...(name !== undefined && { name }),
      ...(said && { predictions: said }),
      ...(network !== undefined && { network }),
    };
  });
}

/** @throws {OptionError} unless there is an entry for each attribution */
function checkList(name: string, list: unknown, count: number): void {
  if (list === undefined || (Array.isArray(list) && list.length === count)) return;
  throw new OptionError(
    `${name} must be a list with an entry for each of the ${count} attributions, got ${kindOf(list)}.`,
  );
}

function photosOf(
  given: ReportPhotos | undefined,
  count: number,
  names: readonly string[] | undefined,
): readonly (ImageLike | undefined)[] {
  const none = new Array<undefined>(count).fill(undefined);
  if (given === undefined) return none;
  if (isImage(given)) {
    checkImage(given);
    return none.map(() => given);
  }
  if (Array.isArray(given)) {
    checkList("photos", given, count);
    for (const photo of given) if (photo !== undefined) checkImage(photo);
    return given as readonly (ImageLike | undefined)[];
  }
  if (names === undefined) {
    throw new OptionError(
      `photos by name need the names of the attributions' pictures: pass names, or photos as a list; got ${show(kindOf(given))}.`,
    );
  }
  const find = photoFinder(given);
  return names.map(find);
}

const isImage = (given: ReportPhotos): given is ImageLike =>
  typeof given === "object" && given !== null && "data" in given && "width" in given;

/** Looks pictures up by name. @throws {OptionError} if what was given holds none */
function photoFinder(given: ReportPhotos | undefined): (name: string) => ImageLike | undefined {
  if (given === undefined) return () => undefined;
  if (typeof given !== "object" || given === null || Array.isArray(given) || isImage(given)) {
    throw new OptionError(`photos of this result are found by id: pass an object or a Map, got ${kindOf(given)}.`);
  }
  const byName = given instanceof Map ? given : new Map(Object.entries(given));
  return (name) => {
    const photo: ImageLike | undefined = byName.get(name);
    if (photo !== undefined) checkImage(photo);
    return photo;
  };
}
