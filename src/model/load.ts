import { checkBag, checkOptions, messageOf, oneOf, show, throwIfAborted } from "../checks";
import { refusedUses } from "../compile/build-operations";
import { channelsFirstInput } from "../compile/channels-first-input";
import { combineOperators } from "../compile/combine-operators";
import { combineSoftmax } from "../compile/combine-softmax";
import { fixInputs } from "../compile/fix-inputs";
import { halveWeights } from "../compile/halve-weights";
import { joinInputs, placedInputs } from "../compile/join-inputs";
import { joinOutputs } from "../compile/join-outputs";
import { ownScaling } from "../compile/own-scaling";
import { removeDeadNodes } from "../compile/remove-dead-nodes";
import { removeNoOps } from "../compile/remove-no-ops";
import { specialise } from "../compile/specialise";
import { trainingDropouts } from "../compile/training-dropouts";
import { runConstantNodes } from "../engine/constant-nodes";
import { checkMemory } from "../engine/plan";
import { ModelError, OptionError, SeethroughError } from "../errors";
import type { Graph, StaticGraph } from "../graph/ir";
import { guardedAsync, unlessAborted } from "../guard";
import { saysNormalisation } from "../image/normalisation";
import type { Preprocess } from "../image/preprocess-options";
import { type Limits, limitsOf, withinLimit } from "../limits";
import { suggest } from "../nearest";
import { joinNotes, type Note, note } from "../notes";
import { MissingFilesError, wayOut, weightsLieIn } from "../onnx/external-data";
import { readOnnx } from "../onnx/reader";
import { computesQuantised } from "../operators/quantised-names";
import { hearing } from "../turns";
import {
  type Arithmetic,
  compileKernels,
  fusedFile,
  hasFusedKernels,
  instantiateKernels,
  isModule,
} from "../wasm/instantiate";
import { KernelMemory } from "../wasm/memory";
import type { ChosenKernels } from "./fused-kernels";
import { hashBytes } from "./hash";
import type { ModelConfig } from "./hugging-face";
import { integerRange, wholePixels } from "./integer-pixels";
import { type Labels, readLabels } from "./labels";
import { LoadedModel } from "./loaded-model";
import { type Metadata, readMetadata } from "./metadata";
import type { Model } from "./model";
import { keptValues } from "./model-parts";
import { type NetworkInput, pictureInput } from "./network-inputs";
import { checkWeights } from "./not-finite";
import {
  askedShapes,
  checkInputNames,
  checkInputOptions,
  checkPreprocess,
  fixedInputs,
  type InputOptions,
  pictureChannels,
  preprocessOf,
} from "./read-inputs";
import { readOutput } from "./read-output";
import { type FileSource, type ModelSource, readSource } from "./source";
import type { SourceFile } from "./source-file";

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

const wasmLimit = 65536 * 65536;

/** What an entry of the package brings along. */
export interface Packaged {
  /** The kernels, compiled once. */
  readonly kernels: () => Promise<WebAssembly.Module>;
  /** Those with fused arithmetic, fetched or decoded when they are asked for; absent where an entry carries none. */
  readonly fused?: () => Promise<WebAssembly.Module>;
  /** The network that is loaded where none is given. */
  readonly defaultModel: () => Promise<SourceFile>;
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
  maxMemory: true,
  limits: true,
  allowOrigins: true,
  copy: true,
  wasm: true,
  signal: true,
};

/** `loadModel` of an entry. */
export async function loadWith(packaged: Packaged, source?: ModelSource, options: LoadOptions = {}): Promise<Model> {
  return guardedAsync("loadModel", () => load(packaged, source, options));
}

async function load(packaged: Packaged, source: ModelSource | undefined, options: LoadOptions): Promise<Model> {
  checkBag("loadModel", options, []);
  const { signal } = options;
  throwIfAborted(signal);
  const kernels = kernelsOf(packaged, options);
  // The host compiles in threads of its own while the file is read; a mistake in the file is reported first.
  kernels.catch(() => {});
  const reading =
    source === undefined
      ? packaged.defaultModel()
      : readSource(source, "model", { ...options, copy: options.copy ?? options.memory !== "low" });
  return openModel(await (signal ? unlessAborted(reading, signal) : reading), options, kernels);
}

