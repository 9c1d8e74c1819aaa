import { checkBag, checkOptions, iterable, kindOf, oneOf, show, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import { guardedAsync, theirsAsync } from "../guard";
import { resizeBilinear } from "../image/resize";
import { type MethodName, methodTable } from "../methods/table";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { createPace } from "../pace/pace";
import { failureOf, pictureCount, picturesOf, theirValue } from "../pace/picture-stream";
import { spearman } from "../trust/similarity";
import type { RawMap } from "../view/raw-map";
import { type AuditImages, checkedDigest } from "./audit";
import { checkComparison, checkSameComparison } from "./check-comparison";
import {
  type ComparedAnswer,
  type ComparedImage,
  type ComparedNetwork,
  type Comparison,
  comparisonFormat,
} from "./comparison";
import { likelyEvidence } from "./likely-evidence";
import { namedClass } from "./named-class";
import { networkKey } from "./network-key";
import { checkSharedClasses } from "./shared-classes";
import { type PlacedRawMap, placedMap, smallMap } from "./small-map";

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
  /** An earlier result of the same comparison to go on from: pictures that it has are not looked at again. */
  readonly from?: Comparison;
  /** Called every `checkpointEvery` pictures and at the end with what is known by then, a result that `from` takes. Awaited. */
  readonly onCheckpoint?: (part: Comparison) => void | Promise<void>;
  /** Default 500. */
  readonly checkpointEvery?: number;
  /** How many pictures will come, if they are no array. */
  readonly total?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

const known = [
  ...["method", "layer", "grid", "seed", "onError", "from", "onCheckpoint", "checkpointEvery"],
  ...["total", "signal", "onProgress"],
];

/**
 * Two networks on the same pictures: before and after a training, in float and quantised, in two formats. Where do their answers differ,
 * and where do they give one answer for different reasons?
 *
 * Each network explains the class that it named; the maps are compared by their ranks at the size of the smaller input. Classes are
 * the same where their names are, or, where a network has none, their numbers.
 *
 * The result is plain JSON, and goes on with `from`.
 *
 * @param images  `{ id, image, label? }`, any iterable; an image can be a function that loads it
 * @throws {InputError} if the networks have no classes in common, naming the id of a picture that cannot be compared, or if `from` belongs to another comparison
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
    const { from, onCheckpoint, checkpointEvery = 500 } = options;
    const names = methodTable.map(({ name }) => name);
    oneOf("method", method, names);
    oneOf("onError", onError, ["throw", "skip"]);
    wholeNumber("grid", grid, 2, 64);
    wholeNumber("checkpointEvery", checkpointEvery, 1);
    if (!Number.isFinite(seed)) throw new OptionError(`seed must be a number, got ${show(seed)}.`);
    if (onCheckpoint !== undefined && typeof onCheckpoint !== "function") {
      throw new OptionError(`onCheckpoint must be a function, got ${kindOf(onCheckpoint)}.`);
    }
    iterable("images", images, "{ id, image }");
    const [a, b] = [loadedAlone(first, "compareModels"), loadedAlone(second, "compareModels")];
    checkSharedClasses(a, b);
    const keyOf = async (model: LoadedModel): Promise<ComparedNetwork> => ({
      name: model.name,
      ...(await networkKey(model)),
    });
    const asked: AskedComparison = {
      ...{ format: comparisonFormat, method },
      ...(layer !== undefined && { layer }),
      ...{ grid, seed, a: await keyOf(a), b: await keyOf(b) },
    };
    const found = new Map<string, ComparedImage>();
    const failures = new Map<string, string>();
    if (from !== undefined) {
      checkComparison(from);
      checkSameComparison(from, asked);
      for (const image of from.images) found.set(image.id, image);
      for (const { id, message } of from.failures) failures.set(id, message);
    }
    const result = (): Comparison => comparisonOf(asked, { a, b }, found, failures);
    const pace = createPace(options, pictureCount(images, options));
    let seen = 0;
    for await (const item of picturesOf(images, "{ id, image, label? }", signal)) {
      const { id, image, label } = item;
      seen++;
      const earlier = found.get(id);
      if (earlier && (item.digest === undefined || item.digest === earlier.digest)) {
        const { id: _, digest, label: __, ...answers } = earlier;
        found.set(id, { id, ...checkedDigest(digest), ...(label !== undefined && { label }), ...answers });
        continue;
      }
      found.delete(id);
      const failure = await failureOf(id, options, async () => {
        const made = checkedDigest(item.digest);
        const input = await theirValue(image, signal);
        const ask = { method, seed, ...(layer !== undefined && { layer }), ...(signal && { signal }) };
        const [one, other] = [await answerOf(a, input, ask), await answerOf(b, input, ask)];
        found.set(id, {
          ...{ id, ...made, ...(label !== undefined && { label }) },
          agrees: isSame(one, other),
          correlation: correlationOf(one.raw, other.raw),
          a: kept(one, grid),
          b: kept(other, grid),
        });
        failures.delete(id);
      });
      if (failure !== undefined) failures.set(id, failure);
      await pace.step(seen);
      if (onCheckpoint && seen % checkpointEvery === 0) await theirsAsync(() => onCheckpoint(result()), signal);
    }
    if (onCheckpoint) await theirsAsync(() => onCheckpoint(result()), signal);
    return result();
  });
}

type AskedComparison = Pick<Comparison, "format" | "method" | "layer" | "grid" | "seed" | "a" | "b">;

/** What is known comes to. */
function comparisonOf(
  asked: AskedComparison,
  { a, b }: { readonly a: LoadedModel; readonly b: LoadedModel },
  found: ReadonlyMap<string, ComparedImage>,
  failures: ReadonlyMap<string, string>,
): Comparison {
  const byId = <T extends { readonly id: string }>(x: T, y: T): number => (x.id < y.id ? -1 : 1);
  const all = [...found.values()].sort(byId);
  const agreeing = all.filter(({ agrees }) => agrees);
  return {
    ...asked,
    a: { ...asked.a, ...accuracyOf(a, all, "a") },
    b: { ...asked.b, ...accuracyOf(b, all, "b") },
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
    failures: [...failures].map(([id, message]) => ({ id, message })).sort(byId),
  };
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

/** Share of the pictures with a label of the network's that it got right. */
function accuracyOf(model: LoadedModel, images: readonly ComparedImage[], side: "a" | "b"): { accuracy?: number } {
  const labelled = images.flatMap((image) => {
    const index = namedClass(image.label, { labels: model.labels, classes: model.parts.classAxis.classes });
    return index === undefined ? [] : [Number(image[side].index === index)];
  });
  return labelled.length > 0 ? { accuracy: labelled.reduce((x, y) => x + y, 0) / labelled.length } : {};
}
