/** A box that a detector found, and how its head is read: plain data, which survives JSON and the way to another thread. */
import type { Placement } from "../image/placement";
import type { Rectangle } from "../image/resize";

/** How four or more numbers of a candidate are a box. */
export type BoxDecoding =
  | "center"
  | "corners"
  | "corners-top-first"
  | "yolo"
  | "yolo-v3"
  | "yolo-v8"
  | "yolox"
  | "nanodet"
  | "fastest-det"
  | "ssd"
  | "retina-face"
  | "blaze-face"
  | "centernet";

/** Where the key points of a candidate are. */
export interface KeypointChannels {
  /** The output with them; default: that of the boxes. */
  readonly output?: string;
  /** The first channel. */
  readonly at: number;
  readonly count: number;
  /** Numbers of each: 2, x and y, or 3, with a probability behind them. */
  readonly numbers: 2 | 3;
}

/** How the instance masks of the candidates are made: each is the sigmoid of Σ coefficient · prototype. */
export interface MaskOption {
  /** The output with the coefficients; default: that of the boxes. */
  readonly output?: string;
  /** The first channel; there are as many as prototypes. */
  readonly at: number;
  /** The output with the prototypes, maps `[1, K, h, w]` over the network's input. */
  readonly prototypes: string;
}

/** How boxes are picked among the candidates. */
export interface SelectionOption {
  /** True: every class of a candidate is a box of its own; default: its best class alone. */
  readonly everyClass?: boolean;
  /** The overlap above which doubles are suppressed, unless `detect` is asked for another; default 0.45. */
  readonly iou?: number;
  /** The score that must be exceeded, whatever the threshold; default: none. */
  readonly score?: number;
  /** How many boxes are kept at most, and of each class; default: as many as there are. */
  readonly top?: number;
  readonly perClass?: number;
  /** True: a better box of another class suppresses too. */
  readonly acrossClasses?: boolean;
}

/** A point that a detector found, in pixels of the picture. */
export interface Keypoint {
  readonly x: number;
  readonly y: number;
  /** The probability that it is seen, where the network says it. */
  readonly score?: number;
}

/**
 * How an output is read as boxes and scores. `detect` finds this by itself for the usual heads; of others the caller says it, all
 * of it or what differs.
 */
export interface DetectorHeadOption {
  /**
   * The output with the boxes. Several: of 'yolo' the maps of all scales, the largest first; of 'yolo-v8' the same, the maps of one
   * scale one behind the other; of 'centernet' the offsets and the sizes.
   */
  readonly boxes: string | readonly string[];
  /** The output with the scores; default: that of the boxes. */
  readonly scores?: string;
  /** Where the candidates are: 'rows' `[1, N, C]` (default), 'columns' `[1, C, N]`, 'map' `[1, C, h, w]`. */
  readonly layout?: "rows" | "columns" | "map";
  /** The same of the output with the scores; default: `layout`. */
  readonly scoresLayout?: "rows" | "columns" | "map";
  /**
   * What the numbers of a box are: 'center' x, y, width, height (default); 'corners' left, top, right, bottom; 'corners-top-first' top,
   * left, bottom, right; or still to be decoded,
   * as 'yolo' (v5 and v7), 'yolo-v3', 'yolo-v8' (distributions over distances, up to `classAt`), 'yolox', 'nanodet', 'fastest-det', 'centernet', 'blaze-face', or 'ssd' and 'retina-face' (offsets from
   * priors) do it.
   */
  readonly decode?: BoxDecoding;
  /** Of 'center', 'corners' and 'corners-top-first': pixels of the network's input (default), or shares of its sides. */
  readonly units?: "pixels" | "relative";
  /** The first channel of the box; default 0. */
  readonly boxAt?: number;
  /** The channel of a score that says whether anything is there, by which those of the classes are multiplied; default: none. */
  readonly objectness?: number;
  /** The first channel of the classes; default: after the box and the objectness, or 0 in an output of their own. */
  readonly classAt?: number;
  /** How many classes there are, a background among them; default: all channels from `classAt`. */
  readonly classes?: number;
  /** Which of the classes is nothing; default: none of them. */
  readonly background?: "first" | "last";
  /** What makes probabilities of the scores; default 'none': they are probabilities. */
  readonly activation?: "none" | "sigmoid" | "softmax";
  /** The channel with the number of the class, where each candidate has one score alone; `classAt` is that score. */
  readonly classNumber?: number;
  /** True where the network suppressed doubles itself. */
  readonly suppressed?: boolean;
  /** How boxes are picked where the file says it: found of files that do it behind their layers. */
  readonly selection?: SelectionOption;
  /** Exponents of the objectness and of the class's score in their product; default [1, 1]. */
  readonly powers?: readonly [objectness: number, score: number];
  /** Pixels between the places of each map, in the order of the candidates. Of 'yolox' and 'nanodet'; of 'ssd' with `sizes`. */
  readonly strides?: readonly number[];
  /** Of 'ssd': the sides of the square priors at each place, per map, in pixels. */
  readonly sizes?: readonly (readonly number[])[];
  /** Of 'yolo': width and height in pixels of the priors at each place, for each map from the largest on: `[[10, 13, 16, 30, …], …]`. */
  readonly anchors?: readonly (readonly number[])[];
  /** Where the key points of each candidate are, where there are any. */
  readonly keypoints?: KeypointChannels;
  /** Where the instance masks are, where there are any. */
  readonly masks?: MaskOption;
  /** Of 'ssd': what offsets of centre and of size are multiplied by; default [0.1, 0.2]. */
  readonly variances?: readonly [centre: number, size: number];
}

/** How probably each place belongs to what was found, where its box is. */
export interface InstanceMask {
  /** Row-major, height × width, 0 to 1. */
  readonly data: Float32Array;
  /** Places of the network's prototypes in the box. */
  readonly width: number;
  readonly height: number;
  /** The part of the picture that they cover, in its pixels. */
  readonly region: Rectangle;
}

/** A box, what is in it, and how to ask for its evidence: `{ target: { detection } }`. */
export interface Detection {
  /** In pixels of the picture, fractions and all; it may reach beyond. Of a Tensor, in pixels of the network's input. */
  readonly box: Rectangle;
  /** The class. */
  readonly index: number;
  readonly label?: string;
  /** Probability, objectness × class where the head has both. */
  readonly score: number;
  /** The key points of a pose or a face, in the network's order. */
  readonly keypoints?: readonly Keypoint[];
  /** Which pixels it is, where `detect` is asked for masks. */
  readonly mask?: InstanceMask;
  /** Which of the head's candidates it is. */
  readonly anchor: number;
  /** What the head was recognised as; 'said' where the caller said how to read it. */
  readonly family: string;
  readonly head: DetectorHeadOption;
  /** How the picture became the network's input; absent of a Tensor. */
  readonly placement?: Placement;
}

/**
 * What of a detection is explained: its score, one of its edges, the place of a key point; or its instance mask, the sum of the mask's scores
 * before the sigmoid over all places in the box.
 */
export type DetectionPart =
  | "score"
  | "mask"
  | "left"
  | "top"
  | "right"
  | "bottom"
  | { readonly keypoint: number; readonly axis: "x" | "y" };
