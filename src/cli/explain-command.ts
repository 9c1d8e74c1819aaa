import { basename } from "node:path";
import {
  type AttentionMap,
  type Attribution,
  attentionMaps,
  type Box,
  boundingBox,
  captioned,
  type Detection,
  type DetectionPart,
  detect,
  drawBox,
  encodeNpy,
  encodePng,
  enlarge,
  explain,
  type Heatmap,
  heatmap,
  type ImageLike,
  type Input,
  InputError,
  inWords,
  LayerError,
  type MethodName,
  type Model,
  methodTable,
  OptionError,
  overlay,
  type Prediction,
  resize,
  ShapeError,
  sideBySide,
  signalPlot,
  type Target,
  TargetError,
  type Tensor,
  UnsupportedOperatorError,
} from "../index";
import { createPool } from "../pool";
import { definedOf } from "./detect-command";
import { writeOutputFile } from "./files";
import { inFlags } from "./flag-words";
import { type MethodFlags, optionsOf } from "./method-flags";
import { loadFlaggedModel, type ModelFlags, type PlaceFlag, targetAt } from "./model-flags";
import { givenOf, type NamedFile, type NamedValue, nameFor, readInputs } from "./named-files";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";
import { stacked } from "./stacked-plots";

export interface ExplainFlags extends ModelFlags, MethodFlags {
  readonly method: MethodName | "all";
  readonly target?: string;
  readonly position?: PlaceFlag;
  /** The number of a box in the list of `detect`, from 1. */
  readonly detection?: number;
  readonly ofBox?: DetectionPart;
  readonly threshold?: number;
  readonly iou?: number;
  readonly layer?: string;
  readonly out?: string;
  readonly npy?: string;
  readonly json?: boolean;
  /** Draw on the picture at its own size. */
  readonly fullSize?: boolean;
  readonly colormap?: string;
  /** Standard deviation in input pixels or samples. */
  readonly smooth?: number;
  /** Heads of an attention layer, whose attention is drawn in place of a method's map. */
  readonly head?: readonly number[] | "mean" | "all";
  readonly workers: number;
  readonly input?: readonly NamedValue[];
  /** The input to show. */
  readonly of?: string;
}

/** An attribution, and what of it is shown. */
interface Explained {
  readonly attribution: Attribution;
  /** Of every input that is shown. */
  readonly views: readonly View[];
}

/** What is shown of one input. */
interface View {
  readonly file: NamedFile;
  readonly values: Tensor;
  /** Missing where the values are no picture: at a layer without places. */
  readonly map?: Heatmap;
  /** In pixels of the picture, of a signal in samples; missing where nothing in it speaks for the target. */
  readonly box?: Box;
}

export async function explainCommand(path: string | undefined, flags: ExplainFlags): Promise<void> {
  using pool = flags.workers > 1 ? await createPool({ size: flags.workers }) : undefined;
  using model = await loadFlaggedModel(flags, pool?.loadModel);
  const files = await readInputs(path, flags.input ?? [], model);
  const shownFiles = filesShown(files, flags);
  checkPictures(shownFiles, flags);
  const given = givenOf(files);
  const detection = flags.head ? undefined : await chosenDetection(model, given, flags);
  const predictions = detection ? [] : await predicted(model, given, flags);
  const results = flags.head
    ? await attended(model, given, shownFiles, flags, pool?.attentionMaps)
    : await byMethods(model, given, shownFiles, { ...flags, target: detection ?? flags.target }, pool?.explain);
  if (flags.json) process.stdout.write(`${JSON.stringify(document(files, model, predictions, results), null, 2)}\n`);
  else process.stdout.write(text(files, model, predictions, results, flags));
  const notes = noteWriter(model);
  for (const file of files) for (const message of file.notes) notes.write(message);
  for (const { attribution } of results) notes.writeAll(attribution.notes, attribution.method);
  if (flags.out) await writePictures(flags.out, shownFiles, results, flags);
  if (flags.npy) {
    const { views } = results[0];
    for (const { file, values } of views) {
      const npy = views.length > 1 ? nameFor(flags.npy, file.name) : flags.npy;
      await writeOutputFile(npy, encodeNpy(values));
      if (!flags.json) process.stdout.write(`raw values: ${npy} (${values.shape.join("×")} float32)\n`);
    }
  }
}

