import { checkOptions, oneOf, show } from "../checks";
import { OptionError } from "../errors";
import type { Preprocess } from "../image/preprocess-options";
import { type Limits, limitsOf } from "../limits";
import type { Arithmetic } from "../wasm/instantiate";
import type { ModelConfig } from "./hugging-face";
import type { Labels } from "./labels";
import { checkInputOptions, checkPreprocess, type InputOptions } from "./read-inputs";
import type { FileSource } from "./source";

/** Where the kernels come from: a compiled module, its bytes, or something that can be fetched or read. */
export type WasmSource = WebAssembly.Module | FileSource;

/** Both kinds of kernels, for `arithmetic: 'fastest'`: which of them runs is decided when the model is loaded. */
export interface KernelFiles {
  /** `seethrough/kernels.wasm`; default: those the entry carries. */
  readonly plain?: WasmSource;
  /** `seethrough/kernels-fused.wasm`; default: those the entry carries. */
  readonly fused?: WasmSource;
}

export interface LoadOptions {
  /**
   * Class names by index: a list, the lines of a text file, or `{ "0": "cat", … }`; default: those in the file's metadata, if
   * any. Two names of one score are its negative's and its own. Their number tells which axis holds the classes where a
   * softmax does not.
   */
  readonly labels?: Labels;
  /** The axis of the output that holds the classes, in the file's order of axes; default: as the file or the labels tell. */
  readonly classAxis?: number;
  /**
   * How images become the network's input. What is not given here is as the file's metadata says, else range [0, 1].
   * Tensors are passed as they are.
   */
  readonly preprocess?: Preprocess;
  /**
   * The contents of Hugging Face's `config.json` and `preprocessor_config.json`: `{ config, preprocessor }`, or the fields of
   * both in one object. Class names, size, range, mean and std are read from it; the other options stand above it. Default: the files of
   * these names beside the model, if there are any.
   */
  readonly config?: ModelConfig;
  /** The graph output or the layer to explain; default: the first output, seen through a trailing softmax or sigmoid. */
  readonly output?: string;
  /**
   * Fixes the first input's shape where the file leaves it open, in its order of axes (ONNX `[1, C, H, W]`, TensorFlow.js
   * `[1, H, W, C]`); default: as its metadata says. `inputs` says the others'.
   */
  readonly inputShape?: readonly number[];
  /**
   * What is known of each input, by its name in the file: its shape, how pictures become it, or a value that it always has. An input
   * with a value becomes a constant of the network; the others are what methods explain.
   */
  readonly inputs?: Readonly<Record<string, InputOptions>>;
  /**
   * 'fast' (default) keeps repacked weights in memory; 'low' keeps weights as float16, repacks each layer's for every call
   * and does not keep the file: slower, a fraction of the memory, and less exact by the rounding of the weights.
   */
  readonly memory?: "fast" | "low";
  /**
   * How the integers of a quantised network are read: 'deployed' (default), values are rounded to the grids that the integers stand for, as
   * on the device; 'float', as the real numbers that they stand for.
   */
  readonly quantized?: "deployed" | "float";
  /**
   * How products are summed. 'plain' (default): rounded twice, the same bits on every host. 'fused': rounded once, by an instruction of
   * relaxed SIMD, a tenth to a quarter faster; the same bits on every host that fuses, which differ from plain ones by rounding; other hosts
   * are refused. 'fastest': fused where the host fuses, else plain, with a note. `model.arithmetic` and every recipe say which it was.
   */
  readonly arithmetic?: Arithmetic | "fastest";
  /**
   * How many threads compute one pass, the caller's included: 1 (default) to 256. More than one takes a host with memory that threads
   * share: Node, Deno, Bun, pages that are cross-origin isolated; elsewhere one thread runs, and a note says why. The bits are the same.
   * `model.threads` says how many there are, `dispose` ends them.
   */
  readonly threads?: number;
  /** Address of the threads' script, `dist/kernel-thread.js`; default: beside this module, where bundlers put it too. */
  readonly threadScript?: string | URL;
  /** Upper limit of wasm memory in bytes; default 4 GiB, what wasm can address. */
  readonly maxMemory?: number;
  /** What the file may ask for; default: `defaultLimits`, those in bytes lowered by `maxMemory`. */
  readonly limits?: Partial<Limits>;
  /**
   * Other hosts that the model's files may lie at, as origins: `["https://cdn.example.com"]`. Default: none. What a model names
   * (weights, configurations, class names) is fetched from the model's own origin, in its folder or below, and redirects
   * lead nowhere else either; the model itself may be redirected, its address being the caller's.
   */
  readonly allowOrigins?: readonly string[];
  /**
   * false: bytes that are handed over are not copied, which saves their memory, and must not be changed or transferred as long
   * as the model lives. Default true, with `memory: 'low'` false until
   * the model is loaded, which keeps none of them then. Bytes that are shared among threads are copied always.
   */
  readonly copy?: boolean;
  /**
   * The kernels: `seethrough/kernels.wasm`, with fused arithmetic `seethrough/kernels-fused.wasm`, or both as `{ plain, fused }`;
   * default: those the entry carries.
   */
  readonly wasm?: WasmSource | KernelFiles;
  /** Gives the loading up: the file is not read further, and nothing is made of it. */
  readonly signal?: AbortSignal;
}

/** The options that the whole of loading depends on, checked. */
export interface Settings {
  readonly maxMemory: number;
  readonly limits: Limits;
  readonly mode: "fast" | "low";
  readonly quantized: "deployed" | "float";
}

/** The compiler refuses this where an option is missing. */
const loadOptions: Readonly<Record<keyof LoadOptions, true>> = {
  labels: true,
  config: true,
  classAxis: true,
  preprocess: true,
  output: true,
  inputShape: true,
  inputs: true,
  memory: true,
  quantized: true,
  arithmetic: true,
  threads: true,
  threadScript: true,
  maxMemory: true,
  limits: true,
  allowOrigins: true,
  copy: true,
  wasm: true,
  signal: true,
};

const wasmLimit = 65536 * 65536;

/** @throws {OptionError} if there is no such option, or one is out of range */
export function checkedOptions(options: LoadOptions): Settings {
  checkOptions("loadModel", options, Object.keys(loadOptions));
  checkPreprocess("preprocess", options.preprocess);
  const maxMemory = checkLimit(options.maxMemory);
  const limits = limitsOf(options.limits, maxMemory);
  const mode = oneOf("memory", options.memory ?? "fast", ["fast", "low"]);
  const quantized = oneOf("quantized", options.quantized ?? "deployed", ["deployed", "float"]);
  oneOf("arithmetic", options.arithmetic ?? "plain", ["plain", "fused", "fastest"]);
  checkInputOptions(options);
  return { maxMemory, limits, mode, quantized };
}

function checkLimit(maxMemory = wasmLimit): number {
  if (!(typeof maxMemory === "number" && maxMemory > 0))
    throw new OptionError(`maxMemory must be a positive number of bytes, got ${show(maxMemory)}.`);
  return Math.min(maxMemory, wasmLimit);
}
