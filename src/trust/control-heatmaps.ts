import { checkOptions } from "../checks";
import { guarded } from "../guard";
import { placementOf } from "../image/placement";
import { inputSize } from "../model/input-size";
import { type LoadedModel, loaded } from "../model/loaded-model";
import { type Input, isTensor, type Model } from "../model/model";
import { onlyGiven } from "../model/network-inputs";
import { imageShape } from "../operation/layout";
import { Random } from "../random/random";
import type { Heatmap } from "../view/heatmap";

/** Heatmaps that know nothing of the network: a method has to do better. */
export interface ControlHeatmaps {
  /** A random number for each pixel. */
  readonly random: Heatmap;
  /** Edges of the input (Sobel): pictures that look convincing, and explain nothing (Adebayo et al. 2018, section 5.1). */
  readonly edge: Heatmap;
  /** The nearer to the centre the higher: photographers put objects there. */
  readonly centre: Heatmap;
}

/**
 * Heatmaps for comparison, at the size of the network's input, 0 to 1: random, edges, centre. They are judged like a method's, and
 * know the place of the picture as a method's do.
 *
 * @param options.seed  of the random one; default 0
 * @throws {InputError} if the image is empty; {ShapeError} if a tensor does not have the input's shape
 * @example
 * const { edge } = controlHeatmaps(model, image);
 * const { chance, hit } = pointingGame(edge, { x: 42, y: 5, width: 36, height: 27 });
 */
export function controlHeatmaps(model: Model, input: Input, options: { readonly seed?: number } = {}): ControlHeatmaps {
  return guarded("controlHeatmaps", () => {
    checkOptions("controlHeatmaps", options, ["seed"]);
    const inner = loaded(model);
    const given = onlyGiven(inner.parts.inputs, input, "controlHeatmaps");
    const maps = controlsOf(inner, inner.prepare(given), options.seed);
    if (isTensor(given)) return maps;
    const placement = placementOf(given, inputSize(inner), inner.parts.preprocess.fit);
    return {
      random: { ...maps.random, placement },
      edge: { ...maps.edge, placement },
      centre: { ...maps.centre, placement },
    };
  });
}

/** @param x  the input, memory order */
export function controlsOf(model: LoadedModel, x: Float32Array, seed = 0): ControlHeatmaps {
  const { h: height, w: width, c } = imageShape(model.shape(model.fast.input));
  const random = new Random(seed);
  const made = (at: (x: number, y: number) => number): Heatmap => {
    const values = Float64Array.from({ length: height * width }, (_, i) => at(i % width, Math.floor(i / width)));
    const highest = values.reduce((a, b) => Math.max(a, b), 0) || 1;
    return { data: Float32Array.from(values, (value) => value / highest), width, height, signed: false };
  };
  const grey = (column: number, row: number): number => {
    const pixel = Math.min(Math.max(row, 0), height - 1) * width + Math.min(Math.max(column, 0), width - 1);
    let sum = 0;
    for (let channel = 0; channel < c; channel++) sum += x[pixel * c + channel];
    return sum;
  };
  const sobel = (column: number, row: number): number => {
    let [across, down] = [0, 0];
    for (const [offset, weight] of [
      [-1, 1],
      [0, 2],
      [1, 1],
    ]) {
      across += weight * (grey(column + 1, row + offset) - grey(column - 1, row + offset));
      down += weight * (grey(column + offset, row + 1) - grey(column + offset, row - 1));
    }
    return Math.sqrt(across * across + down * down);
  };
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  const farthest = Math.sqrt(middleX ** 2 + middleY ** 2);
  return {
    random: made(() => random.uniform()),
    edge: made(sobel),
    centre: made((column, row) => farthest - Math.sqrt((column - middleX) ** 2 + (row - middleY) ** 2)),
  };
}