/**
 * The compiled kernels that a call names, or those of the entry.
 *
 * @throws {UnsupportedRuntimeError} if they are to fuse, and this host does not
 * @throws {OptionError} if those that are named are of the other kind
 */
export async function kernelsOf(
  { kernels, fused }: Pick<Packaged, "kernels" | "fused">,
  { wasm, arithmetic }: Pick<LoadOptions, "wasm" | "arithmetic">,
): Promise<ChosenKernels> {
  const both = hasBoth(wasm) ? wasm : undefined;
  const named = both ? undefined : (wasm as WasmSource | undefined);
  const plain = both?.plain === undefined ? kernels : compiling(both.plain);
  if (arithmetic === "fused" || arithmetic === "fastest") {
    const { chooseKernels } = await import("./fused-kernels");
    const sources = {
      plain,
      fused: both?.fused === undefined ? fused : compiling(both.fused, fusedFile),
      ...(named !== undefined && { named: compiling(named, fusedFile) }),
    };
    return chooseKernels(sources, arithmetic);
  }
  const module = await (named === undefined ? plain : compiling(named))();
  if (wasm !== undefined && hasFusedKernels(module)) {
    throw new OptionError(
      "The option wasm has the kernels with fused arithmetic: pass { arithmetic: 'fused' } with them.",
    );
  }
  return { module, arithmetic: "plain" };
}

/** Whether kernels are named by their kinds. */
export const hasBoth = (wasm: LoadOptions["wasm"]): wasm is KernelFiles =>
  typeof wasm === "object" && wasm !== null && ("plain" in wasm || "fused" in wasm);

const compiling = (source: WasmSource, file?: string) => async (): Promise<WebAssembly.Module> =>
  compileKernels(isModule(source) ? source : (await readSource(source, "kernels")).bytes, file);

/**
 * Makes a model of a file.
 *
 * @param chosen  the compiled kernels; those of another model may be used again
 */
