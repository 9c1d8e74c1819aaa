import { checkBag, checkOptions } from "../../checks";
import { LayerError } from "../../errors";
import { entryOf, guarded } from "../../guard";
import type { Rectangle } from "../../image/resize";
import { memoryStrides } from "../../operation/layout";
import type { ValueName } from "../../operation/operation";
import { marked } from "../../operators/region";
import { showShape } from "../../tensor";
import type { ClassAxis } from "../class-axis";
import { inputsSeen } from "../inputs-seen";
import { type LayerMaps, layerMaps } from "../layer-maps";
import { type LoadedModel, loaded } from "../loaded-model";
import type { Model } from "../model";
import { pictureInput } from "../network-inputs";
import { pictureAxes } from "../picture-axes";
import { checkUnit, pixelAt } from "../resolve-target";
import { unitClass } from "./unit-classes";
import { walkDown } from "./walk";

/**
 * The pixels of the network's input that one neuron is computed from: the exact bounds of its receptive field, through
 * strides, padding, dilation, branches and shortcuts, as the graph has them, clipped at the border.
 *
 * A neuron behind a global average (a squeeze-and-excitation block, an instance normalisation) sees the whole input.
 *
 * @param at.position  row and column in the layer's grid; a signal has one row
 * @param at.unit      channel of the layer, where branches of different reach are joined; default 0
 * @param at.input     the input of a network with several; default: the first with places that the layer sees
 * @returns input pixels; of extent 0 if the neuron sees only padding
 * @throws {LayerError} if the layer is unknown; {TargetError} if it has no such unit or position
 * @see Araujo, Norris & Sim 2019, Computing Receptive Fields of Convolutional Neural Networks,
 *   https://distill.pub/2019/computing-receptive-fields, for networks in which every path has the same stride
 * @example
 * receptiveField(model, "conv3", { position: [4, 4] }); // { x: 6, y: 6, width: 18, height: 18 }
 */
export function receptiveField(
  model: Model,
  layer: string,
  options: { readonly position: readonly [y: number, x: number]; readonly unit?: number; readonly input?: string },
): Rectangle {
  return guarded("receptiveField", () => {
    checkBag("receptiveField", options, []);
    checkOptions("receptiveField", options, ["position", "unit", "input"]);
    const { position, unit = 0, input } = options;
    const fields = new ReceptiveFields(loaded(model), layer, input);
    checkUnit(unit, layer, fields.shape, fields.units);
    pixelAt(position, fields.height, fields.width, `layer "${layer}"`);
    return fields.at(unit, ...position);
  });
}

/** First and one past the last pixel of an axis. */
type Span = readonly [from: number, to: number];

/** The receptive fields of one layer. Where its rows and columns are those of the input, each is computed once. */
export class ReceptiveFields {
  readonly value: ValueName;
  readonly shape: readonly number[];
  /** Where the units are, and their places. */
  readonly axis: ClassAxis;
  readonly units: number;
  /** The layer as maps, where its places are the picture's. */
  readonly maps: LayerMaps | undefined;
  readonly height: number;
  readonly width: number;
  readonly #model: LoadedModel;
  readonly #input: ValueName;
  /** Whether what a place sees along one axis does not depend on where it is along the other. */
  readonly #isGrid: boolean;
  readonly #kinds = new Map<number, number>();
  readonly #classes = new Map<string, number>();
  readonly #rows = new Map<number, Span>();
  readonly #columns = new Map<number, Span>();

  /** @throws {LayerError} if the layer is unknown, is the input or does not begin with the batch axis */
  constructor(model: LoadedModel, layer: string, input?: string) {
    this.#model = model;
    this.value = model.valueOf(layer);
    this.shape = model.shape(this.value);
    const { inputs } = model.parts;
    this.#input = input === undefined ? inputsSeen(model, this.value)[0].name : pictureInput(inputs, input).name;
    if (this.value === model.full.input || inputs.some(({ name }) => name === this.value))
      throw new LayerError(`"${layer}" is the network's input; choose a layer that computes something.`);
    this.axis = model.unitAxis(this.value);
    this.maps = layerMaps(model, this.value);
    const isOutput = this.value === model.parts.explained || this.value === model.parts.result;
    if (this.shape.length < 2 || (this.shape[0] !== 1 && !isOutput)) {
      throw new LayerError(
        `Layer "${layer}" is ${showShape(this.shape)}: it has no units, for its first axis is not one sample. ` +
          "Choose a layer of shape 1×C or 1×C×H×W.",
      );
    }
    [this.units, this.height, this.width] = [this.axis.channels, this.axis.rows, this.axis.columns];
    this.#isGrid = this.axis.axes.join() === "1" && pictureAxes(model).isMap(this.value);
  }

  /** The receptive field of a unit at a place of the layer's grid, in input pixels. */
  at(unit: number, y: number, x: number): Rectangle {
    const kind = this.#kindOf(unit);
    const place = (kind * this.height + y) * this.width + x;
    const [rowKey, columnKey] = this.#isGrid ? [kind * this.height + y, kind * this.width + x] : [place, place];
    if (!this.#rows.has(rowKey) || !this.#columns.has(columnKey)) {
      const [rows, columns] = this.#look(unit, y, x);
      this.#rows.set(rowKey, rows);
      this.#columns.set(columnKey, columns);
    }
    const [top, bottom] = entryOf(this.#rows, rowKey);
    const [left, right] = entryOf(this.#columns, columnKey);
    return { x: left, y: top, width: right - left, height: bottom - top };
  }

  /** Units that see alike share a number. */
  #kindOf(unit: number): number {
    let kind = this.#kinds.get(unit);
    if (kind === undefined) {
      // Behind channels that became places, each unit is a case of its own.
      const known = this.axis.axes.join() === "1" ? unitClass(this.#model, this.value, unit) : `unit ${unit}`;
      kind = this.#classes.get(known) ?? this.#classes.size;
      this.#classes.set(known, kind);
      this.#kinds.set(unit, kind);
    }
    return kind;
  }

  #look(unit: number, y: number, x: number): [Span, Span] {
    const element = this.axis.places[y * this.width + x] + this.axis.offsets[unit];
    const strides = memoryStrides(this.shape);
    const region = this.shape.map((extent, axis) => {
      const mask = new Uint8Array(extent);
      mask[Math.floor(element / strides[axis]) % extent] = 1;
      return mask;
    });
    const seen = walkDown(this.#model, this.value, region).regions.get(this.#input) ?? [];
    const spans = seen.slice(2).map(spanOf);
    const alone: Span = seen.length > 0 ? [0, 1] : [0, 0];
    return [spans.length > 1 ? spans[0] : alone, spans.at(-1) ?? alone];
  }
}

function spanOf(mask: Uint8Array): Span {
  const indices = marked(mask);
  return indices.length > 0 ? [indices[0], (indices.at(-1) as number) + 1] : [0, 0];
}
