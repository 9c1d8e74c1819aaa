import type { ImageLike } from "../image/image";
import type { Note } from "../notes";
import type { Tensor } from "../tensor";
import type { Arithmetic } from "../wasm/instantiate";
import type { Intervention } from "./intervention";
import type { Input, ModelInput } from "./network-inputs";

export {
  firstNotFinite,
  type Input,
  isNamed,
  isTensor,
  type ModelInput,
  type NamedInputs,
} from "./network-inputs";

/** One node of the network. */
export interface Layer {
  /** Node name; methods accept it and the name of the node's output tensor. */
  readonly name: string;
  readonly op: string;
  /** Shape of the first output: `[1, H, W, C]`, other ranks as the file says. */
  readonly shape: readonly number[];
  readonly parameters: number;
  /** Multiply–accumulates of one sample. */
  readonly macs: number;
}

export interface Prediction {
  readonly index: number;
  readonly label?: string;
  /** The logit: the network's output before a trailing softmax or sigmoid. */
  readonly score: number;
  /** Softmax of all scores, or the sigmoid of this one where the network ends in a sigmoid. */
  readonly probability: number;
}

export interface RunResult {
  /** The network's output as the file defines it. */
  readonly output: Tensor;
  /** The captured values, by the names they were asked for. */
  readonly activations: Map<string, Tensor>;
}

/** A loaded network. It owns wasm memory until `dispose`. */
export interface Model {
  readonly name: string;
  readonly labels?: readonly string[];
  /** Name and shape of the (first) input, `[1, H, W, C]`. */
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  /** Every input, in the file's order, but for those with a fixed value. */
  readonly inputs: readonly ModelInput[];
  /** Name and shape of what is explained: the first output, seen through a trailing softmax or sigmoid. */
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  /** What was assumed or found when the file was read, and bears on every answer. */
  readonly notes: readonly Note[];
  /** How its kernels sum: what `arithmetic` of `loadModel` asked for, or what 'fastest' chose. */
  readonly arithmetic: Arithmetic;
  /** How many threads compute one pass, the caller's included; 1 where the host has no more (`notes` say why). */
  readonly threads: number;
  /** Every node in execution order. */
  readonly layers: readonly Layer[];
  /**
   * Classifies an input.
   *
   * @param input  a picture or a Tensor; of a network with several inputs all of them by name, `{ a: tensor, b: image }`
   * @param options.top  how many classes to return, best first; default 5
   * @param options.intervene  activations to overwrite on the way, see `run`
   * @param options.signal  gives the pass up, between two parts of a layer
   * @throws {InputError} if the image is empty or has values that are not finite, or one of several inputs is missing or unknown
   * @throws {ShapeError} if a tensor does not have the input's shape
   */
  predict(
    input: Input,
    options?: {
      readonly top?: number;
      readonly intervene?: readonly Intervention[];
      readonly signal?: AbortSignal;
    },
  ): Promise<Prediction[]>;
  /**
   * Runs the network.
   *
   * @param options.capture  names of layers (or of their output tensors) whose activations to return
   * @param options.intervene  activations to overwrite on the way, in the order given: what would the network compute if
   *   these units were silent, or loud? Captured activations are those after the intervention
   * @param options.signal  gives the pass up, between two parts of a layer
   * @throws {LayerError} if a captured or overwritten layer is unknown
   * @throws {OptionError} if an intervention names units or places the layer does not have
   * @example
   * const { output } = await model.run(latent, { intervene: [{ layer: "relu3", units: 5 }] });
   */
  run(
    input: Input,
    options?: {
      readonly capture?: readonly string[];
      readonly intervene?: readonly Intervention[];
      readonly signal?: AbortSignal;
    },
  ): Promise<RunResult>;
  /**
   * What the network is given for a picture: cropped, scaled and normalised as the file or `preprocess` says. `toImage` makes a
   * picture of it again.
   *
   * @param options.input  the name of the input; default: the first that takes pictures
   * @returns `[1, H, W, C]`, of the input's shape
   * @throws {InputError} if the picture is empty; {ShapeError} if the network's input is no picture; {OptionError} if it has no such input
   * @example
   * const seen = toImage(classifier, classifier.preprocess(photo)); // the part of the photograph that counts, at the input's size
   */
  preprocess(image: ImageLike, options?: { readonly input?: string }): Tensor;
  /** Gives the memory back. The model cannot be used afterwards. */
  dispose(): void;
  [Symbol.dispose](): void;
}
