import { checkBag, checkOptions, iterable, kindOf, oneOf, throwIfAborted, wholeNumber } from "../checks";
import { InputError, OptionError } from "../errors";
import { guardedAsync, theirsAsync } from "../guard";
import { type LoadedModel, loadedAlone } from "../model/loaded-model";
import type { Model } from "../model/model";
import { batchOf } from "../pace/batch";
import { createPace } from "../pace/pace";
import { pictureCount } from "../pace/picture-stream";
import { groups, type Loaded, load, type SearchImage, type SearchImages } from "./image-stream";
import { checkPart, checkSameSearch } from "./merge-top-activations";
import { Ranking } from "./ranking";
import { searchGroup } from "./search-group";
import { planSearch, type SearchSettings } from "./search-plan";
import type { TopActivations } from "./types";

export interface SearchOptions extends SearchSettings {
  /** Images per pass; the scores are the same bits. Default up to 4, as many as suit the cache. */
  readonly batchSize?: number;
  /** An image that cannot be loaded or searched: 'throw' (default) ends the search, 'skip' records it in `failures`. */
  readonly onError?: "throw" | "skip";
  /** An earlier result of the same search to go on from: images of this shard that it has seen are not searched again. */
  readonly from?: TopActivations;
  /** Name of this stream of images; default: the id of its first image. The same name must mean the same images in the same order. */
  readonly shard?: string;
  /** Called with the result so far, every `checkpointEvery` images and at the end; awaited. */
  readonly onCheckpoint?: (part: TopActivations) => void | Promise<void>;
  /** Default 1000. */
  readonly checkpointEvery?: number;
  /** How many images will come, if they are no array: passed on to `onProgress`, which else gets NaN. */
  readonly total?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Dataset search: the images that drive the units of a layer most, all units in one pass over the images.
 *
 *   activation   a_u(p), the unit's map                                   Zeiler & Fergus 2014, figure 2
 *   relevance    a_u(p) · ∂s/∂a_u(p), s the class score before the softmax
 *
 * reduced over the positions p to their maximum or mean. Ranking by relevance is the relevance maximisation of Achtibat et
 * al. 2023, https://doi.org/10.1038/s42256-023-00711-8 (reference implementation: zennit-crp), with gradient ×
 * activation for the relevance, which on rectifier networks is LRP-0.
 *
 * Memory does not grow with the number of images: per unit the best `top` images and a random sample of `sample` stay.
 * The result is plain JSON. Results over parts of the data are joined by `mergeTopActivations`, and go on with `from`.
 *
 * @param images  `{ id, image }`, any iterable; an image can be a function that loads it; pixels are read when its turn comes, not before
 * @returns hits with their place in the layer and the rectangle of the image that the unit saw there
 * @throws {LayerError} if the layer is unknown or has no units; {TargetError} if a unit or the target does not exist
 * @throws {InputError} naming the id of an image that cannot be searched, or if `from` belongs to another search
 * @throws {OptionError} if an option is out of range
 * @example
 * const images = [{ id: "photo.png", image: async () => decodeImage(await readFile("photo.png")) }];
 * const { units } = await topActivations(model, images, { layer: "conv4", unit: 3 });
 * console.log(units[0].top.map(({ id, score }) => `${id} ${score}`));
 */
export async function topActivations(
  given: Model,
  images: SearchImages,
  options: SearchOptions,
): Promise<TopActivations> {
  return guardedAsync("topActivations", async () => {
    checkBag("topActivations", options, []);
    checkOptions("topActivations", options, [
      "layer",
      "unit",
      "top",
      "score",
      "by",
      "target",
      "sample",
      "seed",
      "batchSize",
      "onError",
      "from",
      "shard",
      "onCheckpoint",
      "checkpointEvery",
      "total",
      "signal",
      "onProgress",
    ]);
    const { onError = "throw", checkpointEvery = 1000, onCheckpoint } = options;
    wholeNumber("checkpointEvery", checkpointEvery, 1);
    if (onCheckpoint !== undefined && typeof onCheckpoint !== "function") {
      throw new OptionError(`onCheckpoint must be a function, got ${kindOf(onCheckpoint)}.`);
    }
    oneOf("onError", onError, ["throw", "skip"]);
    iterable("images", images, "{ id, image }");
    const model = loadedAlone(given, "topActivations");
    const batchSize = batchOf(model, options.batchSize, 4);
    const plan = await planSearch(model, options);
    const ranking = new Ranking(plan.key);
    if (options.from) {
      checkPart(options.from, "from");
      checkSameSearch(options.from.search, plan.key, "from", "this search");
      ranking.add(options.from);
    }
    const pace = createPace(options, pictureCount(images, options));
    let shard = options.shard;
    let [seen, saved] = [0, 0];
    for await (const group of groups(images, batchSize, options.signal)) {
      shard ??= group[0].id;
      const done = ranking.shard(shard)?.images ?? 0;
      const known = Math.min(Math.max(0, done - seen), group.length);
      if (known > 0 && seen + known === done) checkOrder(ranking, shard, group[known - 1]);
      const fresh = group.slice(known);
      const loadedGroup = await loadAll(model, fresh, options.signal);
      throwIfAborted(options.signal);
      const failed = await searchGroup(model, plan, ranking, loadedGroup, options);
      seen += group.length;
      if (fresh.length > 0) {
        const before = ranking.shard(shard)?.failed ?? 0;
        ranking.advance(shard, { images: seen, failed: before + failed, last: group[group.length - 1].id });
      }
      await pace.step(seen);
      if (
        onCheckpoint &&
        fresh.length > 0 &&
        Math.floor(seen / checkpointEvery) > Math.floor(saved / checkpointEvery)
      ) {
        saved = seen;
        await theirsAsync(() => onCheckpoint(ranking.result()), options.signal);
      }
    }
    const expected = shard === undefined ? 0 : (ranking.shard(shard)?.images ?? 0);
    if (seen < expected) {
      throw new InputError(
        `Shard "${shard}" has ${seen} images, the earlier part saw ${expected}: some are missing. Start it anew, without from.`,
      );
    }
    const result = ranking.result();
    if (onCheckpoint) await theirsAsync(() => onCheckpoint(result), options.signal);
    return result;
  });
}

const loadAll = (model: LoadedModel, group: readonly SearchImage[], signal?: AbortSignal): Promise<Loaded[]> =>
  Promise.all(group.map((item) => load(item, (input) => model.prepare(input), signal)));

/** @throws {InputError} if the stream does not bring the images in the order in which the earlier part saw them */
function checkOrder(ranking: Ranking, shard: string, { id }: SearchImage): void {
  const { images, last } = ranking.shard(shard) ?? { images: 0, last: id };
  if (id === last) return;
  throw new InputError(
    `Shard "${shard}": image ${images} is "${id}", the earlier part saw "${last}" there. Deliver the images of a shard in a ` +
      "fixed order (sort them), or start it anew, without from.",
  );
}
