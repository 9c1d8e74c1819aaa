import { checkOptions, show, throwIfAborted, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import { entryOf, guardedAsync } from "../guard";
import { type Placement, placementOf } from "../image/placement";
import type { Detection, DetectorHeadOption } from "../model/detection";
import { inputSize } from "../model/input-size";
import { type LoadedModel, loaded } from "../model/loaded-model";
import type { Input, Model } from "../model/model";
import { isTensor, pictureInput, separateInputs } from "../model/network-inputs";
import { checkScore } from "../model/not-finite";

export interface DetectOptions {
  /** The least score of a box, 0 to 1; default 0.25. */
  readonly threshold?: number;
  /**
   * Boxes of one class that overlap a better one by more than this (intersection over union) are left out; default: as the file does it
   * behind its layers, else 0.45.
   */
  readonly iou?: number;
  /** How many boxes to return at most, best first; default 100. */
  readonly top?: number;
  /** How the outputs are read; default: as they are recognised. Without `boxes`: what differs from that, `{ anchors }`. */
  readonly head?: Partial<DetectorHeadOption>;
  /** true: of a head with instance masks, the mask of each box, `detection.mask`; default false. */
  readonly masks?: boolean;
  /** Gives the pass up, between two parts of a layer. */
  readonly signal?: AbortSignal;
}

const usualOverlap = 0.45;

type Heads = NonNullable<LoadedModel["heads"]>;

/** A head, and how the picture lies in the input. */
export interface OpenedHead {
  readonly heads: Heads;
  readonly head: ReturnType<Heads["readHead"]>;
  readonly family: string;
  /** What nothing tells of its boxes but their numbers. */
  readonly open: { readonly units: boolean; readonly decode: boolean };
}

/**
 * The boxes that a detector finds, best first. The head is recognised by the shapes of the outputs and the layers before them: YOLO
 * v3 to v12 as ultralytics and their authors export them, end-to-end heads, YOLOX, NanoDet, FastestDet, SSD, UltraFace, RetinaFace,
 * BlazeFace, CenterNet, DETR; the maps of a YOLOv3, v5 or v7 without its decoding need `head: { anchors }`.
 * Of boxes of one class that overlap, the best is kept; heads that suppress doubles themselves are left as they are.
 *
 * A detection is a target of every method: `{ target: { detection, of: "left" } }`.
 *
 * @param image  a picture, or a Tensor that is what the network takes: boxes are then in pixels of its input
 * @throws {TargetError} if no output is recognised as a detector's: say with `head` how they are read
 * @throws {OptionError} if an option is out of range, or `head` names what is not there
 * @example
 * const [best] = await detect(model, photo, { threshold: 0.5 });
 * const why = await gradCam(model, photo, { target: { detection: best } });
 */
export function detect(model: Model, image: Input, options: DetectOptions = {}): Promise<Detection[]> {
  return guardedAsync("detect", async () => find(loaded(model), image, options));
}

async function find(model: LoadedModel, image: Input, options: DetectOptions): Promise<Detection[]> {
  checkOptions("detect", options, ["threshold", "iou", "top", "head", "masks", "signal"]);
  const { threshold = 0.25, iou, top = 100, masks: withMasks = false, signal } = options;
  throwIfAborted(signal);
  share("threshold", threshold);
  if (iou !== undefined) share("iou", iou);
  wholeNumber("top", top, 1);
  if (typeof withMasks !== "boolean") throw new OptionError(`masks must be true or false, got ${show(withMasks)}.`);
  const read = readNow(model, image);
  const opened = await openHead(model, options.head);
  const { data, placement } = read();
  const { heads, family } = opened;
  const masks = withMasks ? masksIn(opened) : undefined;
  const keep = [...new Set([...opened.head.values, ...(masks ? heads.maskValues(masks) : [])])];
  const values = (await headPass(model, { values: keep }, data, 1, signal))(0);
  const head = byNumbers(model, opened, values);
  const found = heads.candidatesAbove(head, values, threshold);
  checkFound(model, head, found, values, data);
  const { selection = {}, suppressed } = head.option;
  const most = Math.min(top, selection.top ?? top);
  const kept = suppressed
    ? found.slice(0, most)
    : heads.withoutDoubles(head, found, iou ?? selection.iou ?? usualOverlap, most);
  return kept.map(({ corners, index, score, anchor }): Detection => {
    const label = model.labels?.[index];
    const mask =
      masks && heads.maskAt(masks, values, anchor, corners, { picture: head.picture, ...(placement && { placement }) });
    return {
      box: boxOf(heads, corners, placement),
      index,
      ...(label !== undefined && { label }),
      score,
      ...(head.keypoints && { keypoints: heads.keypointsAt(head, values, anchor, placement) }),
      ...(mask && { mask }),
      anchor,
      family,
      head: head.option,
      ...(placement && { placement }),
    };
  });
}

/**
 * The picture as it is now, before anything is waited for: it is its owner's. What is wrong with it is said when it is asked for, behind
 * what is wrong with the network.
 */
function readNow(model: LoadedModel, image: Input) {
  try {
    const read = { data: model.prepare(image), placement: placementIn(model, image) };
    return () => read;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

/** @throws {OptionError} if the head has none */
function masksIn({ head: { masks } }: OpenedHead): NonNullable<OpenedHead["head"]["masks"]> {
  if (masks) return masks;
  throw new OptionError(
    "masks: true is of detectors with instance masks, and this head has none: leave it out, or say with head: { masks } where they are.",
  );
}

/** How the picture lies in the network's input; undefined of a Tensor. */
export function placementIn(model: LoadedModel, image: Input): Placement | undefined {
  const { inputs } = model.parts;
  const shown = pictureInput(inputs, undefined);
  const given = separateInputs(inputs, image)[inputs.indexOf(shown)];
  return isTensor(given) ? undefined : placementOf(given, inputSize(model, shown.name), shown.preprocess.fit);
}

function share(name: string, value: number): void {
  if (typeof value === "number" && value >= 0 && value <= 1) return;
  throw new OptionError(
    `${name} must be from 0 to 1, got ${typeof value === "number" ? value : JSON.stringify(value)}.`,
  );
}

/** The head of a model, as it is recognised or as somebody says. */
export async function openHead(model: LoadedModel, said: Partial<DetectorHeadOption> | undefined): Promise<OpenedHead> {
  const heads = await import("../model/heads/heads");
  const isObject = typeof said === "object" && said !== null && !Array.isArray(said);
  const isPartial = said === undefined || (isObject && said.boxes === undefined);
  const { family, option } = isPartial
    ? heads.recogniseHead(model, said)
    : { family: "said", option: said as DetectorHeadOption };
  const head = heads.readHead(model, option);
  // From now on detections of this model are targets, recognised or not.
  model.heads = heads;
  const isPicked = model.parts.selection !== undefined;
  const isPlain = ["center", "corners", "corners-top-first"].includes(option.decode ?? "center");
  const isOpen = isPicked ? option.units === undefined : isPartial && plainFamilies.has(family);
  const units = isPlain && said?.units === undefined && isOpen;
  return {
    heads,
    head,
    family,
    open: { units, decode: family === keptRows && !isPicked && said?.decode === undefined },
  };
}

/** Families of which some files write boxes otherwise than their authors. */
const keptRows = "end-to-end";
const plainFamilies: ReadonlySet<string> = new Set(["yolo-v5", "yolo-v8", "ssd", keptRows]);

/** The head with its boxes as their numbers are, where neither layers nor the caller said: corners or centres, and in which units. */
export function byNumbers(
  model: LoadedModel,
  { heads, head: given, open }: OpenedHead,
  values: (value: string) => Float32Array,
): OpenedHead["head"] {
  const decode = open.decode ? heads.decodingByNumbers(given, values) : given.option.decode;
  const head = decode === given.option.decode ? given : heads.readHead(model, { ...given.option, decode });
  const units = open.units ? heads.unitsByNumbers(head, values) : head.option.units;
  return units === head.option.units ? head : heads.readHead(model, { ...head.option, units });
}

/** Runs a batch; of each sample the values that the head reads. */
export async function headPass(
  model: LoadedModel,
  { values: keep }: Pick<OpenedHead["head"], "values">,
  data: Float32Array,
  batch: number,
  signal: AbortSignal | undefined,
): Promise<(sample: number) => (value: string) => Float32Array> {
  const { values } = await model.watchedPass({ batch, data, keep }, signal);
  return (sample) => (value) => {
    const size = model.sampleSize(value);
    return entryOf(values, value).subarray(sample * size, (sample + 1) * size);
  };
}

/** @throws {InputError} if a score is no number; {OptionError} if scores are no probabilities */
export function checkFound(
  model: LoadedModel,
  head: OpenedHead["head"],
  found: readonly Pick<ReturnType<Heads["candidatesAbove"]>[number], "score" | "corners" | "anchor">[],
  values: (value: string) => Float32Array,
  data: Float32Array,
): void {
  const { scores, option } = head;
  const { value, name } = scores.output;
  const odd =
    found.find(({ score, corners }) => !(Math.abs(score) <= 1.001 && corners.every(Number.isFinite))) ??
    oddScore(head, values);
  if (!odd) return;
  const broken =
    [...values(value)].find((each) => !Number.isFinite(each)) ?? (Number.isFinite(odd.score) ? 0 : Number.NaN);
  checkScore(model, `The score of candidate ${odd.anchor}`, broken, data, value);
  if (odd.corners && !odd.corners.every(Number.isFinite)) {
    throw new OptionError(
      `The box of candidate ${odd.anchor} is not finite: read as ${JSON.stringify(option)}, "${name}" is no head.`,
    );
  }
  throw new OptionError(
    `Candidate ${odd.anchor} of "${name}" has the score ${odd.score.toPrecision(4)}, which is no probability. ` +
      'Say what makes one of it: head: { …, activation: "sigmoid" } or "softmax".',
  );
}

/** A number that is taken for a probability and is none, of whatever candidate: below a threshold nobody would see it. */
function oddScore(
  { scores, anchors, activation, classAt, classes, option: { objectness, classNumber } }: OpenedHead["head"],
  values: (value: string) => Float32Array,
): { readonly anchor: number; readonly score: number; readonly corners?: undefined } | undefined {
  // Rows that a network keeps may be filled up with anything.
  if (activation !== "none" || classNumber !== undefined) return undefined;
  const data = values(scores.output.value);
  for (let anchor = 0; anchor < anchors; anchor++) {
    for (let i = objectness === undefined ? 0 : -1; i < classes; i++) {
      const score = data[scores.offset(anchor, i < 0 ? (objectness as number) : classAt + i)];
      if (score < -1e-3 || score > 1.001) return { anchor, score };
    }
  }
  return undefined;
}

function boxOf(heads: Heads, corners: readonly [number, number, number, number], placement: Placement | undefined) {
  const [left, top, right, bottom] = heads.inputToPicture(corners, placement);
  return { x: left, y: top, width: right - left, height: bottom - top };
}
