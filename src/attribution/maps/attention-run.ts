/** What attention rollout and attention relevance share: the maps of a network's blocks, and the places that the result stands at. */
import { show } from "../../checks";
import { LayerError, OptionError } from "../../errors";
import { type AttentionLayer, attentionLayers } from "../../model/attention-layers";
import { inputsSeen } from "../../model/inputs-seen";
import type { LoadedModel } from "../../model/loaded-model";
import type { ScoredTarget } from "../../model/score";
import { type TokenGrid, tokenGrid } from "../../model/token-grid";
import { Tensor } from "../../tensor";
import type { ExplainOptions } from "../attribution";
import type { Found } from "../finish";

export interface AttentionOptions extends ExplainOptions {
  /**
   * Share of each block's smallest values, its heads together, that count as zero; default 0: all of them count. What a class token
   * gives to itself is kept.
   */
  readonly discard?: number;
}

export interface AttentionRun {
  readonly layers: readonly AttentionLayer[];
  readonly grid: TokenGrid;
  readonly tokens: number;
}

/**
 * The blocks before a target.
 *
 * @throws {OptionError} if `discard` is no share; {LayerError} if there are none, or they are no chain of all tokens attending to all
 */
export function startAttention(
  model: LoadedModel,
  method: string,
  target: ScoredTarget,
  discard: number,
): AttentionRun {
  if (!(typeof discard === "number" && discard >= 0 && discard < 1)) {
    throw new OptionError(
      `discard must be at least 0 and below 1, the share of each block's values to leave out, got ${show(discard)}.`,
    );
  }
  const layers = attentionLayers(model, target.value);
  if (layers.length === 0) {
    throw new LayerError(
      `${method} follows attention, and "${model.name}" has none before the target: no softmax weighs another value. ` +
        "Take a method that needs none, for example gradCam or lrp.",
    );
  }
  const [{ queries: tokens }] = layers;
  const odd = layers.find(({ windows, queries, keys }) => windows !== 1 || queries !== tokens || keys !== tokens);
  if (odd) {
    const { layer, windows, queries, keys } = odd;
    const what =
      windows === 1 ? `is between ${queries} and ${keys} tokens` : `attends inside of ${windows} windows by itself`;
    throw new LayerError(
      `${method} follows the same ${tokens} tokens through every block, and attention "${layer}" ${what}. ` +
        "Take a method that needs no such chain, for example lrp.",
    );
  }
  const grid = tokenGrid(model, tokens);
  if (!grid) {
    throw new LayerError(
      `${method}: nothing says which places of the picture the ${tokens} tokens of "${layers[0].layer}" are: they are no grid of its shape, ` +
        "with or without a class token.",
    );
  }
  return { layers, grid, tokens };
}

/** A square matrix over tokens, row by row. */
export type TokenMatrix = Float64Array;

/** Mean over the heads of what `of` makes of each element. */
export function headMean(tokens: number, heads: number, of: (element: number) => number): TokenMatrix {
  const size = tokens * tokens;
  return Float64Array.from({ length: size }, (_, i) => {
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += of(head * size + i);
    return sum / heads;
  });
}

/** Sets the smallest share to zero; of equal values the earlier ones go first. */
export function discardSmallest(matrix: TokenMatrix, share: number, { inFront }: TokenGrid): void {
  const order = Array.from(matrix.keys()).sort((a, b) => matrix[a] - matrix[b] || a - b);
  for (const i of order.slice(0, Math.floor(share * matrix.length))) if (i !== 0 || inFront === 0) matrix[i] = 0;
}

/** left · right, and where `onto` is given added to it. */
export function tokenProduct(tokens: number, left: TokenMatrix, right: TokenMatrix, onto?: TokenMatrix): TokenMatrix {
  const result = onto?.slice() ?? new Float64Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) {
    for (let k = 0; k < tokens; k++) {
      const factor = left[i * tokens + k];
      if (factor === 0) continue;
      for (let j = 0; j < tokens; j++) result[i * tokens + j] += factor * right[k * tokens + j];
    }
  }
  return result;
}

export const identityMatrix = (tokens: number): TokenMatrix =>
  Float64Array.from({ length: tokens * tokens }, (_, i) => Number(i % (tokens + 1) === 0));

/** The row of the class token, or the mean of all where there is none, at the places of the picture. */
export function placed(
  model: LoadedModel,
  matrix: TokenMatrix,
  { layers, grid, tokens }: AttentionRun,
): Pick<Found, "values" | "byInput"> {
  const { rows, columns, inFront } = grid;
  const asking = inFront > 0 ? 1 : tokens;
  const map = Float32Array.from({ length: rows * columns }, (_, place) => {
    let sum = 0;
    for (let row = 0; row < asking; row++) sum += matrix[row * tokens + inFront + place];
    return sum / asking;
  });
  const values = new Tensor(map, [1, rows, columns, 1]);
  if (model.parts.inputs.length === 1) return { values };
  const seen = inputsSeen(model, layers[0].value);
  return { values, byInput: Object.fromEntries(seen.map(({ name }) => [name, values])) };
}
