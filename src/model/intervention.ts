/** Activations of one layer that are overwritten during a pass, before anything reads them. */
export interface Intervention {
  /** The layer, by node name or the name of its output tensor. */
  readonly layer: string;
  /** Channels; default: all. */
  readonly units?: number | readonly number[];
  /** Places: one byte for each of the layer's, row-major, not 0 where to intervene; default: everywhere. */
  readonly mask?: Uint8Array;
  /** What the activations become; default 0, ablation. A function gets what they were, and where. */
  readonly value?:
    | number
    | ((activation: number, place: { readonly unit: number; readonly y: number; readonly x: number }) => number);
}
