import { cut } from "../addresses";
import { fixedShape } from "../compile/input-shapes";
import { ModelError } from "../errors";
import type { Constant, GraphInput } from "../graph/ir";
import type { GraphBuilder, Value } from "./graph-builder";
import type { KnownInputShape } from "./input-shapes";
import { Fields, isList, isObject, type Json, type JsonObject } from "./json";
import { layers } from "./layers";
import { LayerWeights } from "./weights";

const containers: ReadonlySet<string> = new Set(["Sequential", "Functional", "Model"]);

/** A layer or model as the file has it. */
interface Entry {
  readonly name: string;
  readonly className: string;
  readonly config: Fields;
  readonly calls: readonly Json[];
}

function entryOf(json: Json | undefined): Entry {
  const object = isObject(json) ? json : {};
  const fields = new Fields(object, "A layer of model.json");
  const className = fields.string("class_name");
  // The first Keras wrote the layers of a Sequential as its whole configuration.
  const config = isList(object.config) ? { layers: object.config } : fields.child("config");
  const own = typeof config.name === "string" ? config.name : className.toLowerCase();
  const name = fields.string("name", own);
  return {
    name,
    className,
    config: new Fields(config, `${className} "${name}"`),
    calls: fields.list("inbound_nodes", []),
  };
}

const layersOf = ({ config }: Entry): Entry[] => config.list("layers").map(entryOf);

/** One of a layer's results: the layer, which call of it, which of the call's results. */
interface Reference {
  readonly layer: string;
  readonly call: number;
  readonly result: number;
}

/**
 * All references inside a part of the file, in its order. Keras 2 writes `["layer", call, result, {}]`, Keras 3 tensors with
 * a `keras_history` of that form.
 */
function references(json: Json | undefined): Reference[] {
  if (isList(json)) {
    const [layer, call, result] = json;
    if (typeof layer === "string" && typeof call === "number") {
      return [{ layer, call, result: typeof result === "number" ? result : 0 }];
    }
    return json.flatMap(references);
  }
  if (!isObject(json)) return [];
  if (isObject(json.config) && json.config.keras_history) return references(json.config.keras_history);
  return Object.values(json).flatMap(references);
}

/** The network that a layers-model's topology describes: Sequential, Functional, and models inside models. */
export class LayersModel {
  readonly name: string;
  readonly #root: Entry;
  readonly #builder: GraphBuilder;
  readonly #weights: LayerWeights;
  readonly #constants = new Map<Constant, Value>();
  readonly #counts = new Map<string, number>();
  readonly #inputShapes: KnownInputShape;
  #inputs = 0;

  constructor(
    topology: JsonObject,
    builder: GraphBuilder,
    weights: ReadonlyMap<string, Constant>,
    inputShapes: KnownInputShape,
  ) {
    this.#root = entryOf(topology);
    this.name = this.#root.name;
    if (!containers.has(this.#root.className)) {
      throw new ModelError(
        `model.json holds a model of the class "${this.#root.className}"; Sequential and Functional models say what they ` +
          "compute, others only their own code does.",
      );
    }
    this.#builder = builder;
    this.#weights = new LayerWeights(weights);
    this.#inputShapes = inputShapes;
    this.#count(this.#root);
  }

  #count(entry: Entry): void {
    this.#counts.set(entry.name, (this.#counts.get(entry.name) ?? 0) + 1);
    if (containers.has(entry.className)) for (const inner of layersOf(entry)) this.#count(inner);
  }

  /** The outputs of the whole model. */
  build(): Value[] {
    return this.#model(this.#root, [], []);
  }

