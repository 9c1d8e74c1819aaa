import { LayerError } from "../errors";
import { imageShape } from "../operation/layout";
import type { Operation, ValueName } from "../operation/operation";
import { isReshaping, operators } from "../operators/table";
import { showShape, sizeOf } from "../tensor";
import { type LayerMaps, layerMaps, mapsOfShape, tokenMaps } from "./layer-maps";
import type { LoadedModel } from "./loaded-model";
import { pictureAxes } from "./picture-axes";
import type { ScoredAt } from "./score";
import { isRearranged, tokenMixings } from "./token-mixing";

/** A layer whose maps a CAM method can weigh. */
export interface CamCandidate {
  readonly layer: string;
  readonly value: ValueName;
  readonly maps: LayerMaps;
}

/**
 * Layers with maps that influence the explained output, best first. Of maps that have the picture's rows and columns as their last
 * two axes the last one before the head carries the most class information. Where tokens learned of each other after the last of
 * those (a transformer), it is what the last block read: what comes later says of each token alone what the head makes of it, and
 * of all but a class token often nothing.
 *
 * @param input  the input that they have to see; default: any
 */
export function camCandidates(
  model: LoadedModel,
  target: ValueName = model.parts.explained,
  input?: string,
): CamCandidate[] {
  const maps = mapCandidates(model, target, input);
  const [best] = maps;
  const latestFirst = tokenMixings(model, target).reverse();
  const values = [...new Set(latestFirst.map(({ read }) => read))];
  const tokens = values.flatMap((value): CamCandidate[] => {
    if (pictureAxes(model).isMap(value) || (input !== undefined && !model.dependencies(value).has(input))) return [];
    const found = tokenMaps(model, value);
    return found ? [{ layer: layerOf(model, value), value, maps: found }] : [];
  });
  if (pixelsOf(model, target) > 1) tokens.sort(bySize);
  const [newest] = tokens;
  if (!newest || !best) return [...tokens, ...maps];
  const mixed = latestFirst.find(({ read }) => read === newest.value)?.mixed ?? newest.value;
  const mapsGoOn = model.dependencies(best.value).has(mixed) && !isRearranged(model, best.value);
  return mapsGoOn ? [...maps, ...tokens] : [...tokens, ...maps];
}

const bySize = (a: CamCandidate, b: CamCandidate): number =>
  a.maps.height * a.maps.width - b.maps.height * b.maps.width;

/**
 * Values that still have the picture's rows and columns as their last two axes, best first: the last one before the target; where the
 * output is itself a map (a segmenter), the smallest, because they see the whole image. What was flattened, pooled or turned is none.
 */
export function mapCandidates(
  model: LoadedModel,
  target: ValueName = model.parts.explained,
  input?: string,
): CamCandidate[] {
  const latestFirst = mapsBefore(model, target, input);
  return pixelsOf(model, target) <= 1 ? latestFirst : latestFirst.sort(bySize);
}

/** All maps before a value, the last one first. */
function mapsBefore(model: LoadedModel, target: ValueName, input?: string): CamCandidate[] {
  // Of several inputs each has its own layers, and those that they share.
  const sees = (value: ValueName): boolean => input === undefined || model.dependencies(value).has(input);
  const below = model.dependencies(target);
  const axes = pictureAxes(model);
  const maps = model.full.operations.flatMap(({ node, inputs, outputs }): CamCandidate[] => {
    const [value] = outputs;
    if (!below.has(value) || value === target || node.op === "InputPart" || !axes.isMap(value)) return [];
    // What only reorders axes computes nothing, so it is a layer only where it makes the maps.
    if (node.op === "Transpose" && (axes.isMap(inputs[0]) || inputs[0] === model.full.input)) return [];
    if (takesIntegers(node)) return [];
    const found = sees(value) && layerMaps(model, value);
    return found ? [{ layer: node.name, value, maps: found }] : [];
  });
  // A map of one channel has nothing to weigh against; it serves where there is no other.
  const several = maps.filter(({ maps: { channels } }) => channels > 1);
  return (several.length > 0 ? several : maps).reverse();
}

/** Places along each axis that a score has to see: of one place the map of every box is its own middle. */
const leastSeen = 3;

/**
 * Of a box the last map of its own scale that all of its score is computed from, and its place too, and of which the score sees more than one
 * place: what a detector's neck hands to the head of that scale.
 *
 * @returns undefined where its score is made at no place of a map
 */
export function boxLayer(model: LoadedModel, { value, index, beside }: ScoredAt): CamCandidate | undefined {
  const shape = model.shape(value);
  const own = pictureAxes(model).isMap(value) && shape.length === 4 ? mapsOfShape(shape) : undefined;
  // In the middle: at an edge there is less to be seen, and boxes of one scale have one layer.
  const middle = own && index - (index % (own.height * own.width)) + middleOf(own);
  const regions = middle === undefined ? undefined : model.heads?.regionsBehind(model, { value, index: middle });
  if (!own || !regions) return undefined;
  const isSeen = (candidate: ValueName): boolean =>
    (regions.get(candidate) ?? []).slice(-2).every((mask) => {
      const seen = mask.reduce((sum, mark) => sum + mark, 0);
      return seen >= Math.min(leastSeen, mask.length);
    });
  const ofBox = model.dependencies(beside);
  return mapsBefore(model, value).find(
    ({ value: candidate, maps: { height, width, tokens } }) =>
      !tokens &&
      height === own.height &&
      width === own.width &&
      regions.has(candidate) &&
      isSeen(candidate) &&
      ofBox.has(candidate) &&
      carriesAll(model, candidate, value),
  );
}