export async function openModel(
  source: SourceFile,
  options: LoadOptions,
  chosen: ChosenKernels | Promise<ChosenKernels>,
): Promise<Model> {
  checkOptions("loadModel", options, Object.keys(loadOptions));
  const hear = hearing(options.signal);
  checkPreprocess("preprocess", options.preprocess);
  const maxMemory = checkLimit(options.maxMemory);
  const limits = limitsOf(options.limits, maxMemory);
  const mode = oneOf("memory", options.memory ?? "fast", ["fast", "low"]);
  oneOf("quantized", options.quantized ?? "deployed", ["deployed", "float"]);
  oneOf("arithmetic", options.arithmetic ?? "plain", ["plain", "fused", "fastest"]);
  checkInputOptions(options);
  const {
    graph: written,
    name,
    pieces,
    inputIsFinal,
    fileOrder,
    notes: found = [],
  } = await readGraph(source, options, limits);
  await hear();
  checkInputNames(written, options);
  // Whatever is assumed on the way is collected here.
  const notes: Note[] = [...found];
  const cut = options.output === undefined ? await withoutSelection(written, notes) : undefined;
  const whole = cut?.graph ?? written;
  const said = await withConfig(readMetadata(whole), whole, source, options, limits, notes);
  const asking = { file: whole, options, metadata: said, fileOrder, isFinal: inputIsFinal };
  const constants = fixedInputs(asking);
  const file = fixInputs(whole, constants);
  const integers = file.inputs[0]?.integers;
  let ownPixels = false;
  const metadata = {
    ...said,
    preprocess: wholePixels(said.preprocess, integers, () => {
      ownPixels = true;
    }),
  };
  const result = resultName(file, options.output);
  withinLimit(limits, "nodes", file.nodes.length, "The network has too many nodes");
  // Dead nodes go first: an unsupported head does not matter if an earlier layer is explained.
  const live = keepingInput(file, removeDeadNodes(file, [result]));
  const usual = options.inputShape ?? usualShape(live, metadata);
  const shapes = inputIsFinal ? new Map() : askedShapes(live, options, usual);
  // Whoever loads networks of floats only never loads what reads others.
  const isQuantised = whole.nodes.some(({ op }) => computesQuantised(op));
  const quantized = options.quantized ?? "deployed";
  const rewriting = isQuantised
    ? (await import("../compile/quantised/quantisation")).quantisation(quantized)
    : undefined;
  if (isQuantised) notes.push(note("quantised", quantized, ""));
  const settled = async (part: Graph, results: readonly string[]): Promise<StaticGraph> =>
    runConstantNodes(
      // What is not read by anybody is an output too, while constants are folded: the result may turn out to be one.
      specialise(
        { ...part, outputs: [...new Set([...part.outputs, ...results])] },
        shapes,
        refusedUses,
        limits,
        rewriting,
      ),
      async () => instantiateKernels((await chosen).module),
      maxMemory,
      limits,
    );
  const specialised = await settled(live, [result]);
  await hear();
  const dropouts = trainingDropouts(live, specialised);
  if (dropouts.length > 0) notes.push(note("dropout-inference", dropoutNames(dropouts)));
  const isConstant = specialised.constants.has(result);
  if (isConstant) notes.push(note("constant-output", result));
  const simplified = (part: StaticGraph): StaticGraph => {
    const fixed = combineSoftmax(removeNoOps(part));
    return inputIsFinal ? fixed : channelsFirstInput(fixed);
  };
  const alone = simplified(isConstant ? specialised : { ...specialised, outputs: live.outputs });
  const saysRange = (options.preprocess?.range ?? metadata.preprocess?.range) !== undefined;
  const scaled = saysRange || integers !== undefined ? undefined : ownScaling(alone);
  if (scaled !== undefined) notes.push(note("own-scaling", scaled));
  const names = options.labels === undefined ? metadata.labels : readLabels(options.labels, "labels", limits);
  const read = (from: StaticGraph) =>
    readOutput({
      graph: from,
      result: from.aliases.get(result) ?? result,
      name: result,
      asked: options.output !== undefined,
      isOutput: file.outputs.includes(result),
      ...(names && { labels: names }),
      labelsOfFile: options.labels === undefined,
      classAxis: options.classAxis,
      fileOrder,
      others: () => otherOutputs(file, result, shapes, rewriting),
    });
  const first = await read(alone);
  // The boxes of a detector are often in an output of their own, and are what its scores are about.
  const beside =
    first.reading.detector || cut ? otherOutputs(file, result, shapes, rewriting).map(({ name: other }) => other) : [];
  const together = await jointly(beside, async () => {
    const part = keepingInput(file, removeDeadNodes(file, [result, ...beside]));
    return simplified({ ...(await settled(part, [result])), outputs: part.outputs });
  });
  const graph = together ?? alone;
  const { reading, notes: outputNotes } = together ? await read(together) : first;
  const resolved = graph.aliases.get(result) ?? result;
  const outputs = [result, ...(together ? beside : [])]
    .map((each) => ({ name: each, value: graph.aliases.get(each) ?? each }))
    .filter(({ value }) => value === resolved || !graph.constants.has(value));
  notes.push(...outputNotes);
  const readTogether = together ? joinOutputs(graph, [...new Set(outputs.map(({ value }) => value))]) : graph;
  // Two copies of the weights, one folded, are what low memory cannot afford.
  const low = mode === "low";
  const full = low ? halveWeights(readTogether) : readTogether;
  await hear();
  await checkWeights(full, hear);
  const inputs = placedInputs(graph).map((input, i): NetworkInput => {
    const own = graph.inputs[i];
    const preprocess = preprocessOf(graph, own, metadata, options);
    return { ...input, preprocess, ...(own.integers !== undefined && { integers: own.integers }) };
  });
  const pictures = inputs.filter(({ shape }) => pictureChannels(shape) !== undefined);
  for (const { name: ofWhole, shape, integers: type } of inputs) {
    if (type === undefined) continue;
    if (pictureChannels(shape) === undefined || type === "bool") notes.push(note("integer-data", ofWhole, type));
    else if (!saysRange || ownPixels) {
      notes.push(note("integer-input", type, integerRange(type).join(" to "), ownPixels ? "files" : "nobody"));
    }
  }
  // The note of a network that scales its own input says the same, and more.
  if (scaled === undefined && pictures.some(({ preprocess }) => !saysNormalisation(preprocess)))
    notes.push(note("normalisation-assumed"));
  const folded = low ? full : combineOperators(readTogether, keptValues({ outputs, explained: reading.explained }));

  await hear();
  const { module, arithmetic, reason } = await chosen;
  if (reason !== undefined) notes.push(note("plain-arithmetic", reason));
  const kernels = await instantiateKernels(module);
  const memory = new KernelMemory(kernels, maxMemory);
  // In low memory the file is not kept, so its hash is taken now.
  let digest: Promise<string> | undefined = low ? Promise.resolve(await hashBytes(...pieces)) : undefined;
  const kept = low ? [] : pieces;
  const model = new LoadedModel({
    name,
    ...reading,
    inputs,
    preprocess: pictureInput(inputs, undefined).preprocess,
    notes: joinNotes(notes),
    graph: joinInputs(full),
    folded: folded === full ? undefined : joinInputs(folded),
    result: resolved,
    outputs,
    ...(cut && { selection: cut.selection }),
    fileOrder: fileOrder(reading.explained, (graph.shapes.get(reading.explained) ?? []).length),
    ...(notes.some(({ code }) => code === "quantised") && {
      quantised: {
        reading: quantized,
        ...(quantized === "float" &&
          !low && { other: once(() => openModel(source, asDeployed(options), { module, arithmetic })) }),
      },
    }),
    hash: () => {
      digest ??= hashBytes(...kept);
      return digest;
    },
    mode,
    module,
    arithmetic,
    kernels,
    memory,
  });
  if (reading.detector) model.heads = await import("./heads/heads");
  const forward = model.session.plan(model.fast, { batch: 1, start: model.fast.input, keep: [resolved] });
  const { weights, arena } = model.session.cost(model.fast, forward);
  checkMemory(memory, weights, arena, `The model "${model.name}"`);
  await hear();
  return model;
}

