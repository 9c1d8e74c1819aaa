import type { ImageLike } from "../image/image";
import type { Placement } from "../image/placement";
import type { TargetReport } from "../model/score";
import type { Target } from "../model/target";
import type { Note } from "../notes";
import type { Tensor } from "../tensor";
import type { OverlayOptions } from "../view/overlay";
import type { Arithmetic } from "../wasm/instantiate";

/** What every method accepts. */
export interface ExplainOptions {
  /** What to explain; default: the class with the highest score. */
  readonly target?: Target;
  /**
   * Stops a long method between two passes, and its waiting for functions of the caller; the model stays usable. A single pass is
   * not interrupted: methods of one pass (saliency, Grad-CAM, …) look at it before they begin. A worker or a pool keeps the
   * caller's thread free meanwhile.
   */
  readonly signal?: AbortSignal;
  /** Called after each group of passes of a method that runs more than one. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Seed of everything random; default 0. */
  readonly seed?: number;
}

/** Gradient methods can stop at a layer instead of going down to the input. */
export interface LayerOptions {
  /** Attribute to the output of this layer; default: to the network's input. */
  readonly layer?: string;
}

/** Enough to repeat an explanation bit for bit. */
export interface Recipe {
  /** Version of this package. */
  readonly version: string;
  /** Hash of the model file, `sha256:…`. */
  readonly modelHash: string;
  /** How the model's kernels summed: load it with this to get the same bits. Absent for a black box. */
  readonly arithmetic?: Arithmetic;
  /** Present where a quantised file was read as real numbers: load it with this to get the same bits. */
  readonly quantized?: "float";
  readonly method: string;
  /** The options as they were used, tensors as shape and hash. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
}

/** How far an answer had come. */
export interface Refinement {
  /** Passes made, of all. */
  readonly done: number;
  readonly total: number;
  /**
   * Estimated distance to what all passes will give, as a share of it: ‖answer − last‖₂ / ‖last‖₂. Absent of the first answer,
   * which there is nothing to compare with, and of Score-CAM and Ablation-CAM, whose next map may weigh anything.
   */
  readonly error?: number;
}

/** The result of an attribution method. */
export interface Attribution {
  readonly method: string;
  readonly target: TargetReport;
  /**
   * Raw and signed, of the first input. Input methods: `[1, H, W, C]`, of a signal `[1, C, L]`; CAM family: `[1, h, w, 1]` at the layer's own grid,
   * of several layers `[1, H, W, 1]` (a signal is one row high).
   */
  readonly values: Tensor;
  /**
   * The values of every input, by its name. Of a network with one input not enumerable: they are `values`. A map of a layer stands at
   * the inputs that the layer sees; `heatmap`, `overlay` and the others take `input`, the name of the one to show.
   */
  readonly byInput: Readonly<Record<string, Tensor>>;
  /** Of the network's input; of several the first that takes pictures. */
  readonly inputSize: { readonly width: number; readonly height: number; readonly depth?: number };
  /** Of every input in `byInput`, where there are several. */
  readonly inputSizes?: Readonly<Record<string, Attribution["inputSize"]>>;
  /**
   * How the picture that was explained became the network's input: `overlay`, `boundingBox` and `segment` find the way back by
   * it. Absent where a Tensor was explained.
   */
  readonly placement?: Placement;
  /** The same of every input that was given a picture, where there are several. */
  readonly placements?: Readonly<Record<string, Placement>>;
  /** The layer the values belong to, where they do not belong to the input. */
  readonly layer?: string;
  /** The layer of each input's map, where no layer was asked for and there are several inputs. */
  readonly layerByInput?: Readonly<Record<string, string>>;
  /** The layers whose maps were joined at the input's size, where there were several. */
  readonly layers?: readonly string[];
  /** Completeness error, Σ values − (s(x) − s(baseline)), where the method promises completeness. */
  readonly convergenceDelta?: number;
  /** How far the answer had come, where it came before all passes of the method were made. */
  readonly refinement?: Refinement;
  /** Known limits and findings that apply to this result. */
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
  /**
   * The overlay on the photograph as the address of a PNG, `data:image/png;base64,…`, which an `<img>` takes. Not enumerable:
   * JSON, a spread and a structured clone leave it out.
   *
   * @throws what `overlay` throws
   */
  toDataURL(photo: ImageLike, options?: OverlayOptions): Promise<string>;
}