const middleOf = ({ height, width }: LayerMaps): number => Math.floor(height / 2) * width + Math.floor(width / 2);

/** True where no way from an input to a value leads past another one. */
function carriesAll(model: LoadedModel, candidate: ValueName, value: ValueName): boolean {
  const { operations, producer } = model.full;
  const seen = new Set<ValueName>([candidate]);
  const next = [value];
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const made = producer.get(at);
    if (made === undefined) return false;
    for (const input of operations[made].inputs) next.push(input);
  }
  return true;
}

/** The value a CAM method looks at: the asked layer, or the best candidate. */
export function camLayer(model: LoadedModel, asked: string | undefined, target: ValueName): CamCandidate {
  if (asked === undefined) {
    const [best] = camCandidates(model, target);
    if (best) return best;
    throw new LayerError(
      `No layer of "${model.name}" before the target has maps larger than 1×1 with the picture's rows and columns, so there is nothing to weigh.`,
    );
  }
  const value = model.layerBefore(asked, target);
  const maps = layerMaps(model, value);
  if (maps) return { layer: asked, value, maps };
  const hint = hintOf(camCandidates(model, target));
  const shape = model.shape(value);
  if (pixelsOf(model, value) <= 1) {
    throw new LayerError(
      `Layer "${asked}" has no maps larger than 1×1, so a class activation map of it shows nothing.${hint}`,
    );
  }
  const reason =
    shape.length === 4 || pictureAxes(model).places(value)
      ? "its last two axes are not the picture's rows and columns any more, "
      : `its ${shape.length === 3 && shape[0] === 1 ? `${shape[1]} ` : ""}tokens are no grid of places of the picture, as far as those can be followed, `;
  throw new LayerError(
    `Layer "${asked}" is ${showShape(shape)}: ${reason}so its places cannot be shown on the picture.${hint}`,
  );
}

/** The same among maps with rows and columns alone: what is to be pooled, or followed by a convolution. */
export function mapLayer(model: LoadedModel, asked: string | undefined, target: ValueName): CamCandidate {
  const [best] = asked === undefined ? mapCandidates(model, target) : [];
  if (best) return best;
  const found = camLayer(model, asked, target);
  if (!found.maps.tokens) return found;
  throw new LayerError(
    `Layer "${found.layer}" is ${showShape(model.shape(found.value))}, a sequence of tokens, and maps with rows and columns are needed.` +
      hintOf(mapCandidates(model, target)),
  );
}

const hintOf = ([best]: readonly CamCandidate[]): string =>
  best ? ` Try "${best.layer}" (${best.maps.height}×${best.maps.width}).` : "";

const layerOf = (model: LoadedModel, value: ValueName): string =>
  model.full.operations[model.full.producer.get(value) ?? -1]?.node.name ?? value;

function pixelsOf(model: LoadedModel, value: ValueName): number {
  const shape = model.shape(value);
  if (shape.length < 3 || shape.length > 5) return 1;
  const { h, w } = imageShape(shape);
  return h * w;
}

/** How a score comes about, walked back through linear layers. */
export interface LinearHead {
  /** The maps whose average the score is a linear function of, if that is what the network computes. */
  readonly pooled?: CamCandidate;
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
  for (
    let flat = operationOf(value);
    flat && (isFlattening(model, flat) || takesIntegers(flat.node));
    flat = operationOf(value)
  )
    [value] = flat.inputs;
  const maps = layerMaps(model, value) ?? mapsOfShape(model.shape(value));
  return { pooled: { layer: operationOf(value)?.node.name ?? value, value, maps }, before };
}

/** All places and nothing else are averaged: what is left of the value has one number per channel. */
function poolsEverything(model: LoadedModel, { node, inputs, outputs }: Operation): boolean {
  const { nature, arrange } = operators.get(node.op) ?? {};
  if (nature !== "mean") return false;
  const [from, to] = [model.shape(inputs[0]), model.shape(outputs[0])];
  if (from.length < 3) return false;
  const averages = (isPlace: (axis: number) => boolean): boolean => {
    if (!arrange) return true;
    const { constants } = model.parts.graph;
    const [region] = arrange(
      node,
      [from],
      node.inputs.map((name) => constants.get(name)),
    ).regions();
    return from.every((extent, axis) => extent === 1 || (region.to?.steps?.[axis] === 0) === isPlace(axis));
  };
  const { n, h, w, c } = imageShape(from);
  if (h * w > 1 && sizeOf(to) === n * c && averages((axis) => axis >= 2)) return true;
  const found = arrange && tokenMaps(model, inputs[0]);
  // A class token among what is averaged has a share of the score, and no place.
  if (!found || found.tokens.inFront + found.tokens.behind > 0) return false;
  return sizeOf(to) === found.channels && averages((axis) => found.tokens.axes.includes(axis));
}

/** The integers of a quantised value are that value in other units, under a name that no file has. */
const takesIntegers = ({ op, attributes }: Operation["node"]): boolean =>
  op === "RoundToGrid" && !attributes.has("low");

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