/** The other reading of a quantised file: nobody waits for it who could give it up. */
const asDeployed = ({ signal: _, ...options }: LoadOptions): LoadOptions => ({ ...options, quantized: "deployed" });

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The graph of several outputs; undefined where there are none, or one of them cannot be computed: the first is no worse for that. */
async function jointly(names: readonly string[], make: () => Promise<StaticGraph>): Promise<StaticGraph | undefined> {
  if (names.length === 0) return undefined;
  try {
    return await make();
  } catch (error) {
    if (error instanceof SeethroughError) return undefined;
    throw error;
  }
}

/** Operators that a detector's file may pick by; what there is to do about them is loaded with a file that has one. */
const picks = /TopK$|NonMaxSuppression$|NMS\w*_TRT$|^Arg(Max|Min)$/;

/** A file that picks among candidates behind its layers, without what picks. */
async function withoutSelection(file: Graph, notes: Note[]) {
  if (!file.nodes.some(({ op }) => picks.test(op))) return undefined;
  const { cutSelection } = await import("../compile/cut-selection");
  const cut = cutSelection(file);
  if (!cut) return undefined;
  const { ops, before, selection, graph } = cut;
  const { iou, score } = selection.rule;
  const rule = [
    ...(iou === undefined ? [] : [`an overlap above ${shortly(iou)}`]),
    ...(score === undefined ? [] : [`a score up to ${shortly(score)}`]),
  ].join(" or ");
  notes.push(
    note(
      "post-processing-cut",
      `${ops.join(", ")} (from "${before}" on)`,
      graph.outputs.join('", "'),
      rule === "" ? "" : ` What is left out there by ${rule}, detect leaves out too.`,
    ),
  );
  return cut;
}

const shortly = (value: number): string => String(Number(value.toPrecision(4)));

