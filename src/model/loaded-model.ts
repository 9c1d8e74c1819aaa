import { checkOptions, kindOf, show, throwIfAborted, wholeNumber } from "../checks";
import { isLaidOut } from "../compile/equal-ranks";
import { ModelError, OptionError, TargetError } from "../errors";
import { entryOf, guarded, guardedAsync } from "../guard";
import type { ImageLike } from "../image/image";
import type { Note } from "../notes";
import type { ValueName } from "../operation/operation";
import type { Tensor } from "../tensor";
import type { Arithmetic } from "../wasm/instantiate";
import { classScores } from "./class-axis";
import { editsOf } from "./intervention-edits";
import type { Layer, Model, Prediction, RunResult } from "./model";
import type { ModelParts } from "./model-parts";
import { ModelValues } from "./model-values";
import {
  type Input,
  type ModelInput,
  onlyInput,
  pictureInput,
  prepared,
  separateInputs,
  shownInput,
} from "./network-inputs";
import { checkScore } from "./not-finite";
import { preprocessed } from "./preprocessed";
import { rankedPredictions } from "./ranked-predictions";

type PredictOptions = NonNullable<Parameters<Model["predict"]>[1]>;
type RunOptions = NonNullable<Parameters<Model["run"]>[1]>;

/** What `loadModel` returns, with its inside. */
export class LoadedModel extends ModelValues implements Model {
  readonly notes: readonly Note[];
  readonly arithmetic: Arithmetic;
  readonly threads: number;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly inputs: readonly ModelInput[];
  readonly output: { readonly name: string; readonly shape: readonly number[] };
  /** What is known of detectors: loaded with a network that is one, or by `detect`. */
  heads?: typeof import("./heads/heads");
  #layers: readonly Layer[] | undefined;

  constructor(parts: ModelParts) {
    super(parts);
    this.notes = parts.notes;
    this.arithmetic = parts.arithmetic;
    this.threads = parts.threads?.count ?? 1;
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

  predict(input: Input, options: PredictOptions = {}): Promise<Prediction[]> {
    return guardedAsync("predict", async () => this.#predict(input, options));
  }

  async #predict(input: Input, options: PredictOptions): Promise<Prediction[]> {
    const { explained, classAxis, detector } = this.parts;
    checkOptions("predict", options, ["top", "intervene", "signal"]);
    const { top = 5, signal } = options;
    throwIfAborted(signal);
    wholeNumber("top", top, 1);
    if (detector?.targets) throw new TargetError(`${detector.what} ${detector.targets}`);
    const edits = editsOf(this, options.intervene);
    const data = this.prepare(input);
    const { values } = await this.watchedPass({ data, keep: [explained], edits }, signal);
    const value = entryOf(values, explained);
    const ranked = rankedPredictions(this.parts, (index) => this.labelOf(index), value);
    // A class may be ruled out by −∞; what makes a probability NaN is no score.
    if (ranked.some(({ probability }) => !Number.isFinite(probability))) {
      const scores = classScores(classAxis, value);
      const worst = scores.findIndex((score) => Number.isNaN(score) || score === Number.POSITIVE_INFINITY);
      const index = Math.max(worst, 0);
      checkScore(this, `The score of class ${index}`, scores[index], data, explained);
    }
    return ranked.slice(0, top);
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
    const tensor = (name: ValueName): Tensor => this.tensor(name, entryOf(values, name));
    return { output: tensor(result), activations: new Map(names.map((name, i) => [name, tensor(captured[i])])) };
  }

  preprocess(image: ImageLike, options: { readonly input?: string } = {}): Tensor {
    checkOptions("preprocess", options, ["input"]);
    return guarded("preprocess", () => {
      const input = pictureInput(this.parts.inputs, options.input);
      return preprocessed(image, shownInput(input), input.preprocess);
    });
  }

  [Symbol.dispose](): void {
    this.dispose();
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
  if (kind === "a model") return "The model was made by a pool or by another copy of seethrough.";
  const order = /^an? (image|Tensor)/.test(kind) ? " The model comes first, the input after it." : "";
  return `Expected a model, got ${kind}.${order}`;
}
