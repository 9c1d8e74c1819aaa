import { checkOptions, kindOf, show, throwIfAborted, wholeNumber } from "../checks";
import { combineOperators } from "../compile/combine-operators";
import { isLaidOut } from "../compile/equal-ranks";
import { buildNetwork, type MemoryMode, type Network, sampleSize, shapeOf } from "../engine/network";
import { type Backward, type Edit, type PassResult, Session } from "../engine/session";
import { LayerError, ModelError, OptionError, SeethroughError, TargetError } from "../errors";
import type { StaticGraph } from "../graph/ir";
import type { Selection } from "../graph/selection";
import { guarded, guardedAsync } from "../guard";
import type { ImageLike } from "../image/image";
import type { Preprocess } from "../image/preprocess";
import { suggest } from "../nearest";
import type { Note } from "../notes";
import { memoryStrides, type Shape, tensorShape, toMemoryOrder, toRowMajor } from "../operation/layout";
import type { ValueName } from "../operation/operation";
import { Tensor } from "../tensor";
import type { Arithmetic } from "../wasm/instantiate";
import type { Kernels } from "../wasm/kernels";
import type { KernelMemory } from "../wasm/memory";
import { innerChannelAxis } from "./channel-axis";
import { type ClassAxis, classAxisOf, classScores, elementOffsets, unitAxisOf } from "./class-axis";
import { editsOf, type Intervention } from "./intervention";
import {
  firstNotFinite,
  type Input,
  type ModelInput,
  type NetworkInput,
  onlyInput,
  pictureInput,
  prepared,
  separateInputs,
  shownInput,
} from "./network-inputs";
import { checkScore } from "./not-finite";
import { type OutputKind, probabilities, rankedClasses } from "./output";
import { preprocessed } from "./preprocessed";
import type { Detector } from "./read-output";

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
  /** Every node in execution order. */
  readonly layers: readonly Layer[];
  /**
   * Classifies an input.
   *
   * @param input  a picture or a Tensor; of a network with several inputs all of them by name, `{ a: tensor, b: image }`
   * @param options.top  how many classes to return, best first; default 5
   * @param options.intervene  activations to overwrite on the way, see `run`
   * @param options.signal  gives the pass up, between two of its layers too
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
   * @param options.signal  gives the pass up, between two of its layers too
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

/** Everything the loader found out about a network. */
export interface ModelParts {
  readonly name: string;
  readonly labels?: readonly string[];
  /** Every input; the network starts from all of them joined. */
  readonly inputs: readonly NetworkInput[];
  /** How pictures become the first input that takes them. */
  readonly preprocess: Preprocess;
  readonly notes: readonly Note[];
  /** The network as the file has it, constants folded and no-ops removed. */
  readonly graph: StaticGraph;
  /** The same with batch normalisation folded into the weights; absent where it is not folded. */
  readonly folded: StaticGraph | undefined;
  /** The output of the file. */
  readonly result: ValueName;
  /** The outputs of the file that are computed, by the file's names: `result`, and of a detector those beside it. */
  readonly outputs: readonly { readonly name: string; readonly value: ValueName }[];
  /** How the file picked among the outputs' candidates behind them, where that was cut off. */
  readonly selection?: Selection;
  /** What is explained: `result`, or the value before its trailing softmax or sigmoid. */
  readonly explained: ValueName;
  readonly outputKind: OutputKind;
  /** Where the classes are in the explained value, and in the output. */
  readonly classAxis: ClassAxis;
  /** The axes of the explained value in the order in which the file writes them. */
  readonly fileOrder: readonly number[];
  readonly resultAxis: ClassAxis;
  /** The channel that the first label names; absent where labels name no channels. */
  readonly firstLabel?: number;
  /** Present where the network is a detector. */
  readonly detector?: Detector;
  /** Present where the file is quantised. */
  readonly quantised?: Quantised;
  readonly hash: () => Promise<string>;
  readonly mode: MemoryMode;
  /** The compiled kernels, for models made of this one. */
  readonly module: WebAssembly.Module;
  readonly arithmetic: Arithmetic;
  readonly kernels: Kernels;
  readonly memory: KernelMemory;
}

/** How a quantised file is read. */
export interface Quantised {
  readonly reading: "deployed" | "float";
  /** The same file as it is deployed, for one that is read as real numbers; loaded once. Absent where the file is not kept. */
  readonly other?: () => Promise<Model>;
}

/** A pass as the methods ask for it: values by name, the network chosen by what is asked. */
export interface ModelPass {
  readonly batch?: number;
  readonly data: Float32Array;
  readonly start?: ValueName;
  readonly keep?: readonly ValueName[];
  readonly edits?: ReadonlyMap<ValueName, Edit>;
  /** False: of a quantised network, without the rounding of its values. */
  readonly rounding?: boolean;
  readonly backward?: Backward;
  readonly also?: readonly Backward[];
}

