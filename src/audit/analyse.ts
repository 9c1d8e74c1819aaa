/** What the pictures of an audit come to together. The order in which they came does not matter. */

import { entryOf } from "../guard";
import { mean, standardDeviation } from "../trust/mean-and-deviation";
import { lot } from "./lot";
import { rounded } from "./rounded";
import { isRight, suspicionsOf } from "./suspicions";
import type { Audit, AuditedClass, AuditedImage, AuditKey, Confusion, EvidenceCluster, EvidencePlace } from "./types";

type Analysis = Pick<Audit, "accuracy" | "unknownLabels" | "confusion" | "classes" | "suspicions">;

/** Pictures of a class beyond which a sample is clustered and the others join the cluster whose mean map is nearest. */
const mostClustered = 300;
/** Ids kept of each cell of the confusion. */
const examplesKept = 8;
/** The place of a map counts for less than its profile: animals stand anywhere, a lawn is everywhere. */
const placeWeight = 0.5;
/** Outliers lie so many standard deviations farther from their neighbours than the class does on average. */
const outlierDeviations = 3;

/** @param images  by rising id */
export async function analyse(images: readonly AuditedImage[], key: AuditKey): Promise<Analysis> {
  const labelled = images.filter(({ labelIndex }) => labelIndex !== undefined);
  const unknown = images.filter(({ label, labelIndex }) => label !== undefined && labelIndex === undefined);
  const classes: AuditedClass[] = [];
  for (const index of [...new Set(images.map(({ predicted }) => predicted))].sort((a, b) => a - b)) {
    classes.push(await classOf(index, images, key));
  }
  return {
    ...share("accuracy", labelled),
    unknownLabels: [...new Set(unknown.map(({ label }) => String(label)))].sort(),
    confusion: confusionOf(labelled, key),
    classes,
    suspicions: suspicionsOf(classes, images),
  };
}

const nameOf = (index: number, { labels }: Pick<AuditKey, "labels">): string => labels?.[index] ?? `class ${index}`;

const share = <Name extends string>(name: Name, labelled: readonly AuditedImage[]): { [K in Name]?: number } =>
  (labelled.length > 0 ? { [name]: labelled.filter(isRight).length / labelled.length } : {}) as {
    [K in Name]?: number;
  };

function confusionOf(labelled: readonly AuditedImage[], key: AuditKey): Confusion[] {
  const cells = new Map<string, AuditedImage[]>();
  for (const image of labelled.filter((each) => !isRight(each))) {
    const cell = `${image.labelIndex} ${image.predicted}`;
    const known = cells.get(cell);
    if (known) known.push(image);
    else cells.set(cell, [image]);
  }
  return [...cells.values()]
    .sort((a, b) => b.length - a.length)
    .map((cell) => ({
      label: nameOf(cell[0].labelIndex as number, key),
      predicted: nameOf(cell[0].predicted, key),
      count: cell.length,
      examples: [...cell]
        .sort((a, b) => b.probability - a.probability)
        .slice(0, examplesKept)
        .map(({ id }) => id),
    }));
}

async function classOf(index: number, all: readonly AuditedImage[], key: AuditKey): Promise<AuditedClass> {
  const images = all.filter(({ predicted }) => predicted === index);
  const labelled = images.filter(({ labelIndex }) => labelIndex !== undefined);
  const features = new Map(images.map((image) => [image, featuresOf(image.map)]));
  const sample = images.length > mostClustered ? sampled(images, key.seed) : images;
  const { spectralClusters } = await import("./spectral-clusters");
  const points = sample.map((image) => entryOf(features, image));
  const { clusters, eigenvalues } = spectralClusters(points, key.seed);
  const count = Math.max(...clusters) + 1;
  const groups = Array.from({ length: count }, (_, cluster) => sample.filter((__, i) => clusters[i] === cluster));
  const means = groups.map((group) => meanOf(group.map((image) => entryOf(features, image))));
  const taken = new Set(sample);
  for (const image of images) {
    if (!taken.has(image)) groups[nearest(entryOf(features, image), means)].push(image);
  }
  return {
    index,
    label: nameOf(index, key),
    size: images.length,
    ...share("precision", labelled),
    ...share(
      "recall",
      all.filter(({ labelIndex }) => labelIndex === index),
    ),
    eigenvalues: eigenvalues.map(rounded),
    clusters: groups.map((group, i) => clusterOf(group, i, means, features, key)),
    ...(sample.length < images.length && { sampled: sample.length }),
    outliers: outliersOf(sample, points),
  };
}

