/** What methods say of what a network was given, and what of it is shown. */
import {
  type AttentionMap,
  type Attribution,
  type attentionMaps,
  type Box,
  boundingBox,
  type Detection,
  detect,
  type explain,
  type Heatmap,
  heatmap,
  type Input,
  InputError,
  LayerError,
  type MethodName,
  type Model,
  methodTable,
  type Prediction,
  ShapeError,
  type Target,
  TargetError,
  type Tensor,
  UnsupportedOperatorError,
} from "../index";
import { definedOf } from "./detect-command";
import { type ExplainFlags, methodsOf } from "./explain-flags";
import { inFlags } from "./flag-words";
import { budgeted, optionsOf } from "./method-flags";
import { targetAt } from "./model-flags";
import { givenOf, type NamedFile } from "./named-files";
import { progressBar } from "./progress-bar";

/** An attribution, and what of it is shown. */
export interface Explained {
  readonly attribution: Attribution | AttentionMap;
  /** Of every input that is shown. */
  readonly views: readonly ShownInput[];
}

/** What is shown of one input. */
export interface ShownInput {
  readonly file: NamedFile;
  readonly values: Tensor;
  /** Missing where the values are no picture: at a layer without places. */
  readonly map?: Heatmap;
  /** In pixels of the picture, of a signal in samples; missing where nothing in it speaks for the target. */
  readonly box?: Box;
  /** Of a volume: the slice with the strongest evidence, which the box is in. */
  readonly slice?: number;
}

/** Flags, with a box in place of a class where one was chosen. */
type TargetedFlags = Omit<ExplainFlags, "target"> & { readonly target?: ExplainFlags["target"] | Boxed };

/** How methods are run. */
export interface Runner {
  /** `explain` of the library, or of a pool. */
  readonly attribute: typeof explain;
  /** `attentionMaps` of the library, or of a pool. */
  readonly look: typeof attentionMaps;
  /** Of each method; without it a bar. */
  readonly progress?: typeof progressBar;
  readonly signal?: AbortSignal;
  /** Of several methods, called with one that the network's structure rules out, and why; without it a note on stderr. */
  readonly onMissing?: (method: string, reason: string) => void;
}

/** What the network says of what it is given, and what is asked about: attention, a box, or what methods find. */
export async function explainedBy(
  model: Model,
  files: readonly NamedFile[],
  shown: readonly NamedFile[],
  flags: ExplainFlags,
  runner: Runner,
): Promise<{ readonly predictions: readonly Prediction[]; readonly results: readonly Explained[] }> {
  const given = givenOf(files);
  if (flags.head) {
    return {
      predictions: await predicted(model, given, flags),
      results: await attended(model, given, shown, flags, runner.look),
    };
  }
  const detection = await chosenDetection(model, given, flags);
  const predictions = detection ? [] : await predicted(model, given, flags);
  const asked = { ...flags, target: detection ?? flags.target };
  return { predictions, results: await byMethods(model, given, shown, asked, runner) };
}

/** What the methods that are asked for say. */
async function byMethods(
  model: Model,
  given: Input,
  files: readonly NamedFile[],
  flags: TargetedFlags,
  runner: Runner,
): Promise<Explained[]> {
  const names = methodsOf(flags);
  const results: Explained[] = [];
  const long = budgeted(names);
  const called = performance.now();
  for (const method of names) {
    try {
      // What one long method leaves of the budget is for those after it.
      const left = long.length - long.indexOf(method);
      const budget =
        flags.budget === undefined ? undefined : Math.max(1, (flags.budget - performance.now() + called) / left);
      results.push(await explained(model, given, files, method, { ...flags, budget }, runner));
    } catch (error) {
      const ruledOut = [LayerError, ShapeError, UnsupportedOperatorError].some((kind) => error instanceof kind);
      if (names.length === 1 || !ruledOut) throw error;
      (runner.onMissing ?? noteMissing)(method, inFlags((error as Error).message));
    }
  }
  if (results.length === 0) throw new LayerError(`No method can explain ${model.name}; the notes say why.`);
  return results;
}

const noteMissing = (method: string, reason: string): void => {
  process.stderr.write(`note (${method}): left out. ${reason}\n`);
};

/** The attention of single heads: of the layer that is named, else of the last one. */
async function attended(
  model: Model,
  given: Input,
  files: readonly NamedFile[],
  { head, layer, ...flags }: ExplainFlags,
  look: Runner["look"],
): Promise<Explained[]> {
  const found = await look(model, given, {
    ...(layer !== undefined && { layer }),
    ...(head !== "all" && head !== undefined && { head }),
  });
  const last = found[found.length - 1].layer;
  return found
    .filter((each) => each.layer === last)
    .map((attribution) => ({
      attribution,
      views: files.flatMap((file) => viewOf(attribution, file, flags)),
    }));
}

/** What a picture of an attribution is called among others. */
export const captionOf = (attribution: Attribution | AttentionMap): string =>
  "head" in attribution
    ? attribution.head === "mean"
      ? "mean of all heads"
      : `head ${attribution.head}`
    : attribution.method;

/** What the network sees; of a detector, whose channels are no classes, nothing where a target says what is meant. */
async function predicted(model: Model, input: Input, { target }: ExplainFlags): Promise<Prediction[]> {
  try {
    return await model.predict(input);
  } catch (error) {
    if (error instanceof TargetError && target !== undefined) return [];
    throw error;
  }
}

