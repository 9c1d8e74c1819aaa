import { show } from "../checks";
import { ModelError } from "../errors";
import { Constant } from "../graph/ir";
import { joinBytes } from "../join-bytes";
import { showShape, sizeOf } from "../tensor";
import { Fields, isList, isObject, type Json, type JsonObject } from "./json";

/** Files of one group of weights, which follow each other as if they were one file, and what lies in them. */
interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly Fields[];
}

export function readManifest(model: JsonObject): WeightGroup[] {
  const fields = new Fields(model, "model.json");
  return fields.list("weightsManifest").map((entry): WeightGroup => {
    const group = new Fields(isObject(entry) ? entry : {}, "weightsManifest in model.json");
    return {
      paths: group.list("paths").filter((path) => typeof path === "string"),
      weights: group.list("weights").map((weight) => {
        const { name } = isObject(weight) ? weight : {};
        return new Fields(isObject(weight) ? weight : {}, `Weight ${show(name)}`);
      }),
    };
  });
}

const widths: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ["float32", 4],
  ["int32", 4],
  ["bool", 1],
  ["float16", 2],
  ["uint8", 1],
  ["uint16", 2],
]);

/**
 * Decodes the weights of one group: float32, int32 and bool as they are, and quantised ones by
 * value = stored · scale + min (uint8, uint16) or as float16, which stays what it is until somebody asks for numbers.
 *
 * @param pieces  the contents of the group's files, in their order
 * @throws {ModelError} if the files are shorter than the weights, naming expected and actual bytes
 */
export function decodeGroup(group: WeightGroup, pieces: readonly Uint8Array[]): Map<string, Constant> {
  const sizes = group.weights.map((weight) => layoutOf(weight));
  const expected = sizes.reduce((total, { bytes }) => total + bytes, 0);
  const actual = pieces.reduce((total, piece) => total + piece.byteLength, 0);
  if (actual !== expected) {
    const files = group.paths.map((path, i) => `"${path}" (${pieces[i].byteLength})`).join(", ");
    throw new ModelError(
      `The weight files ${files} must hold ${expected} bytes together, they hold ${actual}. ` +
        `${actual < expected ? "One is cut off" : "One is too long"} or belongs to another model; download or export them again.`,
    );
  }
  // A weight may lie across the border of two files.
  const data = joinBytes(pieces);
  let at = 0;
  const constants = group.weights.map((weight, i): [string, Constant] => {
    const { bytes, ...layout } = sizes[i];
    at += bytes;
    return [weight.string("name"), decode(weight, layout, data.subarray(at - bytes, at))];
  });
  return new Map(constants);
}

interface Layout {
  readonly shape: readonly number[];
  readonly type: string;
  /** How the elements are stored. */
  readonly stored: string;
}

function layoutOf(weight: Fields): Layout & { readonly bytes: number } {
  const shape = weight.numbers("shape");
  const type = weight.string("dtype");
  const quantisation = weight.has("quantization") ? new Fields(weight.child("quantization"), weight.owner) : undefined;
  const stored = quantisation?.string("dtype") ?? type;
  const width = widths.get(stored);
  const known = quantisation ? ["uint8", "uint16", "float16"] : ["float32", "int32", "bool"];
  if (!width || !known.includes(stored) || !(type === "float32" || type === "int32" || type === "bool")) {
    throw new ModelError(
      `${weight.owner} is stored as ${stored} for ${type}; float32, int32 and bool are supported, ` +
        "and uint8, uint16 or float16 where they are quantised.",
    );
  }
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw new ModelError(`${weight.owner}: its shape ${showShape(shape)} is no shape; model.json is damaged.`);
  }
  return { shape, type, stored, bytes: sizeOf(shape) * width };
}

function decode(weight: Fields, { shape, type, stored }: Layout, bytes: Uint8Array): Constant {
  if (stored === "float32" || (stored === "float16" && type === "float32"))
    return Constant.fromBytes(bytes, stored, shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = sizeOf(shape);
  if (!weight.has("quantization")) {
    const numbers = Array.from({ length: size }, (_, i) =>
      stored === "int32" ? view.getInt32(i * 4, true) : bytes[i],
    );
    return Constant.fromNumbers(type === "bool" ? "bool" : "int", numbers, shape);
  }
  const affine = new Fields(weight.child("quantization"), weight.owner);
  const [scale, min] = [affine.number("scale"), affine.number("min")];
  const value = (i: number): number => (stored === "uint8" ? bytes[i] : view.getUint16(i * 2, true)) * scale + min;
  if (type === "float32") {
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = value(i);
    return Constant.fromFloats(values, shape);
  }
  const numbers = Array.from({ length: size }, (_, i) => Math.round(value(i)));
  return Constant.fromNumbers("int", numbers, shape);
}

/** Weights by the layer that owns them. */
export class LayerWeights {
  readonly #entries: readonly {
    readonly owners: readonly string[];
    readonly name: string;
    readonly constant: Constant;
  }[];

  constructor(weights: ReadonlyMap<string, Constant>) {
    this.#entries = [...weights].map(([path, constant]) => {
      // Keras writes "conv1/kernel:0"; Keras 3 "layers/conv1/vars/0".
      const parts = path
        .replace(/:0$/, "")
        .split("/")
        .filter((part) => part !== "vars");
      return { owners: parts.slice(0, -1), name: parts[parts.length - 1], constant };
    });
  }

  /**
   * The weight of a layer, by its name or, as Keras 3 has it, by its index.
   *
   * @param path  the layer's name after those of the models around it
   */
  find(path: readonly string[], name: string, index: number): Constant | undefined {
    const layer = path[path.length - 1];
    const named = this.#entries.filter(
      (entry) => entry.owners.includes(layer) && (entry.name === name || entry.name === String(index)),
    );
    // Of several, the one whose path shares most with the layer's; directly below the layer before deeper ones.
    const score = (owners: readonly string[]): number =>
      owners.filter((owner) => path.includes(owner)).length * 2 + (owners[owners.length - 1] === layer ? 1 : 0);
    const [best] = named.sort((a, b) => score(b.owners) - score(a.owners));
    return best?.constant;
  }

  /** Paths that might have been meant, for messages. */
  names(layer: string): readonly string[] {
    const own = this.#entries.filter(({ owners }) => owners.includes(layer));
    return own.map(({ owners, name }) => [...owners, name].join("/"));
  }
}

/** All strings of a JSON list, or undefined where it is none. */
export const stringList = (value: Json | undefined): readonly string[] | undefined =>
  isList(value) && value.every((item) => typeof item === "string") ? value : undefined;