/** A map and its values in falling order, both of length 1: where the evidence lies, and how much it spreads, wherever that is. */
function featuresOf(map: readonly number[]): Float64Array {
  const length = Math.hypot(...map) || 1;
  const profile = [...map].sort((a, b) => b - a);
  return Float64Array.from([...map.map((value) => placeWeight * value), ...profile], (value) => value / length);
}

/** Always the same pictures of a set, whatever their order. */
function sampled(images: readonly AuditedImage[], seed: number): AuditedImage[] {
  const lots = new Map(images.map((image) => [image, lot(`${seed} ${image.id}`)]));
  const drawn = [...images].sort((a, b) => entryOf(lots, a) - entryOf(lots, b));
  const chosen = new Set(drawn.slice(0, mostClustered));
  return images.filter((image) => chosen.has(image));
}

function clusterOf(
  group: readonly AuditedImage[],
  i: number,
  means: readonly Float64Array[],
  features: ReadonlyMap<AuditedImage, Float64Array>,
  key: AuditKey,
): EvidenceCluster {
  const labelled = group.filter(({ labelIndex }) => labelIndex !== undefined);
  const labels: Record<string, number> = Object.create(null);
  for (const { labelIndex, label } of group) {
    if (label === undefined) continue;
    const name = labelIndex === undefined ? String(label) : nameOf(labelIndex, key);
    labels[name] = (labels[name] ?? 0) + 1;
  }
  const away = (image: AuditedImage): number => distance(entryOf(features, image), means[i]);
  const spread = mean(group.map((image) => away(image) ** 2));
  const others = means.filter((_, j) => j !== i).map((other) => distance(other, means[i]));
  return {
    images: [...group].sort((a, b) => away(a) - away(b) || (a.id < b.id ? -1 : 1)).map(({ id }) => id),
    size: group.length,
    ...share("accuracy", labelled),
    labels: { ...labels },
    meanMap: Array.from(meanOf(group.map(({ map }) => map)), rounded),
    evidence: meanPlace(group.map(({ evidence }) => evidence)),
    control: meanPlace(group.map(({ control }) => control)),
    ...(others.length > 0 && { distance: rounded(Math.min(...others) / (Math.sqrt(spread) || 1e-9)) }),
  };
}

function meanPlace(places: readonly EvidencePlace[]): EvidencePlace {
  const outside = places.flatMap((place) => place.outside ?? []);
  return {
    rim: rounded(mean(places.map(({ rim }) => rim))),
    ...(outside.length > 0 && { outside: rounded(mean(outside)) }),
  };
}

/** Distances to the nearest neighbours tell who is alone. */
function outliersOf(images: readonly AuditedImage[], points: readonly Float64Array[]): string[] {
  const neighbours = 3;
  if (images.length <= 2 * neighbours) return [];
  const alone = points.map((point, i) => {
    const others = Float64Array.from(
      points.filter((_, j) => j !== i),
      (other) => distance(point, other),
    ).sort();
    return mean([...others.subarray(0, neighbours)]);
  });
  const [middle, deviation] = [mean(alone), standardDeviation(alone)];
  return images
    .map(({ id }, i) => ({ id, away: alone[i] }))
    .filter(({ away }) => away > middle + outlierDeviations * deviation)
    .sort((a, b) => b.away - a.away)
    .map(({ id }) => id);
}

function meanOf(rows: readonly ArrayLike<number>[]): Float64Array {
  const sum = new Float64Array(rows[0].length);
  for (const row of rows) for (let i = 0; i < sum.length; i++) sum[i] += row[i] / rows.length;
  return sum;
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum);
};

const nearest = (point: Float64Array, means: readonly Float64Array[]): number =>
  means.reduce((best, each, i) => (distance(point, each) < distance(point, means[best]) ? i : best), 0);
