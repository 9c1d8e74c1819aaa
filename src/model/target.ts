/** What can be asked about. */
import type { Tensor } from "../tensor";
import type { Detection, DetectionPart } from "./detection";

/**
 * What to explain:
 *
 * - a class by index or label, or 'top', the best one
 * - `{ position, channel }`, `{ mask, channel }`: one place or a region of an output map
 * - `{ layer, unit, position? }`: a unit (channel) of any layer, where it is strongest ('max', default), at its centre, at a position,
 *   or its mean over all positions
 * - `{ contrast: [a, b] }`: why a and not b, s_a − s_b
 * - `{ sum: [a, b, …] }`: several at once, s_a + s_b + …
 * - `{ weights }`: Σ weight · output, a number for each element of the explained output, in the file's own order
 * - `{ similarTo }`: the cosine of the explained output, an embedding, with another one: why are these two alike?
 * - `{ detection, of? }`: a box that `detect` found: its score ('score', default), or where one of its edges ('left', 'top', 'right',
 *   'bottom') or key points ({ keypoint, axis }) is, in pixels of the picture,
 *   or its instance mask ('mask'), the sum of the mask's scores before the sigmoid over all places in the box
 */
export type Target =
  | number
  | string
  | { readonly position: Position; readonly channel: number }
  | { readonly mask: Uint8Array; readonly channel: number }
  | { readonly layer: string; readonly unit: number; readonly position?: UnitPosition }
  | { readonly contrast: readonly [Target, Target] }
  | { readonly sum: readonly Target[] }
  | { readonly weights: Float32Array }
  | { readonly similarTo: Tensor }
  | { readonly detection: Detection; readonly of?: DetectionPart };

/** A place of a map, of a signal one number. */
export type Position = readonly [y: number, x: number] | number;

/** Where a unit is looked at. */
export type UnitPosition = Position | "max" | "centre" | "mean";