/** A result that needs no input, a constant, is still that of a network with an input. */
const keepingInput = (file: Graph, live: Graph): Graph =>
  live.inputs.length === 0 ? { ...live, inputs: file.inputs.slice(0, 1) } : live;

const dropoutNames = (names: readonly string[]): string => {
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return `Dropout ${shown.join(", ")}${more}`;
};

/**
 * What the file says of its use, and what a configuration of Hugging Face says: the option above the file, files beside the
 * model below it.
 */
async function withConfig(
  own: Metadata,
  graph: Graph,
  { bytes, sibling, above }: SourceFile,
  { config, labels, preprocess }: LoadOptions,
  limits: Limits,
  notes: Note[],
): Promise<Metadata> {
  if (config !== undefined) {
    const { readConfigOption } = await import("./hugging-face");
    const said = readConfigOption(config);
    return { ...own, ...said, inputShape: configuredShape(graph, said) ?? own.inputShape };
  }
  const isSettled = (labels ?? own.labels) !== undefined && (preprocess ?? own.preprocess) !== undefined;
  if (!sibling || isSettled || beginsLikeJson(bytes)) return own;
  const { readConfigBeside } = await import("./hugging-face");
  const { said, refused } = await readConfigBeside(sibling, above, limits);
  if (refused !== undefined) notes.push(note("config-refused", refused));
  const used = [
    ...(said.labels && !(labels ?? own.labels) ? ["the names of the classes"] : []),
    ...(said.preprocess && !(preprocess ?? own.preprocess) ? ["how pixels become numbers"] : []),
  ];
  if (used.length > 0) notes.push(note("config-beside", used.join(" and ")));
  return {
    labels: own.labels ?? said.labels,
    preprocess: own.preprocess ?? said.preprocess,
    inputShape: own.inputShape ?? configuredShape(graph, said),
  };
}

/** The picture's size in a configuration as the shape of the network's input, where the file leaves that open. */
function configuredShape(
  { inputs: [input] }: Graph,
  { size, channels = 3 }: { readonly size?: readonly [number, number]; readonly channels?: number },
): readonly number[] | undefined {
  if (!size || input?.shape.length !== 4) return undefined;
  const last = input.shape[3];
  const isChannelsLast = typeof last === "number" && last <= 4 && typeof input.shape[1] !== "number";
  const proposed = isChannelsLast ? [1, ...size, last] : [1, channels, ...size];
  return input.shape.map((extent, axis) => (typeof extent === "number" && axis > 0 ? extent : proposed[axis]));
}

/** A network as its files have it, what to call it, and the bytes it was made of. */
interface FileGraph {
  readonly graph: Graph;
  readonly name: string;
  readonly pieces: readonly Uint8Array[];
  /** True where the input has the shape and the order of axes that it is to have. */
  readonly inputIsFinal: boolean;
  /** The axes of a value in the order in which the file writes them. */
  readonly fileOrder: (value: string, rank: number) => readonly number[];
  /** What was found while it was read. */
  readonly notes?: readonly Note[];
}

const asWritten = (_: string, rank: number): number[] => Array.from({ length: rank }, (__, axis) => axis);

/** The sign of TensorFlow Lite's files, behind their first offset. */
const isTensorflowLite = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(4, 8)) === "TFL3";

async function readGraph(
  source: SourceFile,
  { inputs, inputShape, quantized, signal }: LoadOptions,
  limits: Limits,
): Promise<FileGraph> {
  const { bytes, name } = source;
  const shapes = (name: string, position: number): readonly number[] | undefined =>
    (inputs && Object.hasOwn(inputs, name) ? inputs[name].inputShape : undefined) ??
    (position === 0 ? inputShape : undefined);
  // Whoever loads ONNX files only never loads what reads others.
  if (isTensorflowLite(bytes)) {
    const { readTensorflowLite } = await import("../tflite/lite-reader");
    const { graph, ...found } = readTensorflowLite(bytes, shapes, limits, quantized);
    return { graph, name: name ?? graph.name, pieces: [bytes], inputIsFinal: true, ...found };
  }
  if (!beginsLikeJson(bytes)) {
    const { graph, pieces } = await readOnnxFiles(source, limits, signal);
    return { graph, name: name ?? graph.name, pieces, inputIsFinal: false, fileOrder: asWritten };
  }
  const { readTensorflowJs } = await import("../tfjs/reader");
  const { graph, pieces, fileOrder } = await readTensorflowJs(source, shapes, limits);
  return { graph, name: graph.name || (name ?? ""), pieces, inputIsFinal: true, fileOrder };
}

