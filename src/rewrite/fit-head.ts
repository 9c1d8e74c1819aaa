import { channelMeans } from "../attribution/maps/weighed-cam";
import { above, iterable, oneOf } from "../checks";
import { InputError } from "../errors";
import { entryOf, theirItems } from "../guard";
import type { LoadedModel } from "../model/loaded-model";
import type { Input } from "../model/model";
import { classIndex, indexOfMaximum } from "../model/resolve-target";
import { imageShape } from "../operation/layout";
import type { ValueName } from "../operation/operation";
import { createPace } from "../pace/pace";
import { sizeOf } from "../tensor";
import type { LinearLayer } from "./pooled-head";
import { addSample, fitRidge, noMoments } from "./ridge";

/** A picture and the class it shows, by index or label: what accuracy is measured against. */
export interface LabelledImage {
  readonly image: Input;
  readonly label: number | string;
}

export type LabelledImages = Iterable<LabelledImage> | AsyncIterable<LabelledImage>;

export interface FitOptions {
  readonly images: LabelledImages;
  /** Images that are only asked, not learned from; default: every fifth of `images`. */
  readonly heldOut?: LabelledImages;
  /**
   * What the scores are fitted to: 'logits' (default), those of the network, so that the new one answers as the old one did
   * and with the same certainty; or 'labels', 1 for the right class and 0 for the others, whose softmax is no probability.
   */
  readonly fit?: "labels" | "logits";
  /** Weight of the penalty ‖W‖² beside the mean squared error; default: chosen by generalised cross-validation. */
  readonly lambda?: number;
  readonly signal?: AbortSignal;
  /** `total` is Infinity where the images are a stream. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How well the new head does what the old one did. */
export interface HeadFit {
  /** Images the head was fitted to, and images it was then asked about. */
  readonly images: number;
  readonly heldOut: number;
  readonly lambda: number;
  /** Share of the images held out that are classified as labelled, by the network as it was and by the new one. */
  readonly accuracy: { readonly before: number; readonly after: number };
  /** Share of the images held out on which both give the same answer. */
  readonly agreement: number;
}

/** One image in so many is held out. */
const heldOutEvery = 5;

/** What remains of an image that was held out. */
interface Question {
  readonly features: Float64Array;
  readonly label: number;
  readonly answer: number;
}

/**
 * Fits scores = W · mean(maps) + b to images in one pass over them.
 *
 * @throws {OptionError} if an option is out of range; {InputError} if there are too few images
 */
export async function fitHead(
  model: LoadedModel,
  maps: ValueName,
  options: FitOptions,
): Promise<{ layer: LinearLayer; fit: HeadFit }> {
  const { images, heldOut, fit = "logits", lambda } = options;
  if (lambda !== undefined) above("lambda", lambda);
  oneOf("fit", fit, ["labels", "logits"]);
  iterable("images", images, "{ image, label }");
  if (heldOut !== undefined) iterable("heldOut", heldOut, "{ image, label }");
  const { explained } = model.parts;
  const { c } = imageShape(model.shape(maps));
  const classes = sizeOf(model.shape(explained));
  const moments = noMoments(c, classes);
  const questions: Question[] = [];
  const pace = createPace(options, lengthOf(images) + (heldOut ? lengthOf(heldOut) : 0));
  let seen = 0;
  const look = async (item: LabelledImage): Promise<Question & { logits: Float32Array }> => {
    const { image, label } = checkItem(item, seen);
    const pass = { data: model.prepare(image), keep: [...new Set([maps, explained])] };
    const { values } = await model.watchedPass(pass, options.signal);
    const logits = entryOf(values, explained);
    const features = channelMeans(entryOf(values, maps), c);
    return { features, label: classIndex(model, label), answer: indexOfMaximum(logits), logits };
  };
  for await (const item of theirItems(images, options.signal)) {
    const { logits, ...question } = await look(item);
    if (!heldOut && seen % heldOutEvery === heldOutEvery - 1) questions.push(question);
    else {
      const target = fit === "logits" ? logits : logits.map((_, k) => Number(k === question.label));
      addSample(moments, question.features, target);
    }
    await pace.step(++seen);
  }
  for await (const item of theirItems(heldOut ?? [], options.signal)) {
    const { logits: _, ...question } = await look(item);
    questions.push(question);
    await pace.step(++seen);
  }
  if (moments.samples < 2 || questions.length === 0) {
    throw new InputError(
      `toCamModel got ${seen} images: ${moments.samples} to fit the head to and ${questions.length} to check it on. ` +
        `It takes at least ${heldOutEvery} (one in ${heldOutEvery} is held out), or two and heldOut with at least one; some hundred give a useful head.`,
    );
  }
  const { weights, bias, lambda: used } = await fitRidge(moments, lambda);
  const layer = { weights: Float32Array.from(weights), bias: Float32Array.from(bias) };
  const answers = questions.map(({ features }) => indexOfMaximum(scores(layer, features)));
  const share = (right: (question: Question, i: number) => boolean): number =>
    questions.filter(right).length / questions.length;
  return {
    layer,
    fit: {
      images: moments.samples,
      heldOut: questions.length,
      lambda: used,
      accuracy: {
        before: share(({ answer, label }) => answer === label),
        after: share(({ label }, i) => answers[i] === label),
      },
      agreement: share(({ answer }, i) => answers[i] === answer),
    },
  };
}

const lengthOf = (images: LabelledImages): number => (Array.isArray(images) ? images.length : Number.POSITIVE_INFINITY);

function checkItem(item: LabelledImage, position: number): LabelledImage {
  if (typeof item === "object" && item !== null && "image" in item && "label" in item) return item;
  throw new InputError(`Image ${position} is no { image, label }: each needs the picture and the class it shows.`);
}

const scores = ({ weights, bias }: LinearLayer, features: Float64Array): Float32Array =>
  bias.map((constant, k) => {
    let total = constant;
    for (let i = 0; i < features.length; i++) total += weights[k * features.length + i] * features[i];
    return total;
  });
