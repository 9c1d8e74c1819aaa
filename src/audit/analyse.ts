/** What the pictures of an audit come to together. The order in which they came does not matter. */
import { lot } from "./lot";
import type {
  Audit,
  AuditedClass,
  AuditedImage,
  AuditKey,
  Confusion,
  EvidenceCluster,
  EvidencePlace,
  Suspicion,
} from "./types";

type Analysis = Pick<Audit, "accuracy" | "unknownLabels" | "confusion" | "classes" | "suspicions">;

/** Pictures of a class beyond which a sample is clustered and the others join the cluster whose mean map is nearest. */
const mostClustered = 300;
/** Ids kept of each cell of the confusion. */
const examplesKept = 8;
/** Pictures that a cluster must have to be suspected. */
const leastSuspects = 3;
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

const isRight = ({ labelIndex, predicted }: AuditedImage): boolean => labelIndex === predicted;

const share = <Name extends string>(name: Name, labelled: readonly AuditedImage[]): { [K in Name]?: number } =>
  (labelled.length > 0 ? { [name]: labelled.filter(isRight).length / labelled.length } : {}) as {
    [K in Name]?: number;
  };

function confusionOf(labelled: readonly AuditedImage[], key: AuditKey): Confusion[] {
  const cells = new Map<string, AuditedImage[]>();
  for (const image of labelled.filter((each) => !isRight(each))) {
    const cell = `${image.labelIndex} ${image.predicted}`;
    cells.set(cell, [...(cells.get(cell) ?? []), image]);
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
  const points = sample.map((image) => features.get(image) as Float64Array);
  const { clusters, eigenvalues } = spectralClusters(points, key.seed);
  const count = Math.max(...clusters) + 1;
  const groups = Array.from({ length: count }, (_, cluster) => sample.filter((__, i) => clusters[i] === cluster));
  const means = groups.map((group) => meanOf(group.map((image) => features.get(image) as Float64Array)));
  const taken = new Set(sample);
  for (const image of images) {
    if (!taken.has(image)) groups[nearest(features.get(image) as Float64Array, means)].push(image);
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
  const drawn = [...images].sort((a, b) => (lots.get(a) as number) - (lots.get(b) as number));
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
  const away = (image: AuditedImage): number => distance(features.get(image) as Float64Array, means[i]);
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

/** Standard errors that an excess must have: among dozens of clusters chance alone reaches less. */
const bound = 2.8;
/** Few pictures may agree by chance: their differences are taken to spread by this much at least. The rim says less than a mask. */
const leastDeviation = { outside: 0.15, rim: 0.22 } as const;

function suspicionsOf(classes: readonly AuditedClass[], images: readonly AuditedImage[]): Suspicion[] {
  const byId = new Map(images.map((image) => [image.id, image]));
  const found = classes.flatMap(({ index, label, clusters }) =>
    clusters.flatMap(({ images: ids }, cluster) => {
      const group = ids.map((id) => byId.get(id) as AuditedImage);
      const strongest = suspicionOf(group);
      return strongest
        ? [{ index, label, cluster, ...strongest, says: sentence(label, cluster, group, strongest) }]
        : [];
    }),
  );
  return found.sort((a, b) => b.strength - a.strength || a.index - b.index || a.cluster - b.cluster);
}

type Excess = Pick<Suspicion, "by" | "evidence" | "control" | "strength">;

/** Where the object's place is known that counts; else the rim. Undefined where the evidence is where the control's is. */
function suspicionOf(group: readonly AuditedImage[]): Excess | undefined {
  const known = group.filter(
    ({ evidence, control }) => evidence.outside !== undefined && control.outside !== undefined,
  );
  const by = known.length >= leastSuspects ? "outside" : "rim";
  const compared = by === "outside" ? known : group;
  if (compared.length < leastSuspects) return undefined;
  const evidence = compared.map((image) => image.evidence[by] as number);
  const control = compared.map((image) => image.control[by] as number);
  const excess = evidence.map((value, i) => value - control[i]);
  const deviation = Math.max(leastDeviation[by], standardDeviation(excess));
  const strength = rounded(mean(excess) - (bound * deviation) / Math.sqrt(excess.length));
  return strength > 0
    ? { by, evidence: rounded(mean(evidence)), control: rounded(mean(control)), strength }
    : undefined;
}

function sentence(
  label: string,
  cluster: number,
  group: readonly AuditedImage[],
  { by, evidence, control }: Excess,
): string {
  const percent = (value: number): string => `${Math.round(100 * value)} %`;
  const where = by === "outside" ? "outside the object" : "at the rim of the picture";
  const labelled = group.filter(({ labelIndex }) => labelIndex !== undefined);
  const right = labelled.filter(isRight).length;
  const accuracy = labelled.length > 0 ? `, ${right} of ${labelled.length} right` : "";
  return (
    `"${label}", cluster ${cluster + 1} (${group.length} pictures${accuracy}): ${percent(evidence)} of what speaks for "${label}" lies ` +
    `${where}; of the control's evidence on the same pictures ${percent(control)} does.`
  );
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
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

/** Four decimals: files stay small, and sums in another order the same. */
export const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;