  #model(model: Entry, given: readonly Value[], path: readonly string[]): Value[] {
    return model.className === "Sequential"
      ? this.#sequential(model, given, path)
      : this.#functional(model, given, path);
  }

  #sequential(model: Entry, given: readonly Value[], path: readonly string[]): Value[] {
    const all = layersOf(model);
    const inner = all.filter(({ className }) => className !== "InputLayer");
    const [first] = inner;
    if (!first) throw new ModelError(`${model.config.owner} has no layers: there is no network in this file.`);
    const start = given.length > 0 ? given : [this.#input(inputOf(model))];
    return inner.reduce<readonly Value[]>((values, layer) => this.#layer(layer, values, path), start) as Value[];
  }

  #functional(model: Entry, given: readonly Value[], path: readonly string[]): Value[] {
    const inner = new Map(layersOf(model).map((layer) => [layer.name, layer]));
    const known = new Map<string, readonly Value[]>();
    const inputs = references(model.config.object.input_layers);
    inputs.forEach(({ layer, call }, i) => {
      const entry = inner.get(layer);
      if (!entry) throw missing(model, layer);
      const value = given[i] ?? this.#input(inputOf(entry));
      known.set(`${layer}/${call}`, [value]);
    });
    const pending = new Set<string>();
    const keyOf = ({ layer, call }: Reference): string => `${layer}/${call}`;
    // Without recursion: a file may list its layers backwards.
    const resultOf = (wanted: Reference): Value => {
      const waiting = [wanted];
      for (let last = waiting.at(-1); last; last = waiting.at(-1)) {
        const { layer, call } = last;
        const key = keyOf(last);
        const entry = inner.get(layer);
        if (!entry) throw missing(model, layer);
        const sources = known.has(key) ? [] : callsOf(entry)[call];
        if (!sources) {
          throw new ModelError(`Layer "${cut(layer)}" is not called ${call + 1} times; model.json is damaged.`);
        }
        const open = sources.filter((source) => !known.has(keyOf(source)));
        if (open.length === 0) {
          if (!known.has(key)) known.set(key, this.#layer(entry, sources.map(found), path));
          waiting.pop();
          continue;
        }
        pending.add(key);
        for (const source of open.reverse()) {
          if (pending.has(keyOf(source))) {
            throw new ModelError(`Layer "${cut(source.layer)}" waits for its own result; model.json is damaged.`);
          }
          waiting.push(source);
        }
      }
      return found(wanted);
    };
    const found = (reference: Reference): Value => {
      const values = known.get(keyOf(reference)) as readonly Value[];
      return values[Math.min(reference.result, values.length - 1)];
    };
    // In the order of the file, so that layers run as they are listed.
    for (const entry of inner.values()) {
      callsOf(entry).forEach((sources, call) => {
        if (sources.length > 0) resultOf({ layer: entry.name, call, result: 0 });
      });
    }
    return references(model.config.object.output_layers).map(resultOf);
  }

  #input({ name, shape }: GraphInput): Value {
    const position = this.#inputs++;
    const ask = (example: string): string => `Pass inputs: { "${name}": { inputShape: ${example} } }.`;
    const asked = this.#inputShapes(name, position);
    const [, ...rest] = fixedShape({ name, shape }, asked, position === 0 ? undefined : ask);
    return this.#builder.input(name, [1, ...rest]);
  }

  #layer(entry: Entry, inputs: readonly Value[], path: readonly string[]): Value[] {
    const inside = [...path, entry.name];
    if (containers.has(entry.className)) return this.#model(entry, inputs, inside);
    const name = this.#counts.get(entry.name) === 1 ? entry.name : inside.join("/");
    const convert = Object.hasOwn(layers, entry.className) ? layers[entry.className] : undefined;
    if (inputs.length === 0) {
      throw new ModelError(`${entry.config.owner} is called without an input; model.json is damaged.`);
    }
    const b = this.#builder;
    const weight = (key: string, index: number): Value => this.#weight(entry, inside, key, index);
    return b.layer(
      name,
      entry.className,
      inputs,
      convert && (() => convert({ b, config: entry.config, inputs, x: inputs[0], weight })),
    );
  }

  #weight(entry: Entry, path: readonly string[], name: string, index: number): Value {
    const constant = this.#weights.find(path, name, index);
    if (!constant) {
      const has = this.#weights.names(entry.name).map((other) => `"${other}"`);
      throw new ModelError(
        `${entry.config.owner}: its weight "${name}" is not in the weightsManifest, which has ` +
          `${has.join(", ") || "no weight of this layer"}. The model.json and its weights may belong to different exports.`,
      );
    }
    // A layer that is called twice has one weight.
    const before = this.#constants.get(constant);
    const value = before ?? this.#builder.constant(constant, `${entry.name}/${name}`);
    this.#constants.set(constant, value);
    return value;
  }
}

const missing = (model: Entry, layer: string): ModelError =>
  new ModelError(`${model.config.owner} names a layer "${layer}" that it does not have; model.json is damaged.`);

/** What each call of a layer reads. Keras 2 writes a list per call, or the single reference itself. */
function callsOf({ calls }: Entry): Reference[][] {
  if (typeof calls[0] === "string") return [references(calls)];
  return calls.map(references);
}

/** The input of a model or of its first layer, which may be a model again: the first place that says the shape. */
function inputOf(entry: Entry): GraphInput {
  const { name, className, config } = entry;
  for (const key of ["batch_input_shape", "batch_shape", "build_input_shape"]) {
    if (!config.has(key)) continue;
    const shape = config.list(key).map((extent) => (typeof extent === "number" ? extent : null));
    return { name: className === "InputLayer" ? name : `${name}_input`, shape };
  }
  const inner = containers.has(className) ? layersOf(entry) : [];
  const first = inner.find((layer) => layer.className === "InputLayer") ?? inner[0];
  return first ? inputOf(first) : { name: `${name}_input`, shape: [] };
}

/** True where a convolution or pooling of the file takes channels first. */
export function layersTakeChannelsFirst(json: Json | undefined): boolean {
  if (isList(json)) return json.some(layersTakeChannelsFirst);
  if (!isObject(json)) return false;
  return json.data_format === "channels_first" || Object.values(json).some(layersTakeChannelsFirst);
}
