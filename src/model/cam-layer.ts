import { LayerError } from "../errors";
import { imageShape } from "../ops/layout";
import type { Operation, ValueName } from "../ops/operation";
import type { LoadedModel } from "./model";

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
 * information; where the output is itself a map (a segmenter), the smallest maps do, because they see the whole image.
 */
export function camCandidates(model: LoadedModel, target: ValueName = model.parts.explained): CamCandidate[] {
  const below = model.dependencies(target);
  const maps = model.full.operations.flatMap(({ node, outputs }): CamCandidate[] => {
    const [value] = outputs;
    const shape = model.shape(value);
    // What only reorders axes computes nothing; its maps may lie across.
    if (!below.has(value) || value === target || node.op === "Transpose" || shape.length < 3 || shape.length > 4)
      return [];
    const { h, w, c } = imageShape(shape);
    return h * w > 1 ? [{ layer: node.name, value, height: h, width: w, channels: c }] : [];
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
        `No layer of "${model.name}" before the target has maps larger than 1×1, so there is nothing to weigh.`,
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
  return { layer: asked, value };
}

function pixelsOf(model: LoadedModel, value: ValueName): number {
  const shape = model.shape(value);
  if (shape.length < 3 || shape.length > 4) return 1;
  const { h, w } = imageShape(shape);
  return h * w;
}

/** Operators that a head may have after the pooling: they treat the pooled vector linearly. */
const linearOperators: ReadonlySet<string> = new Set([
  ..."Gemm MatMul Add Sub Mul Flatten Reshape Squeeze Unsqueeze Identity Dropout BatchNormalization".split(" "),
]);

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
    const linear = linearOperators.has(before.node.op) || isPointwiseOnVector(model, before);
    if (before.inputs.length !== 1 || !linear) return { before };
    before = operationOf(before.inputs[0]);
  }
  if (!before) return {};
  const [value] = before.inputs;
  return { pooled: { layer: operationOf(value)?.node.name ?? value, value }, before };
}

function poolsEverything(model: LoadedModel, operation: Operation): boolean {
  const { node, inputs, outputs } = operation;
  if (!["GlobalAveragePool", "AveragePool", "ReduceMean"].includes(node.op)) return false;
  const [from, to] = [model.shape(inputs[0]), model.shape(outputs[0])];
  if (from.length < 3) return false;
  const { h, w, c } = imageShape(from);
  return h * w > 1 && to.reduce((a, b) => a * b, 1) === from[0] * c;
}

function isPointwiseOnVector(model: LoadedModel, { node, inputs }: Operation): boolean {
  if (node.op !== "Conv") return false;
  const { h, w } = imageShape(model.shape(inputs[0]));
  return h * w === 1;
}
