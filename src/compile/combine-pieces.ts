/** Passes that know operators of transformers by the pieces in which files write them. Loaded for a network that has such pieces. */
import { combineDenseBias } from "./combine-dense-bias";
import { combineGelu } from "./combine-gelu";
import { combineLayerNorm } from "./combine-layer-norm";

export const passesOfPieces = [combineGelu, combineLayerNorm, combineDenseBias] as const;
