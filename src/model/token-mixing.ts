/** Where the tokens of a network last learn of each other: attention, and matrices over places as in an MLP-Mixer. */
import type { Operation, ValueName } from "../operation/operation";
import { operators } from "../operators/table";
import { attentionLayers, isMoving, weighing } from "./attention-layers";
import type { LoadedModel } from "./loaded-model";
import { pictureAxes } from "./picture-axes";

export interface TokenMixing {
  /** What is mixed: a block's first normalisation, before what is made of it for the mixing alone. */
  readonly read: ValueName;
  /** What comes out: the tokens after the product that mixes them. */
  readonly mixed: ValueName;
}

/** Every mixing of tokens before a target, in the order in which they run. */
export function tokenMixings(model: LoadedModel, target: ValueName): TokenMixing[] {
  const below = model.dependencies(target);
  const axes = pictureAxes(model);
  const attended = new Map(
    attentionLayers(model, target).flatMap(({ value }) => {
      const product = weighing(model, value);
      return product ? [[product.mixed, { ...product, attention: value }] as const] : [];
    }),
  );
  return model.full.operations.flatMap(({ node, inputs, outputs: [mixed] }): TokenMixing[] => {
    if (!below.has(mixed) || operators.get(node.op)?.nature !== "dense") return [];
    const product = attended.get(mixed);
    if (product) {
      // What asks may be queries of no place, and what is asked a text, or a smaller copy of the places.
      const count = (value: ValueName): number => axes.places(value)?.offsets.length ?? 0;
      const read = [product.weighed, ...compared(model, product.attention)]
        .map((value) => notMoved(model, projected(model, value)))
        .find((value) => count(value) > 1 && count(value) === count(mixed));
      return read === undefined ? [] : [{ read, mixed }];
    }
    if (inputs.length !== 1 || node.inputs.length < 2) return [];
    const summed = node.inputs[0] === inputs[0] ? -1 : -2;
    if (!axes.isSequence(inputs[0], summed)) return [];
    return [{ read: notMoved(model, inputs[0]), mixed }];
  });
}

const operationOf = (model: LoadedModel, value: ValueName): Operation | undefined =>
  model.full.operations[model.full.producer.get(value) ?? -1];

/** What asks and what is asked: both sides of the product that an attention map is made of. */
function compared(model: LoadedModel, attention: ValueName): readonly ValueName[] {
  for (let operation = operationOf(model, attention); operation; ) {
    const { node, inputs } = operation;
    if (operators.get(node.op)?.nature === "dense") return inputs;
    operation = operationOf(model, inputs[0]);
  }
  return [];
}

/** What a layer with weights made values of: the layer is found through constants that are added and through what moves. */
function projected(model: LoadedModel, values: ValueName): ValueName {
  for (let value = values; ; ) {
    const operation = operationOf(model, value);
    if (operation?.inputs.length !== 1) return values;
    const nature = operators.get(operation.node.op)?.nature;
    const [input] = operation.inputs;
    if (nature === "dense" || nature === "convolution") return input;
    if (!isMoving(operation) && nature !== "sum" && nature !== "affine") return values;
    value = input;
  }
}

/** The value whose elements these are: through whatever only moves them, be it cut in two and joined the other way round. */
function notMoved(model: LoadedModel, values: ValueName): ValueName {
  for (let value = values; ; ) {
    const operation = operationOf(model, value);
    if (!operation || !isMoving(operation) || operation.inputs.length === 0) return value;
    const parts = new Set(operation.inputs);
    const sources = new Set([...parts].map((part) => (parts.size > 1 ? notMoved(model, part) : part)));
    if (sources.size > 1) return value;
    [value] = sources;
  }
}

/** True where a value only is another arrangement of one that is no map itself. */
export function isRearranged(model: LoadedModel, value: ValueName): boolean {
  const source = notMoved(model, value);
  return source !== value && !pictureAxes(model).isMap(source);
}
