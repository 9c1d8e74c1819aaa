import { SeethroughError } from "../errors";
import type { LoadOptions } from "../model/load-options";
import type { Input, Model, Prediction, RunResult } from "../model/model";
import { pictureInput } from "../model/network-inputs";
import { preprocessed } from "../model/preprocessed";
import type { SourceFile } from "../model/source-file";
import type { Tensor } from "../tensor";
import type { CallName, ModelFacts, PostedFile } from "./service";

/** What every thread needs to load a model. */
export interface ModelFile {
  readonly file: PostedFile;
  readonly sibling: SourceFile["sibling"];
  readonly options: LoadOptions;
}

/** What a model of the pool asks of the pool. */
export interface Caller {
  call(model: PooledModel, name: CallName, args: readonly unknown[]): Promise<unknown>;
  unload(model: PooledModel): void;
}

/** A model whose instances live in the threads of a pool. */
export class PooledModel implements Model {
  readonly name: string;
  readonly labels?: readonly string[];
  readonly notes: Model["notes"];
  readonly arithmetic: Model["arithmetic"];
  readonly threads: number;
  readonly input: Model["input"];
  readonly inputs: Model["inputs"];
  readonly output: Model["output"];
  readonly layers: Model["layers"];
  readonly id: number;
  readonly #caller: Caller;
  readonly #settings: ModelFacts["settings"];
  #file: ModelFile | undefined;

  constructor(id: number, caller: Caller, file: ModelFile, facts: ModelFacts) {
    const { name, labels, notes, arithmetic, threads, input, inputs, output, layers, settings } = facts;
    this.id = id;
    this.#caller = caller;
    this.#file = file;
    this.name = name;
    this.labels = labels;
    this.notes = notes;
    this.arithmetic = arithmetic;
    this.threads = threads;
    this.input = input;
    this.inputs = inputs;
    this.output = output;
    this.layers = layers;
    this.#settings = settings;
  }

  /** Absent once it is disposed. */
  get file(): ModelFile | undefined {
    return this.#file;
  }

  belongsTo(caller: Caller): boolean {
    return this.#caller === caller;
  }

  async predict(...args: [Input, object?]): Promise<Prediction[]> {
    return (await this.#caller.call(this, "predict", args)) as Prediction[];
  }

  async run(...args: [Input, object?]): Promise<RunResult> {
    return (await this.#caller.call(this, "run", args)) as RunResult;
  }

  preprocess(...[image, { input: name } = {}]: Parameters<Model["preprocess"]>): Tensor {
    if (!this.#file) throw new SeethroughError(`The model "${this.name}" was disposed; load it again.`);
    const input = pictureInput(this.inputs, name);
    return preprocessed(image, input, this.#settings[this.inputs.indexOf(input)]);
  }

  dispose(): void {
    if (!this.#file) return;
    this.#file = undefined;
    this.#caller.unload(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
