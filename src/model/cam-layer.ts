import { LayerError } from "../errors";
import { imageShape } from "../operation/layout";
import type { Operation, ValueName } from "../operation/operation";
import { isReshaping, operators } from "../operators/table";
import { showShape, sizeOf } from "../tensor";
import type { LoadedModel } from "./model";
import { pictureAxes } from "./picture-axes";

/** A layer whose maps a CAM method can weigh. */
export interface CamCandidate {
  readonly layer: string;
  readonly value: ValueName;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Layers with maps that influence the explained output, best first. The last one before the head carries the most class
 * information; where the output is itself a map (a segmenter), the smallest maps do, because they see the whole image. Maps are
 * values that still have the picture's rows and columns as their last two axes: what was flattened, pooled or turned is none.
 */
export function camCandidates(
  model: LoadedModel,
  target: ValueName = model.parts.explained,
  input?: string,
): CamCandidate[] {
  // Of several inputs each has its own layers, and those that they share.
  const sees = (value: ValueName): boolean => input === undefined || model.dependencies(value).has(input);
  const below = model.dependencies(target);
  const axes = pictureAxes(model);
  const maps = model.full.operations.flatMap(({ node, inputs, outputs }): CamCandidate[] => {
    const [value] = outputs;
    const shape = model.shape(value);
    if (!below.has(value) || value === target || node.op === "InputPart" || !axes.isMap(value)) return [];
    // What only reorders axes computes nothing, so it is a layer only where it makes the maps.
    if (node.op === "Transpose" && (axes.isMap(inputs[0]) || inputs[0] === model.full.input)) return [];
    if (!sees(value)) return [];
    const { h, w, c } = imageShape(shape);
    return [{ layer: node.name, value, height: h, width: w, channels: c }];
  });
  // A map of one channel has nothing to weigh against; it serves where there is no other.
  const several = maps.filter(({ channels }) => channels > 1);
  const latestFirst = (several.length > 0 ? several : maps).reverse();
  if (pixelsOf(model, target) <= 1) return latestFirst;
  return latestFirst.sort((a, b) => a.height * a.width - b.height * b.width);
}

/** The value a CAM method looks at: the asked layer, or the best candidate. */
export function camLayer(
  model: LoadedModel,
  asked: string | undefined,
  target: ValueName,
): { layer: string; value: ValueName } {
  if (asked === undefined) {
    const [best] = camCandidates(model, target);
    if (!best) {
      throw new LayerError(
        `No layer of "${model.name}" before the target has maps larger than 1×1 with the picture's rows and columns, so there is nothing to weigh.`,
      );
    }
    return best;
  }
  const value = model.layerBefore(asked, target);
  if (pixelsOf(model, value) <= 1) {
    const [best] = camCandidates(model, target);
    const hint = best ? ` Try "${best.layer}" (${best.height}×${best.width}).` : "";
    throw new LayerError(
      `Layer "${asked}" has no maps larger than 1×1, so a class activation map of it shows nothing.${hint}`,
    );
  }
  if (!pictureAxes(model).isMap(value)) {
    const [best] = camCandidates(model, target);
    const hint = best ? ` Try "${best.layer}" (${best.height}×${best.width}).` : "";
    throw new LayerError(
      `Layer "${asked}" is ${showShape(model.shape(value))}: its last two axes are not the picture's rows and columns any more, ` +
        `so its places cannot be shown on the picture.${hint}`,
    );
  }
  return { layer: asked, value };
}

function pixelsOf(model: LoadedModel, value: ValueName): number {
  const shape = model.shape(value);
  if (shape.length < 3 || shape.length > 5) return 1;
  const { h, w } = imageShape(shape);
  return h * w;
}

/** How a score comes about, walked back through linear layers. */
export interface LinearHead {
  /** The maps whose average the score is a linear function of, if that is what the network computes. */
  readonly pooled?: { readonly layer: string; readonly value: ValueName };
  /** The operation at which the walk ended; none at the network's input. */
  readonly before?: Operation;
}

/** Walks back from a score, through linear layers, to the average pooling of maps. */
export function linearHead(model: LoadedModel, score: ValueName): LinearHead {
  const { operations, producer } = model.full;
  const operationOf = (value: ValueName): Operation | undefined => operations[producer.get(value) ?? -1];
  let before = operationOf(score);
  while (before && !poolsEverything(model, before)) {
    if (before.inputs.length !== 1 || !isLinearOnVector(model, before)) return { before };
    before = operationOf(before.inputs[0]);
  }
  if (!before) return {};
  let [value] = before.inputs;
  // Places in a row are those of the maps before: the same numbers in the same order.
  for (let flat = operationOf(value); flat && isFlattening(model, flat); flat = operationOf(value))
    [value] = flat.inputs;
  return { pooled: { layer: operationOf(value)?.node.name ?? value, value }, before };
}

/** All places and nothing else are averaged: what is left of the value has one number per channel. */
function poolsEverything(model: LoadedModel, { node, inputs, outputs }: Operation): boolean {
  const { nature, arrange } = operators.get(node.op) ?? {};
  if (nature !== "mean") return false;
  const [from, to] = [model.shape(inputs[0]), model.shape(outputs[0])];
  if (from.length < 3) return false;
  const { n, h, w, c } = imageShape(from);
  if (h * w <= 1 || sizeOf(to) !== n * c) return false;
  if (!arrange) return true;
  const { constants } = model.parts.graph;
  const [region] = arrange(
    node,
    [from],
    node.inputs.map((name) => constants.get(name)),
  ).regions();
  return from.every((extent, axis) => extent === 1 || (region.to?.steps?.[axis] === 0) === axis >= 2);
}

function isFlattening(model: LoadedModel, { node, inputs, outputs }: Operation): boolean {
  if (!isReshaping(node.op) || pictureAxes(model).isMap(outputs[0])) return false;
  const [from, to] = [imageShape(model.shape(inputs[0])), imageShape(model.shape(outputs[0]))];
  return from.n === to.n && from.c === to.c && from.h * from.w === to.h * to.w;
}

/** A head may treat the pooled vector linearly; what works on maps is none, but for what only changes their numbers or their shape. */
function isLinearOnVector(model: LoadedModel, { node, inputs, linear }: Operation): boolean {
  if (!linear) return false;
  const { reach, nature } = operators.get(node.op) ?? {};
  if (reach === "same" || reach === "row-major" || nature === "dense") return true;
  const { h, w } = imageShape(model.shape(inputs[0]));
  return h * w === 1;
}