type PredictOptions = NonNullable<Parameters<Model["predict"]>[1]>;
type RunOptions = NonNullable<Parameters<Model["run"]>[1]>;

interface Inside {
  readonly parts: ModelParts;
  readonly full: Network;
  readonly fast: Network;
  readonly session: Session;
}

export class LoadedModel implements Model {
  readonly name: string;
  readonly labels?: readonly string[];
  readonly notes: readonly Note[];
  readonly arithmetic: Arithmetic;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly inputs: readonly ModelInput[];
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  /** What is known of detectors: loaded with a network that is one, or by `detect`. */
  heads?: typeof import("./heads/heads");
  /** Everything that holds wasm memory. */
  #inside: Inside | undefined;
  #layers: readonly Layer[] | undefined;
  #folded: Network | undefined;
  readonly #unitAxes = new Map<ValueName, ClassAxis>();
  readonly #plain = new WeakMap<Network, Network>();

  constructor(parts: ModelParts) {
    this.name = parts.name;
    this.labels = parts.labels;
    this.notes = parts.notes;
    this.arithmetic = parts.arithmetic;
    const { kernels, memory, mode } = parts;
    const full = buildNetwork(parts.graph, kernels, memory, mode);
    const fast = parts.folded ? buildNetwork(parts.folded, kernels, memory, mode) : full;
    this.#inside = { parts, full, fast, session: new Session(kernels, memory, mode) };
    this.inputs = parts.inputs.map(shownInput);
    const [{ name, shape }] = this.inputs;
    this.input = { name, shape };
    this.output = { name: parts.explained, shape: this.shownShape(parts.explained) };
  }

