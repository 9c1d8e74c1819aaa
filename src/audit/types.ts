import type { NetworkKey } from "./network-key";

/** One picture of an audit: what the network said, and where the evidence lay. Plain data. */
export interface AuditedImage {
  readonly id: string;
  /** Of what the picture was made from, as it was given; absent where none was. */
  readonly digest?: string;
  /** As it was given; absent where none was. */
  readonly label?: string | number;
  /** The class that the label is, by its number; absent where it is none of the network's. */
  readonly labelIndex?: number;
  /** The class that the network named, and whose evidence the map is. */
  readonly predicted: number;
  readonly probability: number;
  readonly score: number;
  /** The map, made as small as `audit.grid` says, row-major, the magnitudes summing to 1. */
  readonly map: readonly number[];
  readonly evidence: EvidencePlace;
  /** The same of the control. */
  readonly control: EvidencePlace;
}

/** Where what speaks for a class lies, in shares of it: 0 to 1. */
export interface EvidencePlace {
  /** In the outer sixth of the picture on each side. */
  readonly rim: number;
  /** Outside the object, where its place is known. */
  readonly outside?: number;
  /** What lies outside the object, in each of 6×6 fields of the picture, row by row. */
  readonly fields?: readonly number[];
}

/** What was asked: parts of one audit agree in all of it. */
export interface AuditKey extends NetworkKey {
  readonly classes: number;
  readonly method: string;
  /** Absent where the method chose. */
  readonly layer?: string;
  /** Rows and columns of the small maps. */
  readonly grid: number;
  /** `class`: the next class of the same picture; `weights`: the same network with its last layer shuffled; else another network's hash. */
  readonly control: string;
  readonly seed: number;
}

/** How often pictures of a label were given a class. */
export interface Confusion {
  readonly label: string;
  readonly predicted: string;
  readonly count: number;
  /** Some of them, the most certain first. */
  readonly examples: readonly string[];
}

/** Pictures of one predicted class whose evidence lies alike. */
export interface EvidenceCluster {
  /** Ids, those most like the mean map first. */
  readonly images: readonly string[];
  readonly size: number;
  /** Share of those with a label that the network got right; absent where none has one. */
  readonly accuracy?: number;
  /** How often each label occurs. */
  readonly labels: Readonly<Record<string, number>>;
  /** Mean of the small maps, row-major. */
  readonly meanMap: readonly number[];
  /** Means over the pictures. */
  readonly evidence: EvidencePlace;
  readonly control: EvidencePlace;
  /** How far the maps lie from those of the class's other clusters, in their own spread (Fisher); absent of a single cluster. */
  readonly distance?: number;
}

/** The pictures that the network gave one class. */
export interface AuditedClass {
  readonly index: number;
  readonly label: string;
  readonly size: number;
  /** Share of labelled pictures of this prediction that are right. */
  readonly precision?: number;
  /** Share of pictures with this label that got it. */
  readonly recall?: number;
  /** Eigenvalues of the normalised Laplacian from the least on: the largest gap says how many clusters there are. */
  readonly eigenvalues: readonly number[];
  readonly clusters: readonly EvidenceCluster[];
  /**
   * Present where the class has more pictures than are clustered: so many were drawn, clusters and outliers found among them, and the
   * others joined the cluster whose mean map is nearest.
   */
  readonly sampled?: number;
  /** Ids of pictures whose map is like no other of the class. */
  readonly outliers: readonly string[];
}

/** A cluster whose evidence lies where the control's does not. */
export interface Suspicion {
  /** Number and name of the predicted class. */
  readonly index: number;
  readonly label: string;
  /** Which of its clusters. */
  readonly cluster: number;
  /**
   * What was compared: evidence outside the object, the part of it that lies at one place of all pictures, as a mark in a corner does,
   * or, where the object's place is not known, evidence at the rim of the picture.
   */
  readonly by: "outside" | "place" | "rim";
  /** Of one place: its fields, of the picture's 6×6 counted row by row from 0. */
  readonly fields?: readonly number[];
  /** Mean shares of the evidence there. */
  readonly evidence: number;
  readonly control: number;
  /** By how much the mean excess over the control is larger than 2.8 of its standard errors: what suspicions are ranked by. */
  readonly strength: number;
  /** The same as a sentence. */
  readonly says: string;
}

/** The result of an audit over some pictures, and at the same time a part of one over more: plain JSON. */
export interface Audit {
  readonly format: typeof auditFormat;
  readonly audit: AuditKey;
  /** By rising id. */
  readonly images: readonly AuditedImage[];
  /** Pictures that could not be audited. */
  readonly failures: readonly { readonly id: string; readonly message: string }[];
  /** Share of labelled pictures that are right; absent where none has a label of the network's. */
  readonly accuracy?: number;
  /** Labels that are no class of the network: their pictures count neither as right nor as wrong. */
  readonly unknownLabels: readonly string[];
  /** The most frequent first, right answers left out. */
  readonly confusion: readonly Confusion[];
  /** By rising index. */
  readonly classes: readonly AuditedClass[];
  /** Clusters whose evidence exceeds the control, the strongest first. */
  readonly suspicions: readonly Suspicion[];
}

/** Rows and columns of the fields in which evidence outside the object is counted. */
export const fieldRows = 6;

export const auditFormat = "seethrough/audit/1";
