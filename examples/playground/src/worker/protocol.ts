/** What the page and the worker say to each other. Everything here survives a structured clone. */
import type {
  Detection,
  Layer,
  MaximizeOptions,
  MethodName,
  Note,
  Placement,
  Prediction,
  Preprocess,
  ProjectOptions,
  Recipe,
  Target,
  TargetReport,
} from "seethrough";

/** RGBA pixels; `new ImageData(data, width, height)` takes them. */
export interface Picture {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/** A method as the library describes it. */
export interface MethodCard {
  readonly id: MethodName;
  readonly name: string;
  readonly says: string;
  /** What high and low values mean; `{target}` stands for the answer. */
  readonly high: string;
  readonly low: string;
  /** "map": needs a layer with maps, the library suggests one. "any": the input, or any layer. */
  readonly layer?: "map" | "any";
  /** Many passes: it is started by hand, unless the network is small. */
  readonly slow: boolean;
}

/** What the library offers, asked once. */
export interface Catalogue {
  readonly version: string;
  readonly methods: readonly MethodCard[];
  readonly colormaps: readonly string[];
}

/** Where a network comes from: inside the package, or a file. */
export type NetworkSource = { readonly kind: "embedded" } | { readonly kind: "files"; readonly files: readonly File[] };

export interface Settings {
  readonly preprocess?: Preprocess;
  readonly arithmetic?: "plain" | "fastest";
  readonly labels?: readonly string[];
  readonly inputShape?: readonly number[];
}

export interface LayerInfo extends Layer {
  /** It has maps larger than 1×1. */
  readonly maps: boolean;
}

export interface NetworkInfo {
  readonly name: string;
  readonly labels?: readonly string[];
  readonly inputShape: readonly number[];
  readonly classes: number;
  /** Height and width of the output where it is a map (a segmenter). */
  readonly outputMap?: { readonly height: number; readonly width: number };
  readonly layers: readonly LayerInfo[];
  readonly camLayers: readonly string[];
  readonly parameters: number;
  readonly macs: number;
  readonly findings: readonly string[];
  /** What ran: fused where the fastest was asked for and the browser fuses. */
  readonly arithmetic: "plain" | "fused";
  /** Why this network cannot look at pictures, if it cannot. */
  readonly notForImages?: string;
}

export interface OpenedImage {
  readonly picture: Picture;
  readonly width: number;
  readonly height: number;
}

/** A class that wins at some place, and the colour the map shows it in. */
export interface Winner {
  readonly index: number;
  readonly colour: readonly [red: number, green: number, blue: number];
  /** Share of the places where it wins. */
  readonly share: number;
}

export interface Answers {
  readonly predictions: readonly Prediction[];
  /** What a detector finds, best first. */
  readonly boxes?: readonly Detection[];
  /** Where the output is a map: the winning class of every place, in colours, and which class that is. */
  readonly map?: { readonly picture: Picture; readonly winners: Uint16Array; readonly present: readonly Winner[] };
  readonly milliseconds: number;
}

/** A target as the page names it; a mask is made in the worker, from the winners of the output map. */
export type AskedTarget =
  | Extract<Target, number | string | { readonly layer: string } | PlaceTarget | BoxTarget>
  | MaskTarget;

type PlaceTarget = { readonly position: unknown; readonly channel: number };

export interface BoxTarget {
  readonly detection: Detection;
}

/** All places of the output map where a class wins. */
export interface MaskTarget {
  readonly maskOf: number;
}

export interface ExplainRequest {
  readonly method: MethodName;
  readonly target: AskedTarget;
  readonly layer?: string;
  readonly nSteps?: number;
  /** Side of the occluding patch in input pixels. */
  readonly window?: number;
  readonly stride?: number;
}

export interface Explanation {
  readonly id: number;
  readonly method: string;
  readonly target: TargetReport;
  readonly layer?: string;
  readonly shape: readonly number[];
  /** The values lie on a layer's grid or at the input's pixels; false: they have no places and no picture. */
  readonly places: boolean;
  readonly signed: boolean;
  /** Which part of the picture the network saw. */
  readonly placement?: Placement;
  readonly notes: readonly Note[];
  readonly convergenceDelta?: number;
  readonly milliseconds: number;
  readonly recipe: Recipe;
}

export interface Look {
  /** "auto": the library's choice by sign. */
  readonly colormap: string;
  readonly opacity: number;
  /** Blur of pixelwise values, share of the input's side. */
  readonly smooth: number;
}

export interface UnitMap {
  readonly unit: number;
  readonly highest: number;
  readonly picture?: Picture;
}

export interface FeatureMaps {
  readonly units: readonly UnitMap[];
  readonly total: number;
}

export type MapOrder = "strongest" | "index";

export interface ProjectRequest extends Pick<ProjectOptions, "keep" | "rule"> {
  readonly layer: string;
  readonly unit: number;
}

export interface ProjectedUnit {
  readonly id: number;
  readonly map?: Picture;
  readonly projection: Picture;
  /** The part of the projection that is not zero, enlarged, and the same part of the input. */
  readonly detail?: { readonly projection: Picture; readonly input: Picture };
  readonly trace: readonly { readonly layer: string; readonly op: string; readonly picture?: Picture }[];
  readonly kept: readonly { readonly position: readonly [number, number]; readonly value: number }[];
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/** The library's own options; the picture of the page stands in for an image to start from. */
export type AscentRequest = Omit<MaximizeOptions, "signal" | "onProgress" | "target" | "start"> & {
  readonly target: AskedTarget | { readonly layer: string };
  readonly start?: "zero" | "noise" | "image";
};

export interface AscentFrame {
  readonly step: number;
  /** Steps there will be, once that is known. */
  readonly total?: number;
  readonly objective: number;
  readonly picture: Picture;
}

export interface AscentResult {
  readonly id: number;
  readonly steps: number;
  readonly milliseconds: number;
}

export interface Download {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
}
