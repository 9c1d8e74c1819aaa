/** How a picture becomes the network's input: value = (pixel scaled to `range` − mean) / std. */
export interface Preprocess {
  /** What 0 and 255 become before mean and std; default [0, 1]. */
  readonly range?: readonly [number, number];
  /** In the network's channel order, or one number for all; default 0. */
  readonly mean?: readonly number[] | number;
  /** In the network's channel order, or one number for all; default 1. */
  readonly std?: readonly number[] | number;
  /** Order of the network's channels; default 'rgb'. */
  readonly channels?: "rgb" | "bgr";
  /**
   * 'crop' (default): the largest part of the input's shape around the centre; 'stretch': everything, distorted;
   * 'pad': everything, with a border of the mean colour.
   */
  readonly fit?: "crop" | "stretch" | "pad";
}
