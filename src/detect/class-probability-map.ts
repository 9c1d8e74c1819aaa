import { checkOptions, show, throwIfAborted } from "../checks";
import { TargetError } from "../errors";
import { guardedAsync } from "../guard";
import type { PlacedMap } from "../image/placement";
import type { DetectorHeadOption } from "../model/detection";
import { inputSize } from "../model/input-size";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { pictureInput } from "../model/network-inputs";
import { labelIndex } from "../model/resolve-target";
import { byNumbers, checkFound, headPass, openHead, placementIn } from "./detect";

/** A probability for each pixel of the network's input: what `overlay`, `heatmapImage` and `boundingBox` take as a heatmap. */
export interface ClassProbabilityMap extends PlacedMap {
  /** Row-major, height × width, 0 to 1. */
  readonly data: Float32Array;
  readonly signed: false;
}

export interface ClassProbabilityMapOptions {
  /** The class, by label or index. */
  readonly target: string | number;
  /** How the outputs are read; default: as they are recognised. */
  readonly head?: Partial<DetectorHeadOption>;
  readonly signal?: AbortSignal;
}

/**
 * How probable a class is at each place: the highest probability among all candidates whose box covers the pixel, before doubles
 * are suppressed and without a threshold. What a detector nearly found shows there too.
 *
 * @param image  a picture, or a Tensor that is what the network takes
 * @returns as large as the network's input, with its place in the picture
 * @throws {TargetError} if no output is recognised as a detector's, or there is no such class
 * @example
 * const map = await classProbabilityMap(model, photo, { target: 1 });
 * const picture = overlay(photo, map);
 */
export function classProbabilityMap(
  model: Model,
  image: Input,
  options: ClassProbabilityMapOptions,
): Promise<ClassProbabilityMap> {
  return guardedAsync("classProbabilityMap", async () => {
    checkOptions("classProbabilityMap", options, ["target", "head", "signal"]);
    return mapOf(loaded(model), image, options);
  });
}

async function mapOf(
  model: LoadedModel,
  image: Input,
  { target, head: said, signal }: ClassProbabilityMapOptions,
): Promise<ClassProbabilityMap> {
  const opened = await openHead(model, said);
  const { heads, head: read } = opened;
  const index = classOf(model, target, read.option.classNumber === undefined ? read.classes : undefined);
  throwIfAborted(signal);
  const input = model.prepare(image);
  const values = (await headPass(model, read, input, 1, signal))(0);
  const head = byNumbers(model, opened, values);
  const { width, height } = inputSize(model, pictureInput(model.parts.inputs, undefined).name);
  const candidates = Array.from({ length: head.anchors }, (_, anchor) => ({
    anchor,
    score: heads.probabilityOf(head, values, anchor, index),
    corners: heads.cornersOf(head, values, anchor),
  }));
  checkFound(model, head, candidates, values, input);
  candidates.sort((a, b) => b.score - a.score);
  const data = new Float32Array(width * height);
  // Of each pixel the first at or after it in its row that nothing covers yet: the best cover first, and none is written twice.
  const free = Int32Array.from({ length: height * (width + 1) }, (_, i) => i);
  const nextFree = (at: number): number => {
    let found = at;
    while (free[found] !== found) found = free[found];
    for (let i = at; free[i] !== found && i !== found; ) [free[i], i] = [found, free[i]];
    return found;
  };
  const pixel = (edge: number, extent: number): number => Math.min(Math.max(Math.round(edge), 0), extent);
  for (const { score, corners } of candidates) {
    const [left, top, right, bottom] = corners;
    const [first, end] = [pixel(left, width), pixel(right, width)];
    for (let y = pixel(top, height); y < pixel(bottom, height); y++) {
      const row = y * (width + 1);
      for (let at = nextFree(row + first); at < row + end; at = nextFree(at)) {
        data[y * width + at - row] = score;
        free[at] = at + 1;
      }
    }
  }
  const placement = placementIn(model, image);
  return { data, width, height, signed: false, ...(placement && { placement }) };
}

/** @throws {TargetError} if the model has no such class */
function classOf(model: LoadedModel, target: unknown, classes = model.labels?.length): number {
  const index = typeof target === "string" ? labelIndex(model, target) : target;
  const isIndex = typeof index === "number" && Number.isInteger(index) && index >= 0;
  if (isIndex && (classes === undefined || index < classes)) return index;
  throw new TargetError(
    `target must be a class of the model "${model.name}", by label or index${classes === undefined ? "" : ` from 0 to ${classes - 1}`}, got ${show(target)}.`,
  );
}