  get layers(): readonly Layer[] {
    const ofFile = this.full.operations.filter(({ node }) => !isLaidOut(node));
    this.#layers ??= ofFile.map(({ node, parameters, macs }) => {
      return { name: node.name, op: node.op, shape: this.shownShape(node.outputs[0]), parameters, macs };
    });
    return this.#layers;
  }

  get parts(): ModelParts {
    return this.#opened().parts;
  }

  /** The network as the file has it: every value can be read. */
  get full(): Network {
    return this.#opened().full;
  }

  /** The network that runs unless a value of the full one is asked for. */
  get fast(): Network {
    return this.#opened().fast;
  }

  get session(): Session {
    return this.#opened().session;
  }

  #opened(): Inside {
    if (!this.#inside) throw new SeethroughError(`The model "${this.name}" was disposed; load it again.`);
    return this.#inside;
  }

  predict(input: Input, options: PredictOptions = {}): Promise<Prediction[]> {
    return guardedAsync("predict", async () => this.#predict(input, options));
  }

  async #predict(input: Input, options: PredictOptions): Promise<Prediction[]> {
    const { explained, outputKind, classAxis, detector } = this.parts;
    checkOptions("predict", options, ["top", "intervene", "signal"]);
    const { top = 5, signal } = options;
    throwIfAborted(signal);
    wholeNumber("top", top, 1);
    if (detector?.targets) throw new TargetError(`${detector.what} ${detector.targets}`);
    const edits = editsOf(this, options.intervene);
    const data = this.prepare(input);
    const { values } = await this.watchedPass({ data, keep: [explained], edits }, signal);
    const scores = classScores(classAxis, values.get(explained) as Float32Array);
    const { mirrored } = classAxis;
    const probability = probabilities(scores, outputKind, mirrored);
    // A class may be ruled out by −∞; what makes a probability NaN is no score.
    if (firstNotFinite(probability) >= 0) {
      const worst = scores.findIndex((score) => Number.isNaN(score) || score === Number.POSITIVE_INFINITY);
      const index = Math.max(worst, 0);
      checkScore(this, `The score of class ${index}`, scores[index], data, explained);
    }
    return rankedClasses(scores, outputKind, mirrored)
      .slice(0, top)
      .map((index) => {
        const label = this.labelOf(index);
        return { index, ...(label !== undefined && { label }), score: scores[index], probability: probability[index] };
      });
  }

  run(input: Input, options: RunOptions = {}): Promise<RunResult> {
    return guardedAsync("run", async () => this.#run(input, options));
  }

  async #run(input: Input, options: RunOptions): Promise<RunResult> {
    checkOptions("run", options, ["capture", "intervene", "signal"]);
    throwIfAborted(options.signal);
    const names = options.capture ?? [];
    if (!Array.isArray(names)) throw new OptionError(`capture is a list of layer names, got ${show(names)}.`);
    const captured = names.map((name) => this.valueOf(name));
    const { result } = this.parts;
    const edits = editsOf(this, options.intervene);
    const pass = { data: this.prepare(input), keep: [...new Set([result, ...captured])], edits };
    const { values } = await this.watchedPass(pass, options.signal);
    const tensor = (name: ValueName): Tensor => this.tensor(name, values.get(name) as Float32Array);
    return { output: tensor(result), activations: new Map(names.map((name, i) => [name, tensor(captured[i])])) };
  }

  preprocess(image: ImageLike, options: { readonly input?: string } = {}): Tensor {
    checkOptions("preprocess", options, ["input"]);
    return guarded("preprocess", () => {
      const input = pictureInput(this.parts.inputs, options.input);
      return preprocessed(image, shownInput(input), input.preprocess);
    });
  }

  dispose(): void {
    this.#inside = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Runs one pass in the network that has all the values it names, with the event loop let in now and then where there is a signal to be
   * heard.
   *
   * @throws the signal's reason
   */
  watchedPass(pass: ModelPass, signal: AbortSignal | undefined): Promise<PassResult> {
    return guardedAsync("A pass", async () =>
      this.session.watch(this.#networkOf(pass), { ...pass, batch: pass.batch ?? 1 }, signal),
    );
  }

  #networkOf({ start = this.fast.input, keep = [], edits, backward, also = [] }: ModelPass): Network {
    const ways = (backward ? [backward, ...also] : []).flatMap(({ seed, wanted }) => [seed, ...wanted]);
    return this.networkFor([start, ...keep, ...(edits?.keys() ?? []), ...ways]);
  }

  networkFor(values: readonly ValueName[]): Network {
    const has = (name: ValueName): boolean => name === this.fast.input || this.fast.producer.has(name);
    return values.every(has) ? this.fast : this.full;
  }

  /** A network of this model by direct sums alone: the same numbers under a kernel give the same bits everywhere, so ties stay ties. */
  plain(network: Network): Network {
    const { kernels, memory, mode } = this.parts;
    if (mode === "low") return network;
    let plain = this.#plain.get(network);
    if (!plain) {
      plain = buildNetwork(network.graph, kernels, memory, "low");
      this.#plain.set(network, plain);
    }
    return plain;
  }

  /** The network by direct sums and with batch normalisation in the weights, in low memory too. */
  get folded(): Network {
    const { kernels, memory, mode, graph } = this.parts;
    if (mode !== "low") return this.plain(this.fast);
    this.#folded ??= buildNetwork(combineOperators(graph, keptValues(this.parts)), kernels, memory, mode);
    return this.#folded;
  }

  /** ONNX shape of a value. */
  shape(value: ValueName): Shape {
    return shapeOf(this.full, value);
  }

  sampleSize(value: ValueName): number {
    return sampleSize(this.full, value);
  }

  /** Where the units of a value are: of an output its classes, of every other layer the channels that its operators made. */
  unitAxis(value: ValueName): ClassAxis {
    return this.#outputAxis(value) ?? this.#innerAxis(value);
  }

  #outputAxis(value: ValueName): ClassAxis | undefined {
    const { explained, result, classAxis, resultAxis } = this.parts;
    return value === explained ? classAxis : value === result ? resultAxis : undefined;
  }

  #innerAxis(value: ValueName): ClassAxis {
    const known = this.#unitAxes.get(value);
    if (known) return known;
    const shape = this.shape(value);
    const traced = shape.length > 2 ? innerChannelAxis(this.parts.graph, value) : undefined;
    const axis = traced ? classAxisOf(shape, traced.axes) : unitAxisOf(shape);
    this.#unitAxes.set(value, axis);
    return axis;
  }

  /** The name of a channel of the explained value. */
  labelOf(channel: number): string | undefined {
    const { firstLabel } = this.parts;
    return firstLabel === undefined ? undefined : this.labels?.[channel - firstLabel];
  }

  /** The shape that people see: of rank 4, and with classes that come last, whichever axis of the file has them. */
  shownShape(value: ValueName): number[] {
    const shape = this.shape(value);
    const shownOrder = this.#outputAxis(value)?.shownOrder;
    return shownOrder ? shownOrder.map((axis) => shape[axis]) : tensorShape(shape);
  }

  /** A value in memory order as the tensor people see. */
  tensor(value: ValueName, data: Float32Array): Tensor {
    const shape = this.shape(value);
    const shownOrder = this.#outputAxis(value)?.shownOrder;
    if (shownOrder) {
      const offsets = elementOffsets(shape, memoryStrides(shape), shownOrder);
      return new Tensor(
        Float32Array.from(offsets, (offset) => data[offset]),
        this.shownShape(value),
      );
    }
    return new Tensor(shape.length === 4 ? data : toRowMajor(data, shape), tensorShape(shape));
  }

  /** The reverse of `tensor`: what people hand over, in memory order. */
  fromTensor(value: ValueName, tensor: Tensor): Float32Array {
    const shownOrder = this.#outputAxis(value)?.shownOrder;
    if (shownOrder) {
      const shape = this.shape(value);
      const data = new Float32Array(tensor.data.length);
      elementOffsets(shape, memoryStrides(shape), shownOrder).forEach((offset, i) => {
        data[offset] = tensor.data[i];
      });
      return data;
    }
    const { data, shape } = tensor;
    const ordered = shape.length === 4 ? data : toMemoryOrder(data, this.shape(value));
    // A copy: what its owner writes there while a method runs changes nothing.
    return ordered === data ? data.slice() : ordered;
  }

  /**
   * The value a layer name stands for: a node name or the name of its output tensor.
   *
   * @throws {LayerError} suggesting the nearest names
   */
  valueOf(layer: string): ValueName {
    if (typeof layer !== "string") throw new LayerError(`A layer is named by a string, got ${show(layer)}.`);
    const { graph } = this.parts;
    const node = graph.nodes.find(({ name }) => name === layer);
    const named = node?.outputs[0] ?? layer;
    const value = graph.aliases.get(named) ?? named;
    if (value === this.full.input || this.full.producer.has(value)) return value;
    const candidates = graph.nodes.filter((each) => !isLaidOut(each)).map(({ name }) => name);
    throw new LayerError(
      `The model "${this.name}" has no layer "${layer}".${suggest(layer, candidates)} ` +
        `It has ${candidates.length} layers; inspect(model) lists them.`,
    );
  }

  /** All values a value is computed from, itself included. */
  dependencies(value: ValueName): ReadonlySet<ValueName> {
    const found = new Set<ValueName>([value]);
    for (const { inputs, outputs } of [...this.full.operations].reverse()) {
      if (outputs.some((output) => found.has(output))) for (const name of inputs) found.add(name);
    }
    return found;
  }

  /**
   * The value of a layer that a target depends on.
   *
   * @throws {LayerError} if the name is unknown, or the target does not depend on the layer
   */
  layerBefore(layer: string, target: ValueName): ValueName {
    const value = this.valueOf(layer);
    if (this.dependencies(target).has(value)) return value;
    throw new LayerError(
      `The target "${target}" does not depend on layer "${layer}", so there is nothing to attribute to it. ` +
        "Choose a layer before the target.",
    );
  }

  /** Checks what is given and brings it into the form the network takes: one sample in memory order, all inputs joined. */
  prepare(input: Input): Float32Array {
    const { inputs } = this.parts;
    const several = inputs.length > 1;
    const data = separateInputs(inputs, input).map((given, i) =>
      prepared(inputs[i], given, several, (tensor) => this.fromTensor(inputs[i].name, tensor)),
    );
    if (!several) return data[0];
    const joined = new Float32Array(this.sampleSize(this.fast.input));
    data.forEach((values, i) => {
      joined.set(values, inputs[i].start);
    });
    return joined;
  }

  /** The reverse of `prepare`: one sample in memory order as what the network is given. */
  given(data: Float32Array): Tensor | Readonly<Record<string, Tensor>> {
    const { inputs } = this.parts;
    if (inputs.length === 1) return this.tensor(this.fast.input, data);
    return Object.fromEntries(
      inputs.map(({ name, start, size }) => [name, this.tensor(name, data.slice(start, start + size))]),
    );
  }
}

/** What stays when operators are combined: the outputs, and what is explained. */
export const keptValues = ({ outputs, explained }: Pick<ModelParts, "outputs" | "explained">): ReadonlySet<ValueName> =>
  new Set([...outputs.map(({ value }) => value), explained]);

/** The inside of a model. */
export function loaded(model: Model): LoadedModel {
  if (model instanceof LoadedModel) return model;
  throw new ModelError(`${noModel(model)} const model = await loadModel(file) makes one.`);
}

/** The same, for what looks at networks with one input. @throws {InputError} if it has several, with the way out */
export function loadedAlone(model: Model, what: string): LoadedModel {
  const inner = loaded(model);
  onlyInput(inner.parts.inputs, what);
  return inner;
}

function noModel(given: unknown): string {
  if (typeof given === "function") {
    return (
      "A black box, a function from inputs to scores, will do for occlusion, rise, lime and kernelShap. This function looks " +
      "inside the network and needs the model itself."
    );
  }
  const kind = kindOf(given);
  if (kind === "a model") return "The model was not made by loadModel of this copy of seethrough.";
  const order = /^an? (image|Tensor)/.test(kind) ? " The model comes first, the input after it." : "";
  return `Expected a model, got ${kind}.${order}`;
}
