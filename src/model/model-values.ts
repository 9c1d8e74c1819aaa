import { show } from "../checks";
import { isLaidOut } from "../compile/equal-ranks";
import { sampleSize, valueShape } from "../engine/network";
import { LayerError } from "../errors";
import type { Shape } from "../graph/shape-rule";
import { suggest } from "../nearest";
import { memoryStrides, tensorShape, toMemoryOrder, toRowMajor } from "../operation/layout";
import type { ValueName } from "../operation/operation";
import { Tensor } from "../tensor";
import { innerChannelAxis } from "./channel-axis";
import { type ClassAxis, classAxisOf, elementOffsets, unitAxisOf } from "./class-axis";
import { ModelNetworks } from "./model-networks";
import type { ModelParts } from "./model-parts";

/** The values of a model's networks: what people call them, what shape they have, and how they are handed out and in. */
export class ModelValues extends ModelNetworks {
  readonly labels?: readonly string[];
  readonly #unitAxes = new Map<ValueName, ClassAxis>();

  constructor(parts: ModelParts) {
    super(parts);
    this.labels = parts.labels;
  }

  /** ONNX shape of a value. */
  shape(value: ValueName): Shape {
    return valueShape(this.full, value);
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
  override valueOf(layer: string): ValueName {
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
}
