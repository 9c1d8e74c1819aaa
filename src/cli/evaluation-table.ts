import type { Evaluated } from "./evaluation";
import {
  type MeasureColumn,
  type MeasureGroup,
  type MeasureMean,
  type MethodMeans,
  measureColumns,
} from "./evaluation-measures";

/** Two decimals, and no sign where they are zero. */
const figures = (value: number): string => (Math.round(100 * value) / 100 || 0).toFixed(2).replace("-", "−");

const questions: Readonly<Record<MeasureGroup, string>> = {
  network: "what the network needs",
  object: "where the object is",
  map: "the map itself",
};

function shown({ shown: how }: MeasureColumn, { mean, images }: MeasureMean): string {
  if (how === "count") return `${Math.round(mean * images)}/${images}`;
  return how === "verdict" ? `${figures(mean)}${mean < 0.5 ? "  " : " ×"}` : figures(mean);
}

function interval({ shown: how }: MeasureColumn, { low, high }: MeasureMean): string {
  if (low === undefined || high === undefined) return "";
  return `${figures(low)}…${figures(high)}${how === "verdict" ? "  " : ""}`;
}

/** The means of the measures that answer one question. */
export interface QuestionTable {
  readonly question: string;
  readonly titles: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly means: readonly string[];
    /** Where 95 % of resampled means lie; empty of a single image. */
    readonly intervals: readonly string[];
  }[];
  /** What each column says. */
  readonly meanings: readonly (readonly [title: string, meaning: string])[];
  /** What chance comes to. */
  readonly chance?: string;
}

interface Means {
  readonly means: readonly MethodMeans[];
  /** Images with a mask. */
  readonly objects: number;
}

/** Means over the images, a table for each question. */
export function questionTables(images: readonly Evaluated[], { means, objects }: Means): readonly QuestionTable[] {
  const measured = measureColumns.filter(({ key }) => means.some((each) => !each.control && key in each.means));
  const measures = new Set(images.map(({ measure }) => measure));
  return (Object.keys(questions) as MeasureGroup[]).flatMap((group) => {
    const columns = measured.filter((column) => column.group === group);
    if (columns.length === 0) return [];
    const rows = means.flatMap((each) => {
      const cells = (of: (column: MeasureColumn, mean: MeasureMean) => string): string[] =>
        columns.map((column) => (column.key in each.means ? of(column, each.means[column.key]) : ""));
      const [line, intervals] = [cells(shown), cells(interval)];
      if (line.every((cell) => cell === "")) return [];
      return [{ name: each.control ? `control: ${each.name}` : each.name, means: line, intervals }];
    });
    const chance = group === "object" ? chanceOf(images, objects) : undefined;
    return [
      {
        ...{ question: questions[group], titles: columns.map(({ title }) => title), rows },
        meanings: columns.map(
          ({ title, meaning }) => [title, typeof meaning === "string" ? meaning : meaning(measures)] as const,
        ),
        ...(chance !== undefined && { chance }),
      },
    ];
  });
}

/** Means over the images as tables that explain themselves: one for each question, with an interval below each mean of several images. */
export function evaluationText(heading: string, images: readonly Evaluated[], found: Means): string {
  const groups = questionTables(images, found);
  const names = found.means.map(({ name, control }) => (control ? `control: ${name}` : name));
  const first = Math.max(...[...names, ...Object.values(questions)].map(({ length }) => length));
  const tables = groups.flatMap(({ question, titles, rows }) => {
    const lines = rows.flatMap(({ name, means, intervals }) => [
      [name, ...means],
      ...(intervals.some((cell) => cell !== "") ? [["", ...intervals]] : []),
    ]);
    return [...aligned([[question, ...titles], ...lines], first), ""];
  });
  const legend = groups.flatMap(({ meanings, chance }) => [
    ...meanings.map(([title, meaning]) => `${title.padEnd(17)} ${meaning}`),
    ...(chance === undefined ? [] : [`${" ".repeat(17)} ${chance}`]),
  ]);
  const sure = surenessOf(found.means, "Below each mean");
  return [heading, "", ...tables, ...legend, "", ...(sure === undefined ? [] : [sure]), closing, ""].join("\n");
}

function aligned(table: readonly (readonly string[])[], first: number): string[] {
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  return table.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(first) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function chanceOf(images: readonly Evaluated[], objects: number): string | undefined {
  const games = images.flatMap(({ controls }) => controls.filter(({ name }) => name === "random"));
  const chance = games.flatMap(({ pointingGame }) => pointingGame?.chance ?? []);
  const area = games.flatMap(({ energyPointingGame }) => energyPointingGame?.area ?? []);
  if (chance.length === 0) return undefined;
  const among = objects < images.length ? ` (${objects} of the images have a mask)` : "";
  return `by chance: a hit on ${Math.round(100 * mean(chance))} % of the images, energy ${figures(mean(area))}${among}`;
}

/** Below how many images percentile intervals are known to be too narrow. */
const few = 20;

/** What the intervals say. @param where  they stand */
export function surenessOf(means: readonly MethodMeans[], where: string): string | undefined {
  const counts = means.flatMap((each) => Object.values(each.means).map(({ images }) => images));
  const most = Math.max(...counts);
  if (most < 2) return undefined;
  const narrow = most < few ? `\nOf fewer than ${few} images that is too narrow.` : "";
  return `${where}: where 95 % of the means lie of as many images drawn from these again (bootstrap).${narrow}`;
}

/** How the controls are to be read. */
export const closing =
  "The controls know nothing of the network: random numbers, the picture's edges, its centre. Where a method is no better than\n" +
  "they are, its number is no sign that it found what the network used. A method that fails (×) shows the picture.";
