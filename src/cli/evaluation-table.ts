import type { Evaluated, Judgement } from "./evaluation";

/** A measure as a column: what it is called, the number of one map, and what the number says. */
interface Column {
  readonly title: string;
  readonly of: (judgement: Judgement) => number | undefined;
  readonly meaning: string | ((measures: ReadonlySet<Evaluated["measure"]>) => string);
  readonly shown?: (values: readonly number[]) => string;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const figures = (value: number): string => value.toFixed(2).replace("-", "−");

const verdict = (values: readonly number[]): string => `${figures(mean(values))}${mean(values) < 0.5 ? "  " : " ×"}`;

const columns: readonly Column[] = [
  {
    title: "deletion ↓",
    of: ({ deletion }) => deletion.auc,
    meaning: (measures) =>
      `the ${measures.has("score") ? (measures.size > 1 ? "target's probability or score" : "target's score") : "class's probability"} ` +
      `while pixels are taken away, the map's highest first: ${measures.has("score") ? "" : "0 to 1, "}low is good`,
  },
  {
    title: "insertion ↑",
    of: ({ insertion }) => insertion.auc,
    meaning: "the same while they are put back into a blurred picture: high is good",
  },
  {
    title: "infidelity ↓",
    of: (judgement) => judgement.infidelity,
    meaning: "error in foretelling how the score changes where squares are removed: 0 is right, 1 is worth nothing",
  },
  {
    title: "hit ↑",
    of: ({ pointingGame }) => pointingGame && Number(pointingGame.hit),
    meaning: "images whose map is highest on the object",
    shown: (values) => `${values.reduce((a, b) => a + b, 0)}/${values.length}`,
  },
  {
    title: "energy ↑",
    of: ({ energyPointingGame }) => energyPointingGame?.energy,
    meaning: "share of the map that lies on the object",
  },
  {
    title: "sensitivity ↓",
    of: ({ maxSensitivity }) => maxSensitivity,
    meaning: "relative change of the map when no input value changes by more than 0.02: 0 is steady",
  },
  {
    title: "sparseness",
    of: (judgement) => judgement.sparseness,
    meaning: "0 if everything is marked alike, near 1 if a few values are: a property, no merit",
  },
  {
    title: "another class ↓",
    of: ({ randomLogit }) => randomLogit?.similarity,
    meaning: "likeness to the maps of three other classes: from 0.5 on the method fails (×)",
    shown: verdict,
  },
  {
    title: "random weights ↓",
    of: ({ randomization }) => randomization?.similarity,
    meaning: "likeness to the map of the network with its last layer shuffled: from 0.5 on the method fails (×)",
    shown: verdict,
  },
];

/** Means over the images as a table that explains itself. */
export function evaluationText(heading: string, images: readonly Evaluated[], objects: number): string {
  const shown = columns.filter(({ of }) =>
    images.some(({ methods }) => methods.some((judgement) => of(judgement) !== undefined)),
  );
  const row = (name: string, judgements: readonly Judgement[]): string[] => [
    name,
    ...shown.map(({ of, shown: show = (values) => figures(mean(values)) }) => {
      const values = judgements.map(of).filter((value) => value !== undefined);
      return values.length > 0 ? show(values) : "";
    }),
  ];
  const rows = (of: (image: Evaluated) => readonly Judgement[], prefix = ""): string[][] => {
    const all = images.flatMap(of);
    return [...new Set(all.map(({ name }) => name))].map((name) =>
      row(
        prefix + name,
        all.filter((judgement) => judgement.name === name),
      ),
    );
  };
  const table = [
    ["", ...shown.map(({ title }) => title)],
    ...rows(({ methods }) => methods),
    ...rows(({ controls }) => controls, "control: "),
  ];
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  const lines = table.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );
  const measures = new Set(images.map(({ measure }) => measure));
  const legend = shown.map(
    ({ title, meaning }) => `${title.padEnd(17)} ${typeof meaning === "string" ? meaning : meaning(measures)}`,
  );
  return [heading, "", ...lines, "", ...legend, ...chanceLine(images, objects), "", closing, ""].join("\n");
}

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

const closing =
  "The controls know nothing of the network: random numbers, the picture's edges, its centre. Where a method is no better than\n" +
  "they are, its number is no sign that it found what the network used. A method that fails in the last columns shows the picture.";