/** What the methods that are asked for say. */
async function byMethods(
  model: Model,
  given: Input,
  files: readonly NamedFile[],
  flags: Omit<ExplainFlags, "target"> & { readonly target?: ExplainFlags["target"] | Boxed },
  attribute = explain,
): Promise<Explained[]> {
  const names = flags.method === "all" ? methodTable.map(({ name }) => name) : [flags.method];
  const results: Explained[] = [];
  for (const method of names) {
    const result = await explained(model, given, files, method, flags, attribute);
    if (result) results.push(result);
  }
  if (results.length === 0) throw new LayerError(`No method can explain ${model.name}; the notes say why.`);
  return results;
}

/** The attention of single heads: of the layer that is named, else of the last one. */
async function attended(
  model: Model,
  given: Input,
  files: readonly NamedFile[],
  { head, layer, ...flags }: ExplainFlags,
  look = attentionMaps,
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
const captionOf = (attribution: Attribution | AttentionMap): string =>
  "head" in attribution
    ? attribution.head === "mean"
      ? "mean of all heads"
      : `head ${attribution.head}`
    : attribution.method;

/** @throws {OptionError} if --of names no input */
function filesShown(files: readonly NamedFile[], { of }: ExplainFlags): readonly NamedFile[] {
  if (of === undefined) return files;
  const found = files.filter(({ name }) => name === of);
  if (found.length > 0) return found;
  throw new OptionError(`--of ${of}: there is no such input; there are ${files.map(({ name }) => name).join(", ")}.`);
}

/** A file for each input that can be drawn; of one input, or where one is named, under the name as it is given. */
async function writePictures(
  out: string,
  files: readonly NamedFile[],
  results: readonly Explained[],
  flags: ExplainFlags,
): Promise<void> {
  const ofInput = (file: NamedFile) =>
    results.map(({ attribution, views }) => {
      return { attribution, view: views.find((view) => view.file === file) };
    });
  const drawable = files.filter((file) => canDraw(file, out) && ofInput(file).some(({ view }) => view?.map));
  if (drawable.length === 0) throw new LayerError(noPlaces);
  for (const file of drawable) {
    const name = drawable.length > 1 ? nameFor(out, file.name) : out;
    await writeOutputFile(name, await (file.signal ? plots : overlays)(file, ofInput(file), flags));
    if (!flags.json) process.stdout.write(`${file.signal ? "plot" : "overlay"}: ${name}\n`);
  }
}

const canDraw = ({ picture, signal }: NamedFile, out: string): boolean =>
  (signal !== undefined && out.toLowerCase().endsWith(".svg")) ||
  (picture !== undefined && out.toLowerCase().endsWith(".png"));

/** Finds out before the work that there is nothing to draw, or another format to draw it in. */
function checkPictures(files: readonly NamedFile[], { out }: ExplainFlags): void {
  if (out === undefined || files.some((file) => canDraw(file, out))) return;
  const { picture, signal } = files.find((file) => file.picture || file.signal) ?? files[0];
  if (!picture && !signal) throw new LayerError(noPlaces);
  const asked = out.slice(out.lastIndexOf(".")).toLowerCase();
  if (signal && asked !== ".svg") throw new OptionError(`Signals are plotted as SVG: name --out .svg, not ${asked}.`);
  if (picture && asked !== ".png") throw new OptionError(`Pictures are written as PNG: name --out .png, not ${asked}.`);
}

const noPlaces = "These values have no places in the image, so there is no overlay; --npy writes them.";

/** What one method says of one input. */
interface Drawn {
  readonly attribution: Attribution;
  readonly view: View | undefined;
}

type Draw = (file: NamedFile, results: readonly Drawn[], flags: ExplainFlags) => Promise<Uint8Array>;

/** The overlay as PNG, of several methods side by side. */
const overlays: Draw = async ({ path, picture: image }, results, flags) => {
  if (!image) throw new LayerError(noPlaces);
  const large = shown(image, flags);
  const pictures = results.flatMap(({ attribution, view }) =>
    picture(large, large.width / image.width, view, flags).map((each) => ({ each, method: captionOf(attribution) })),
  );
  if (pictures.length === 0) throw new LayerError(noPlaces);
  const whole =
    pictures.length === 1
      ? pictures[0].each
      : sideBySide(
          await Promise.all([
            captioned(large, basename(path)),
            ...pictures.map(({ each, method }) => captioned(each, method)),
          ]),
        );
  return encodePng(whole);
};

/** The signal over its evidence as SVG, of several methods one below the other. */
const plots: Draw = async ({ signal, channelNames }, results, { colormap }) => {
  const drawn = results.flatMap(({ attribution: { method, target }, view }) => {
    if (!signal || !view?.map) return [];
    const title =
      method === "attention-map"
        ? `What is attended to: ${target.label}`
        : `What speaks for ${className(target)}: ${method}`;
    return [
      signalPlot(signal, view.map, { title, ...(channelNames && { channelNames }), ...(colormap && { colormap }) }),
    ];
  });
  if (drawn.length === 0) throw new LayerError(noPlaces);
  return new TextEncoder().encode(stacked(drawn));
};

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

/** Runs one method; among all methods, one that the network's structure rules out is named and left out. */
async function explained(
  model: Model,
  given: Input,
  files: readonly NamedFile[],
  method: MethodName,
  flags: Omit<ExplainFlags, "target"> & { readonly target?: ExplainFlags["target"] | Boxed },
  attribute = explain,
): Promise<Explained | undefined> {
  const bar = progressBar(method);
  try {
    const target = typeof flags.target === "object" ? flags.target : targetAt(flags.target, flags.position, model);
    const layer = flags.method === "all" && !needsMaps(method) ? undefined : flags.layer;
    const isPlane = files.some(({ picture: image }) => image !== undefined);
    const options = { method, target, layer, onProgress: bar.update, ...optionsOf(method, flags, isPlane) };
    const attribution = await attribute(model, given, options);
    return { attribution, views: files.flatMap((file) => viewOf(attribution, file, flags)) };
  } catch (error) {
    const ruledOut = [LayerError, ShapeError, UnsupportedOperatorError].some((kind) => error instanceof kind);
    if (flags.method !== "all" || !ruledOut) throw error;
    process.stderr.write(`note (${method}): left out. ${inFlags((error as Error).message)}\n`);
    return undefined;
  } finally {
    bar.stop();
  }
}

/** What an attribution says of one input; nothing where it does not say anything of it. */
function viewOf(attribution: Attribution, file: NamedFile, flags: Pick<ExplainFlags, "smooth">): View[] {
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
  return [{ file, values, map, ...boxOf(map) }];
}

/** Positive values below this share of the strongest are not drawn: a box around them would frame nothing. */
const faint = 0.05;

const highestOf = ({ data }: Heatmap): number => data.reduce((a, b) => Math.max(a, b), 0);

/** A map without positive evidence that can be seen, or with none in the picture, has no box. */
function boxOf(map: Heatmap): Pick<View, "box"> {
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

/** Overlays of smaller pictures are enlarged, so that people can see them. */
const smallestPicture = 384;

/** Those whose option `layer` is where they look for maps. */
const needsMaps = (method: MethodName): boolean =>
  methodTable.some(({ name, needs }) => name === method && needs.some((need) => need === "maps"));

/** Those of larger ones are made smaller: a photograph of twelve megapixels is a file that few can open quickly. */
const largestPicture = 1024;

function shown(image: ImageLike, { fullSize }: ExplainFlags): ImageLike {
  if (fullSize) return image;
  const isLarge = Math.max(image.width, image.height) > largestPicture;
  return isLarge ? resize(image, { maxSide: largestPicture }) : enlarge(image, smallestPicture);
}

/** The overlay on a picture that was scaled by a factor; none for values without places. */
function picture(image: ImageLike, factor: number, view: View | undefined, flags: ExplainFlags): ImageLike[] {
  const { map, box } = view ?? {};
  if (!map) return [];
  const painted = overlay(image, map, flags.colormap ? { colormap: flags.colormap } : {});
  return [box ? drawBox(painted, enlarged(box, factor)) : painted];
}

const enlarged = ({ x, y, width, height }: Box, factor: number): Box => ({
  x: x * factor,
  y: y * factor,
  width: width * factor,
  height: height * factor,
});

const className = ({ index, label }: { readonly index: number; readonly label?: string }): string =>
  label ?? `class ${index}`;

function text(
  files: readonly NamedFile[],
  model: Model,
  predictions: readonly Prediction[],
  results: readonly Explained[],
  flags: ExplainFlags,
): string {
  const width = Math.max(...predictions.map((prediction) => className(prediction).length));
  const lines = predictions.map((prediction) => {
    const percent = `${(prediction.probability * 100).toFixed(1)} %`.padStart(8);
    return `  ${className(prediction).padEnd(width)} ${percent}   logit ${prediction.score.toFixed(3)}`;
  });
  const several = files.length > 1;
  const evidence = results.flatMap(({ attribution, views }) =>
    views.flatMap((view) => {
      const { method, target } = attribution;
      const layer = attribution.layerByInput?.[view.file.name] ?? attribution.layer;
      const where = layer ? ` at ${layer}` : "";
      const within = several ? ` in ${view.file.name}` : "";
      if ("head" in attribution)
        return [`${captionOf(attribution)}${where}: what is attended to${within}: ${placeText(view)}`];
      const found = `${method}${where}: what speaks for ${className(target)}${within}: ${placeText(view)}`;
      return view.map?.data.some((value) => value !== 0) ? [found, meaning(attribution, view.map, flags)] : [found];
    }),
  );
  const paths = several ? files.map(({ name, path }) => `${name} ${path}`).join(", ") : files[0].path;
  return [`${paths}, seen by ${model.name}`, ...lines, "", ...evidence, ""].join("\n");
}

/** What the colours mean, or the values where no colours of the usual kind are drawn. */
function meaning(
  { method, target }: Attribution,
  { signed, height }: Heatmap,
  { out, colormap }: ExplainFlags,
): string {
  const { high, low } = inWords(method as MethodName, className(target));
  const values = signed ? ["above zero", "below zero"] : ["high", "low"];
  // Unsigned values of signals are drawn in one colour.
  const coloured = out !== undefined && colormap === undefined && (signed || height > 1);
  const [one, other] = coloured ? ["red", "blue"] : values;
  return `  ${one}: ${high}; ${other}: ${low}`;
}

function placeText({ values, map, box }: View): string {
  if (box && map?.height === 1) return `samples ${box.x}–${box.x + box.width}`;
  if (box) return `x ${box.x}–${box.x + box.width}, y ${box.y}–${box.y + box.height}`;
  if (values.shape.length < 3) return `${values.data.length} values without places`;
  const highest = map ? highestOf(map) : 0;
  if (highest > 0 && highest <= faint) {
    return `hardly anything: what speaks against it is ${Math.round(1 / highest)} times as strong`;
  }
  if (highest > 0) return "only on the border around the picture";
  return values.data.some((value) => value > 0) ? "everywhere alike" : "no positive evidence";
}

function document(
  files: readonly NamedFile[],
  model: Model,
  predictions: readonly Prediction[],
  results: readonly Explained[],
): unknown {
  const several = files.length > 1;
  return {
    image: files[0].path,
    ...(several && { inputs: Object.fromEntries(files.map(({ name, path }) => [name, path])) }),
    model: model.name,
    predictions,
    explanations: results.map(({ attribution, views }) => ({
      method: attribution.method,
      ...("head" in attribution ? { head: attribution.head } : { target: attribution.target }),
      ...(attribution.layer && { layer: attribution.layer }),
      shape: attribution.values.shape,
      ...(attribution.convergenceDelta !== undefined && { convergenceDelta: attribution.convergenceDelta }),
      ...(!several && views[0]?.box && { box: views[0].box }),
      ...(several && { inputs: Object.fromEntries(views.map(ofView)) }),
      notes: attribution.notes,
      recipe: attribution.recipe,
    })),
  };
}

const ofView = ({ file: { name }, values, box }: View): [string, object] => [
  name,
  { shape: values.shape, ...(box && { box }) },
];
