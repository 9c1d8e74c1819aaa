import type { Rectangle } from "../image/resize";

/** One image at one unit. */
export interface Hit {
  /** The image's id. */
  readonly id: string;
  /** What the images were ranked by. */
  readonly score: number;
  /** Row and column of the unit's maximum in the layer's grid. */
  readonly position: readonly [y: number, x: number];
  /** Of a layer of tokens the place on the picture's grid; absent where the token stands at none, like a class token. */
  readonly place?: readonly [y: number, x: number];
  /** What the unit sees at that place, in whole pixels of the image (of the tensor, if one was given). */
  readonly crop: Rectangle;
}

/** What one unit found. */
export interface UnitHits {
  readonly unit: number;
  /** The best images, best first. */
  readonly top: readonly Hit[];
  /** A random sample of all images, the same ones for every unit, in a random order that depends on their ids alone. */
  readonly sample: readonly Hit[];
}

/** How far one stream of images has come. */
export interface ShardProgress {
  /** Images taken from the beginning of the stream, failed ones included. */
  readonly images: number;
  readonly failed: number;
  /** The id of the last one. */
  readonly last: string;
}

/** What was asked: parts of one search agree in all of it. */
export interface SearchKey {
  /** Hash of the model file, `sha256:…`. */
  readonly modelHash: string;
  /** 'low' rounds weights, so its scores differ. */
  readonly memory: "fast" | "low";
  /** Fused sums round otherwise; absent where they are plain. */
  readonly arithmetic?: "fused";
  readonly inputShape: readonly number[];
  readonly preprocess: Readonly<Record<string, unknown>>;
  /** Node name of the layer. */
  readonly layer: string;
  readonly units: readonly number[];
  readonly top: number;
  readonly sample: number;
  readonly seed: number;
  readonly score: "max" | "mean";
  readonly by: "activation" | "relevance";
  /** What relevance speaks for; absent where activations were ranked. */
  readonly target?: unknown;
}

/**
 * The result of a search over some images, and at the same time a partial result over more: plain JSON data that
 * `mergeTopActivations` joins with others and `topActivations` continues.
 */
export interface TopActivations {
  readonly format: typeof searchFormat;
  readonly search: SearchKey;
  /** Images searched, without failed ones: the sum over all shards. */
  readonly images: number;
  readonly shards: Readonly<Record<string, ShardProgress>>;
  /** Images that could not be searched: the first hundred by id. */
  readonly failures: readonly { readonly id: string; readonly message: string }[];
  /** By rising unit. */
  readonly units: readonly UnitHits[];
}

export const searchFormat = "seethrough/top-activations/1";
