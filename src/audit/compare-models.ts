import { checkBag, checkOptions, iterable, oneOf, wholeNumber } from "../checks";
import { guardedAsync } from "../guard";
import { resizeBilinear } from "../image/resize";
import { type MethodName, methodTable } from "../methods/table";
import { inputSize } from "../model/input-size";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { createPace } from "../pace/pace";
import { failureOf, pictureCount, picturesOf, theirValue } from "../pace/picture-stream";
import { spearman } from "../trust/similarity";
import type { RawMap } from "../view/raw-map";
import type { AuditImages } from "./audit";
import { likelyEvidence } from "./likely-evidence";
import { namedClass } from "./named-class";
import { type PlacedRawMap, placedMap, smallMap } from "./small-map";
import type { AuditKey } from "./types";

export interface CompareOptions {
  /** Whose maps are compared; default 'grad-cam'. */
  readonly method?: MethodName;
  /** Layer of the method in both networks; default: each network's own. */
  readonly layer?: string;
  /** Rows and columns of the small maps that are kept; default 12. */
  readonly grid?: number;
  readonly seed?: number;
  /** A picture that cannot be loaded or explained: 'throw' (default) ends the comparison, 'skip' records it in `failures`. */
  readonly onError?: "throw" | "skip";
  /** How many pictures will come, if they are no array. */
  readonly total?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What one network said of a picture, and why. */
export interface ComparedAnswer {
  readonly index: number;
  readonly label?: string;
  readonly probability: number;
  /** The evidence for it, small, row-major, the magnitudes summing to 1. */
  readonly map: readonly number[];
}

export interface ComparedImage {
  readonly id: string;
  readonly label?: string | number;
  /** Whether both gave the same class. */
  readonly agrees: boolean;
  /** Rank correlation (Spearman) of both maps of the evidence, −1 to 1; of other classes, each for its own answer. */
  readonly correlation: number;
  readonly a: ComparedAnswer;
  readonly b: ComparedAnswer;
}

export interface ComparedNetwork {
  readonly name: string;
  /** Hash of the model file, `sha256:…`. */
  readonly modelHash: string;
  /** Share of pictures with a label that it got right; absent where none has a label of its own. */
  readonly accuracy?: number;
  readonly input: AuditKey["input"];
}

/** Two networks on the same pictures, as plain JSON. */
export interface Comparison {
  readonly format: typeof comparisonFormat;
  readonly method: string;
  readonly layer?: string;
  readonly grid: number;
  readonly a: ComparedNetwork;
  readonly b: ComparedNetwork;
  /** Share of the pictures that both gave the same class. */
  readonly agreement: number;
  /** Mean rank correlation of the evidence where the answers agree; absent where none does. */
  readonly correlation?: number;
  /** By rising id. */
  readonly images: readonly ComparedImage[];
  /** Ids of pictures with different answers, the most certain first. */
  readonly differentAnswers: readonly string[];
  /** Ids of pictures with one answer, those with the least alike evidence first. */
  readonly differentEvidence: readonly string[];
  readonly failures: readonly { readonly id: string; readonly message: string }[];
}

export const comparisonFormat = "seethrough/comparison/1";

const known = ["method", "layer", "grid", "seed", "onError", "total", "signal", "onProgress"];

/**
 * Two networks on the same pictures: before and after a training, in float and quantised, in two formats. Where do their answers differ,
 * and where do they give one answer for different reasons?
 *
 * Each network explains the class that it named; the maps are compared by their ranks at the size of the smaller input. Classes are
 * the same where their names are, or, where a network has none, their numbers.
 *
 * @param images  `{ id, image, label? }`, any iterable; an image can be a function that loads it
 * @throws {InputError} naming the id of a picture that cannot be compared
 * @throws {OptionError} if an option is out of range
 * @example
 * const images = [{ id: "photo.png", image: async () => decodeImage(await readFile("photo.png")) }];
 * const { agreement, differentEvidence } = await compareModels(model, model, images);
 * console.log(agreement, differentEvidence);
 */
export async function compareModels(
  first: Model,
  second: Model,
  images: AuditImages,
  options: CompareOptions = {},
): Promise<Comparison> {
  return guardedAsync("compareModels", async () => {
    checkBag("compareModels", options, []);
    checkOptions("compareModels", options, known);
    const { method = "grad-cam", layer, grid = 12, seed = 0, onError = "throw", signal } = options;
    const names = methodTable.map(({ name }) => name);
    oneOf("method", method, names);
    oneOf("onError", onError, ["throw", "skip"]);
    wholeNumber("grid", grid, 2, 64);
    iterable("images", images, "{ id, image }");
    const [a, b] = [loadedAlone(first, "compareModels"), loadedAlone(second, "compareModels")];
    const pace = createPace(options, pictureCount(images, options));
    const found = new Map<string, ComparedImage>();
    const failures = new Map<string, string>();
    let seen = 0;
    for await (const { id, image, label } of picturesOf(images, "{ id, image, label? }", signal)) {
      const failure = await failureOf(id, options, async () => {
        const input = await theirValue(image, signal);
        const ask = { method, seed, ...(layer !== undefined && { layer }), ...(signal && { signal }) };
        const [one, other] = [await answerOf(a, input, ask), await answerOf(b, input, ask)];
        found.set(id, {
          id,
          ...(label !== undefined && { label }),
          agrees: isSame(one, other),
          correlation: correlationOf(one.raw, other.raw),
          a: kept(one, grid),
          b: kept(other, grid),
        });
      });
      if (failure !== undefined) failures.set(id, failure);
      await pace.step(++seen);
    }
    const all = [...found.values()].sort((x, y) => (x.id < y.id ? -1 : 1));
    const agreeing = all.filter(({ agrees }) => agrees);
    return {
      format: comparisonFormat,
      method,
      ...(layer !== undefined && { layer }),
      grid,
      a: await networkOf(a, all, "a"),
      b: await networkOf(b, all, "b"),
      agreement: all.length > 0 ? agreeing.length / all.length : 1,
      ...(agreeing.length > 0 && {
        correlation: agreeing.reduce((sum, { correlation }) => sum + correlation, 0) / agreeing.length,
      }),
      images: all,
      differentAnswers: all
        .filter(({ agrees }) => !agrees)
        .sort((x, y) => certainty(y) - certainty(x))
        .map(({ id }) => id),
      differentEvidence: [...agreeing].sort((x, y) => x.correlation - y.correlation).map(({ id }) => id),
      failures: [...failures].map(([id, message]) => ({ id, message })),
    };
  });
}

interface Answer {
  readonly index: number;
  readonly label?: string;
  readonly probability: number;
  readonly raw: PlacedRawMap;
}

async function answerOf(model: LoadedModel, input: Input, ask: Parameters<typeof likelyEvidence>[2]): Promise<Answer> {
  const { named, attributions } = await likelyEvidence(model, input, ask, 1);
  const { index, label, probability } = named;
  const [attribution] = attributions;
  return { index, ...(label !== undefined && { label }), probability, raw: placedMap(attribution) };
}

const kept = ({ index, label, probability, raw }: Answer, grid: number): ComparedAnswer => ({
  index,
  ...(label !== undefined && { label }),
  probability,
  map: smallMap(raw, grid),
});

const isSame = (a: Answer, b: Answer): boolean =>
  a.label !== undefined && b.label !== undefined ? a.label === b.label : a.index === b.index;

/** 1 of two maps without evidence, 0 where one of them has none. */
function correlationOf(a: RawMap, b: RawMap): number {
  if (a.largest === 0 || b.largest === 0) return Number(a.largest === b.largest);
  const [width, height] = [Math.min(a.width, b.width), Math.min(a.height, b.height)];
  const [one, other] = [a, b].map(({ data, width: w, height: h }) =>
    w === width && h === height ? data : resizeBilinear({ data, width: w, height: h, channels: 1 }, width, height, {}),
  );
  const found = spearman(one, other);
  return Number.isFinite(found) ? found : 0;
}

const certainty = ({ a, b }: ComparedImage): number => Math.min(a.probability, b.probability);

async function networkOf(
  model: LoadedModel,
  images: readonly ComparedImage[],
  side: "a" | "b",
): Promise<ComparedNetwork> {
  const { width, height } = inputSize(model);
  const labelled = images.flatMap((image) => {
    const index = namedClass(image.label, { labels: model.labels, classes: model.parts.classAxis.classes });
    return index === undefined ? [] : [Number(image[side].index === index)];
  });
  return {
    name: model.name,
    modelHash: await model.parts.hash(),
    ...(labelled.length > 0 && { accuracy: labelled.reduce((a, b) => a + b, 0) / labelled.length }),
    input: { width, height, fit: model.parts.preprocess.fit ?? "crop" },
  };
}
