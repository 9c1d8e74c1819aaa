import { checkBag, checkOptions, oneOf, show, throwIfAborted } from "../checks";
import type { Backward } from "../engine/session";
import { LayerError, OptionError } from "../errors";
import { entryOf, guardedAsync } from "../guard";
import type { ClassAxis } from "../model/class-axis";
import { inputsSeen } from "../model/inputs-seen";
import { type LayerMaps, layerMaps, tokenPlaces } from "../model/layer-maps";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { checkUnit, pixelAt } from "../model/resolve-target";
import type { Position } from "../model/target";
import { type Note, note } from "../notes";
import type { Rules, ValueName } from "../operation/operation";
import type { Tensor } from "../tensor";
import type { Recipe } from "./attribution";
import { gatesBetween, isShut } from "./gradients/gradient";
import { makeRecipe } from "./recipe";
import { rectifiedNotes } from "./rectified-notes";
import { tokenNotes } from "./token-notes";

export interface ProjectOptions {
  /** The layer whose activations are projected. */
  readonly layer: string;
  /** One channel of the layer; default: all of them. */
  readonly unit?: number;
  /** One place of the layer's grid, projected as it is; needs `unit` and leaves `keep` out. Default: wherever it is strongest. */
  readonly position?: Position;
  /** How many of the strongest activations stay, the others are set to zero: 'max' (default) is one. */
  readonly keep?: "max" | number;
  /** What rectifiers send back; default 'deconvnet', as the paper. */
  readonly rule?: Exclude<Rules["rectifier"], "redirected">;
  /** Gives the pass up, between two parts of a layer. */
  readonly signal?: AbortSignal;
}

/** An activation that was kept. */
export interface KeptActivation {
  readonly unit: number;
  readonly position: readonly [y: number, x: number];
  /** Of a layer of tokens the place on the picture's grid; absent where the token stands at none. */
  readonly place?: readonly [y: number, x: number];
  readonly value: number;
}

export interface Projection {
  /** The projection in the network's input space, same shape as the input, signed; of several inputs the first that the layer sees. */
  readonly image: Tensor;
  /** The projection to every input, by its name. */
  readonly byInput: Readonly<Record<string, Tensor>>;
  /** What is there after every stage on the way down, from the layer to the first one. */
  readonly trace: readonly { readonly layer: string; readonly op: string; readonly values: Tensor }[];
  /** The activations that were projected, strongest first. */
  readonly kept: readonly KeptActivation[];
  readonly notes: readonly Note[];
  readonly recipe: Recipe;
}

/**
 * Projects activations of any layer back to the input: which pattern in the image caused them?
 *
 * All activations but the strongest are set to zero; what is left goes down through the recorded switches of the
 * max-pools (unpooling), the rectifiers (`rule`) and the transposed filters. Zeiler & Fergus, ECCV 2014,
 * https://arxiv.org/abs/1311.2901, section 2.1 and figure 2.
 *
 * @throws {LayerError} if the layer is unknown or is the input; {TargetError} if it has no such unit
 * @throws {OptionError} if `keep` or `rule` is out of range, or `position` comes without `unit`
 */
