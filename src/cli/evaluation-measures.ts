/** What is measured of each map, and its means over images. */
import { bootstrapInterval, type MeanInterval } from "../index";
import type { Evaluated, Judgement } from "./evaluation";

/** What a measure is about. */
export type MeasureGroup = "network" | "object" | "map";

/** A measure: its name in files, what it is called as a column, the number of one map, and what the number says. */
export interface MeasureColumn {
  readonly key: string;
  readonly group: MeasureGroup;
  readonly title: string;
  readonly of: (judgement: Judgement) => number | undefined;
  readonly meaning: string | ((measures: ReadonlySet<Evaluated["measure"]>) => string);
  /** Counted, of so many images, or with a mark where it fails; else the mean. */
  readonly shown?: "count" | "verdict";
}

const confidence = (measures: ReadonlySet<Evaluated["measure"]>): string =>
  measures.has("score")
    ? measures.size > 1
      ? "target's probability or score"
      : "target's score"
    : "class's probability";

export const measureColumns: readonly MeasureColumn[] = [
  {
    key: "deletion",
    group: "network",
    title: "deletion ↓",
    of: ({ deletion }) => deletion.auc,
    meaning: (measures) =>
      `the ${confidence(measures)} while pixels are taken away, the map's highest first: ` +
      `${measures.has("score") ? "" : "0 to 1, "}low is good`,
  },
  {
    key: "insertion",
    group: "network",
    title: "insertion ↑",
    of: ({ insertion }) => insertion.auc,
    meaning: "the same while they are put back into a blurred picture: high is good",
  },
  {
    key: "road",
    group: "network",
    title: "ROAD ↑",
    of: (judgement) => judgement.road.combined,
    meaning: (measures) =>
      "(it without the map's lowest pixels − without its highest) / 2, the gaps filled from around: " +
      `0 says nothing${measures.has("score") ? "" : ", 0.5 is best"}`,
  },
  {
    key: "infidelity",
    group: "network",
    title: "infidelity ↓",
    of: (judgement) => judgement.infidelity,
    meaning: "error in foretelling how the score changes where squares are removed: 0 is right, 1 is worth nothing",
  },
  {
    key: "averageDrop",
    group: "network",
    title: "drop ↓",
    of: (judgement) => judgement.averageDrop,
    meaning: (measures) => `share of the ${confidence(measures)} that is lost where only what the map marks is shown`,
  },
  {
    key: "increaseInConfidence",
    group: "network",
    title: "increase ↑",
    of: (judgement) => judgement.increaseInConfidence,
    meaning: "images of which the network is surer then",
    shown: "count",
  },
  {
    key: "adcc",
    group: "network",
    title: "ADCC ↑",
    of: (judgement) => judgement.adcc?.adcc,
    meaning: "drops little, marks little, and is found again in what it leaves, in one number: 0 to 1, made for areas",
  },
  {
    key: "hit",
    group: "object",
    title: "hit ↑",
    of: ({ pointingGame }) => pointingGame && Number(pointingGame.hit),
    meaning: "images whose map is highest on the object",
    shown: "count",
  },
  {
    key: "energy",
    group: "object",
    title: "energy ↑",
    of: ({ energyPointingGame }) => energyPointingGame?.energy,
    meaning: "share of the map that lies on the object",
  },
  {
    key: "sensitivity",
    group: "map",
    title: "sensitivity ↓",
    of: ({ maxSensitivity }) => maxSensitivity,
    meaning: "relative change of the map when no input value changes by more than 0.02: 0 is steady",
  },
  {
    key: "sparseness",
    group: "map",
    title: "sparseness",
    of: (judgement) => judgement.sparseness,
    meaning: "0 if everything is marked alike, near 1 if a few values are: a property, no merit",
  },
  {
    key: "anotherClass",
    group: "map",
    title: "another class ↓",
    of: ({ randomLogit }) => randomLogit?.similarity,
    meaning: "likeness to the maps of three other classes: from 0.5 on the method fails (×)",
    shown: "verdict",
  },
  {
    key: "randomWeights",
    group: "map",
    title: "random weights ↓",
    of: ({ randomization }) => randomization?.similarity,
    meaning: "likeness to the map of the network with its last layer shuffled: from 0.5 on the method fails (×)",
    shown: "verdict",
  },
];

/** A measure's mean over those images that have it; the interval, where there are several, holds 95 % of resampled means. */
export interface MeasureMean extends Partial<Pick<MeanInterval, "low" | "high">> {
  readonly mean: number;
  readonly images: number;
}

/** The means of one method, or one control. */
export interface MethodMeans {
  readonly name: string;
  readonly control: boolean;
  /** By the measures' keys. */
  readonly means: Readonly<Record<string, MeasureMean>>;
}

/** @param seed  of the resampling */
export function meansOf(images: readonly Evaluated[], seed: number): readonly MethodMeans[] {
  const rows = (of: (image: Evaluated) => readonly Judgement[], control: boolean): MethodMeans[] => {
    const all = images.flatMap(of);
    return [...new Set(all.map(({ name }) => name))].map((name) => {
      const own = all.filter((judgement) => judgement.name === name);
      const means = measureColumns.flatMap((column) => {
        const values = own.map(column.of).filter((value) => value !== undefined);
        return values.length > 0 ? [[column.key, meanOf(values, seed)] as const] : [];
      });
      return { name, control, means: Object.fromEntries(means) };
    });
  };
  return [...rows(({ methods }) => methods, false), ...rows(({ controls }) => controls, true)];
}

const meanOf = (values: readonly number[], seed: number): MeasureMean => ({
  ...(values.length > 1 ? bootstrapInterval(values, { seed }) : { mean: values[0] }),
  images: values.length,
});
