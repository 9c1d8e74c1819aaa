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

/** Means over the images as tables that explain themselves: one for each question, with an interval below each mean of several images. */
export function evaluationText(
  heading: string,
  images: readonly Evaluated[],
  { means, objects }: { readonly means: readonly MethodMeans[]; readonly objects: number },
): string {
  const measured = measureColumns.filter(({ key }) => means.some((each) => !each.control && key in each.means));
  const names = means.map(({ name, control }) => (control ? `control: ${name}` : name));
  const first = Math.max(...[...names, ...Object.values(questions)].map(({ length }) => length));
  const groups = (Object.keys(questions) as MeasureGroup[]).flatMap((group) => {
    const columns = measured.filter((column) => column.group === group);
    return columns.length > 0 ? [{ group, columns }] : [];
  });
  const tables = groups.flatMap(({ group, columns }) => {
    const header = [questions[group], ...columns.map(({ title }) => title)];
    const rows = means.flatMap((each, i) => {
      const cells = (of: (column: MeasureColumn, mean: MeasureMean) => string): string[] =>
        columns.map((column) => (column.key in each.means ? of(column, each.means[column.key]) : ""));
      const [line, below] = [cells(shown), cells(interval)];
      if (line.every((cell) => cell === "")) return [];
      return [[names[i], ...line], ...(below.some((cell) => cell !== "") ? [["", ...below]] : [])];
    });
    return [...aligned([header, ...rows], first), ""];
  });
  const measures = new Set(images.map(({ measure }) => measure));
  const legend = groups.flatMap(({ group, columns }) => [
    ...columns.map(
      ({ title, meaning }) => `${title.padEnd(17)} ${typeof meaning === "string" ? meaning : meaning(measures)}`,
    ),
    ...(group === "object" ? chanceLine(images, objects) : []),
  ]);
  return [heading, "", ...tables, ...legend, "", ...sureness(means), closing, ""].join("\n");
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

function chanceLine(images: readonly Evaluated[], objects: number): string[] {
  const games = images.flatMap(({ controls }) => controls.filter(({ name }) => name === "random"));
  const chance = games.flatMap(({ pointingGame }) => pointingGame?.chance ?? []);
  const area = games.flatMap(({ energyPointingGame }) => energyPointingGame?.area ?? []);
  if (chance.length === 0) return [];
  const among = objects < images.length ? ` (${objects} of the images have a mask)` : "";
  return [
    `${" ".repeat(17)} by chance: a hit on ${Math.round(100 * mean(chance))} % of the images, energy ${figures(mean(area))}${among}`,
  ];
}

/** Below how many images percentile intervals are known to be too narrow. */
const few = 20;

function sureness(means: readonly MethodMeans[]): string[] {
  const counts = means.flatMap((each) => Object.values(each.means).map(({ images }) => images));
  const most = Math.max(...counts);
  if (most < 2) return [];
  const narrow = most < few ? `\nOf fewer than ${few} images that is too narrow.` : "";
  return [
    `Below each mean: where 95 % of the means lie of as many images drawn from these again (bootstrap).${narrow}`,
  ];
}

const closing =
  "The controls know nothing of the network: random numbers, the picture's edges, its centre. Where a method is no better than\n" +
  "they are, its number is no sign that it found what the network used. A method that fails (×) shows the picture.";