export async function projectActivation(given: Model, input: Input, options: ProjectOptions): Promise<Projection> {
  return guardedAsync("projectActivation", async () => {
    checkBag("projectActivation", options, []);
    checkOptions("projectActivation", options, ["layer", "unit", "position", "keep", "rule", "signal", "onProgress"]);
    throwIfAborted(options.signal);
    const { keep = "max", rule = "deconvnet", unit, position } = options;
    const count = keep === "max" ? 1 : keep;
    if (!Number.isInteger(count) || count < 1)
      throw new OptionError(`keep must be 'max' or a whole number of at least 1, got ${show(keep)}.`);
    oneOf("rule", rule, ["deconvnet", "guided", "gradient"]);
    const model = loaded(given);
    const value = model.valueOf(options.layer);
    if (value === model.full.input || model.parts.inputs.some(({ name }) => name === value))
      throw new LayerError(`"${options.layer}" is the network's input; there is nothing to project.`);
    const shape = model.shape(value);
    const axis = model.unitAxis(value);
    const maps = layerMaps(model, value);
    if (unit !== undefined) checkUnit(unit, options.layer, shape, axis.channels);
    if (position !== undefined && (unit === undefined || options.keep !== undefined)) {
      throw new OptionError(
        `position names one activation: ${unit === undefined ? "give its unit as well" : "leave keep out"}.`,
      );
    }
    const place =
      position !== undefined && unit !== undefined
        ? axis.places[pixelAt(position, axis.rows, axis.columns, `layer "${options.layer}"`)] + axis.offsets[unit]
        : undefined;
    const stages = stagesBelow(model, value);
    const start = model.full.input;
    let offsets: number[] = [];
    let strengths: number[] = [];
    const gates = gatesBetween(model, start, value);
    const backward: Backward = {
      seed: value,
      wanted: [start, ...stages.map((stage) => stage.value)],
      rules: { rectifier: rule },
      write: (gradient, activation) => {
        offsets = place === undefined ? strongest(activation, count, axis, unit) : [place];
        strengths = offsets.map((offset) => activation[offset]);
        for (const offset of offsets) gradient[offset] = activation[offset];
      },
    };
    const pass = { data: model.prepare(input), keep: gates, backward };
    const { gradients, values } = await model.watchedPass(pass, options.signal);
    const image = entryOf(gradients, start);
    const { inputs } = model.parts;
    const byInput = Object.fromEntries(
      inputs.map(({ name, start: from, size }) => [
        name,
        model.tensor(name, inputs.length === 1 ? image : image.slice(from, from + size)),
      ]),
    );
    return {
      image: byInput[inputsSeen(model, value)[0].name],
      byInput,
      trace: stages.map(({ layer, op, value: name }) => {
        return { layer, op, values: model.tensor(name, entryOf(gradients, name)) };
      }),
      kept: offsets.map((offset, i) => ({ ...placeOf(offset, axis, maps), value: strengths[i] })),
      notes: [
        ...(maps ? tokenNotes([{ layer: options.layer, maps }]) : []),
        ...emptyNotes(image, offsets.length, isShut(gates, values), options.layer),
        ...(rule === "gradient"
          ? []
          : rectifiedNotes(image, model).filter(({ code }) => code !== "not-class-specific")),
      ],
      recipe: await makeRecipe(model, "project-activation", { ...options, keep, rule }),
    };
  });
}

/** Why nothing can be seen, or what is seen stands for nothing. */
function emptyNotes(image: Float32Array, kept: number, shut: boolean, layer: string): Note[] {
  if (shut) return [note("nothing-flows", `a rectifier between it and layer "${layer}" lets nothing through`)];
  if (image.some((value) => value !== 0)) return [];
  return [
    note(
      "all-zero-map",
      kept === 0
        ? `no activation of layer "${layer}" that was asked for is positive`
        : "on its way back nothing arrived",
    ),
  ];
}

interface Stage {
  readonly layer: string;
  readonly op: string;
  readonly value: ValueName;
}

/** Every operation the layer depends on, itself first, in the order the projection meets them. */
function stagesBelow(model: LoadedModel, layer: ValueName): Stage[] {
  const needed = new Set<ValueName>([layer]);
  const stages: Stage[] = [];
  for (const { node, inputs, outputs } of [...model.full.operations].reverse()) {
    if (node.op === "InputPart" || !outputs.some((output) => needed.has(output))) continue;
    for (const name of inputs) needed.add(name);
    stages.push({ layer: node.name, op: node.op, value: outputs[0] });
  }
  return stages;
}

/** Offsets of the strongest positive activations of one unit or of all; ties go to the earlier place. */
function strongest(
  activation: Float32Array,
  count: number,
  { places, offsets }: ClassAxis,
  unit: number | undefined,
): number[] {
  const all = unit === undefined ? activation.keys() : places.map((place) => place + offsets[unit]);
  return Array.from(all)
    .filter((offset) => activation[offset] > 0)
    .sort((a, b) => activation[b] - activation[a] || a - b)
    .slice(0, count);
}

/** The unit and the position of an element in memory. */
function placeOf(
  offset: number,
  { places, offsets, columns }: ClassAxis,
  maps: LayerMaps | undefined,
): Omit<KeptActivation, "value"> {
  const unit = offsets.findIndex((own) => places.includes(offset - own));
  const start = offset - offsets[unit];
  const pixel = places.indexOf(start);
  const place = tokenPlaces(maps, places)(start);
  return { unit, position: [Math.floor(pixel / columns), pixel % columns], ...(place && { place }) };
}