type Boxed = Extract<Target, { readonly detection: Detection }>;

/** The box that a number of `seethrough detect` stands for. @throws {TargetError} if there are not so many */
async function chosenDetection(
  model: Model,
  input: Input,
  { detection: number, ofBox, threshold, iou }: ExplainFlags,
): Promise<Boxed | undefined> {
  if (number === undefined) return undefined;
  const found = await detect(model, input, definedOf({ threshold, iou }));
  const detection = found[number - 1];
  if (detection) return { detection, ...(ofBox && { of: ofBox }) };
  const many = found.length === 1 ? "1 box is" : `${found.length} boxes are`;
  throw new TargetError(
    `--detection ${number}: ${many} found in it; seethrough detect lists them, and with a lower --threshold there are more.`,
  );
}

/** Runs one method. */
async function explained(
  model: Model,
  given: Input,
  files: readonly NamedFile[],
  method: MethodName,
  flags: TargetedFlags,
  { attribute, progress = progressBar, signal }: Runner,
): Promise<Explained> {
  const bar = progress(method);
  try {
    const target = typeof flags.target === "object" ? flags.target : targetAt(flags.target, flags.position, model);
    const layer = methodsOf(flags).length > 1 && !needsMaps(method) ? undefined : flags.layer;
    const isPlane = files.some(({ picture: image }) => image !== undefined);
    const onProgress = progress === progressBar ? told(method, bar.update) : bar.update;
    const options = { method, target, layer, signal, onProgress, ...optionsOf(method, flags, isPlane) };
    const attribution = await attribute(model, given, options);
    return { attribution, views: files.flatMap((file) => viewOf(attribution, file, flags)) };
  } finally {
    bar.stop();
  }
}

/** Below this many milliseconds nobody asks how long it takes. */
const long = 3000;
/** After this many it is known how long all passes take. */
const known = 200;

/** Says once of a method of many passes how long it will take, if that is long. */
function told(method: MethodName, update: (done: number, total: number) => void): typeof update {
  const began = performance.now();
  let isTold = false;
  return (done, total) => {
    update(done, total);
    const spent = performance.now() - began;
    if (isTold || spent < known) return;
    isTold = true;
    const whole = (spent / done) * total;
    if (whole < long) return;
    const sooner =
      budgeted([method]).length > 0 ? "; --budget, for example 10s, ends it sooner with a coarser answer" : "";
    process.stderr.write(`note (${method}): takes about ${duration(whole)} for ${total} passes${sooner}.\n`);
  };
}

const duration = (ms: number): string =>
  ms < 90_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} minutes`;

/** What an attribution says of one input; nothing where it does not say anything of it. */
function viewOf(attribution: Attribution, file: NamedFile, flags: Pick<ExplainFlags, "smooth">): ShownInput[] {
  const { name, picture: image } = file;
  const values = attribution.byInput[name];
  if (!values) return [];
  if (values.shape.length < 3) return [{ file, values }];
  const { width, height } = attribution.inputSizes?.[name] ?? attribution.inputSize;
  const usual = image ? { smooth: blurShare * Math.min(width, height), percentile: shownPercentile } : {};
  const pixelwise = { ...usual, ...(flags.smooth !== undefined && { smooth: flags.smooth }) };
  // Guided Grad-CAM names the layer of its map, and has its values at the input all the same.
  const [, rows, columns] = values.shape;
  const isAtInput = attribution.layer === undefined || (rows === height && columns === width);
  const map = heatmap(attribution, { ...(isAtInput && pixelwise), input: name });
  const { depth } = attribution.inputSizes?.[name] ?? attribution.inputSize;
  return [{ file, values, map, ...(depth === undefined ? boxOf(map) : boxInSlice(map, depth)) }];
}

/** Where the strongest evidence of a volume is, whose slices lie one below the other. */
function boxInSlice({ data, width, height, signed }: Heatmap, depth: number): Pick<ShownInput, "box" | "slice"> {
  const places = data.length / depth;
  const strongest = data.reduce((best, value, i) => (value > data[best] ? i : best), 0);
  const slice = Math.floor(strongest / places);
  const part = data.slice(slice * places, (slice + 1) * places);
  const { box } = boxOf({ data: part, width, height: height / depth, signed });
  return box ? { box, slice } : {};
}

/** Positive values below this share of the strongest are not drawn: a box around them would frame nothing. */
export const faint = 0.05;

export const highestOf = ({ data }: Heatmap): number => data.reduce((a, b) => Math.max(a, b), 0);

/** A map without positive evidence that can be seen, or with none in the picture, has no box. */
function boxOf(map: Heatmap): Pick<ShownInput, "box"> {
  if (highestOf(map) <= faint) return {};
  try {
    return { box: boundingBox(map) };
  } catch (error) {
    if (error instanceof InputError) return {};
    throw error;
  }
}

/** Pixel-wise values are blurred by this share of the input's side before they are shown; raw values are not. */
const blurShare = 0.02;
/** One pixel in a hundred may be stronger than the strongest colour, so that a few outliers do not hide the rest. */
const shownPercentile = 99;

/** Those whose option `layer` is where they look for maps. */
const needsMaps = (method: MethodName): boolean =>
  methodTable.some(({ name, needs }) => name === method && needs.some((need) => need === "maps"));

/** What a class is called. */
export const className = ({ index, label }: { readonly index: number; readonly label?: string }): string =>
  label ?? `class ${index}`;