/** An ONNX file, and the files beside it that it keeps weights in, in the order in which it names them. */
async function readOnnxFiles(
  { bytes, sibling }: SourceFile,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<{ readonly graph: Graph; readonly pieces: readonly Uint8Array[] }> {
  try {
    return { graph: readOnnx(bytes, undefined, undefined, limits), pieces: [bytes] };
  } catch (error) {
    if (!(error instanceof MissingFilesError)) throw await named(bytes, error);
    if (!sibling) throw error;
    const { files } = error;
    const read = async (file: string): Promise<Uint8Array> => {
      try {
        return await sibling(file);
      } catch (reason) {
        throwIfAborted(signal);
        throw new ModelError(`${weightsLieIn(files)}. ${messageOf(reason)} ${wayOut(files)}`);
      }
    };
    const pieces = await Promise.all(files.map(read));
    const beside = new Map(files.map((file, i) => [file, pieces[i]] as const));
    return { graph: readOnnx(bytes, undefined, beside, limits), pieces: [bytes, ...pieces] };
  }
}

/** Why bytes are no ONNX file: a file of another kind is called by its name. Loaded for a file that could not be read. */
async function named(bytes: Uint8Array, error: unknown): Promise<unknown> {
  const { describeForeignFile } = await import("../onnx/foreign-files");
  const foreign = describeForeignFile(bytes);
  return foreign ? new ModelError(foreign) : error;
}

/** An ONNX file does not begin with a brace: as a field's number it would be none of the format. */
const beginsLikeJson = (bytes: Uint8Array): boolean =>
  /^(\xef\xbb\xbf)?\s*\{(?!\0)/.test(String.fromCharCode(...bytes.subarray(0, 64)));

function checkLimit(maxMemory = wasmLimit): number {
  if (!(typeof maxMemory === "number" && maxMemory > 0))
    throw new OptionError(`maxMemory must be a positive number of bytes, got ${show(maxMemory)}.`);
  return Math.min(maxMemory, wasmLimit);
}

/** The shape the file's metadata proposes, where the file leaves its input's shape open. */
function usualShape({ inputs: [input] }: Graph, { inputShape }: Metadata): readonly number[] | undefined {
  const open = input?.shape.slice(1).some((extent) => typeof extent !== "number");
  return open ? inputShape : undefined;
}

function resultName(graph: Graph, asked: string | undefined): string {
  if (asked === undefined) return graph.outputs[0];
  if (typeof asked !== "string") throw new OptionError(`output is the name of an output or layer, got ${show(asked)}.`);
  if (graph.outputs.includes(asked)) return asked;
  const values = graph.nodes.flatMap(({ outputs }) => outputs);
  const node = graph.nodes.find(({ name }) => name === asked);
  if (node) return node.outputs[0];
  if (values.includes(asked)) return asked;
  throw new ModelError(
    `The network has no output or layer "${asked}".${suggest(asked, [...graph.outputs, ...values])}`,
  );
}

/** The other outputs of the file, each by itself: one that cannot be computed says nothing, and is no reason to refuse. */
function otherOutputs(
  file: Graph,
  result: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  rewriting: Parameters<typeof specialise>[4],
) {
  return file.outputs.flatMap((name) => {
    if (name === result) return [];
    try {
      const live = removeDeadNodes(file, [name]);
      const own = new Map([...shapes].filter(([input]) => live.inputs.some((each) => each.name === input)));
      const graph = combineSoftmax(removeNoOps(specialise(live, own, undefined, undefined, rewriting)));
      return [{ name, graph, value: graph.aliases.get(name) ?? name }];
    } catch (error) {
      if (error instanceof SeethroughError) return [];
      throw error;
    }
  });
}
