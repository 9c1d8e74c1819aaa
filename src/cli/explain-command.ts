import { basename } from "node:path";
import {
  type Attribution,
  type Box,
  boundingBox,
  captioned,
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
  methodNames,
  methodTable,
  OptionError,
  overlay,
  type Prediction,
  resize,
  sideBySide,
  signalPlot,
  TargetError,
} from "../index";
import { createPool } from "../pool";
import { writeOutputFile } from "./files";
import { inFlags } from "./flag-words";
import { type MethodFlags, optionsOf } from "./method-flags";
import { loadFlaggedModel, type ModelFlags, type PlaceFlag, targetAt } from "./model-flags";
import { type NetworkInput, readNetworkInput } from "./network-input";
import { noteWriter } from "./note-writer";
import { progressBar } from "./progress-bar";
import { stacked } from "./stacked-plots";

export interface ExplainFlags extends ModelFlags, MethodFlags {
  readonly method: MethodName | "all";
  readonly target?: string;
  readonly position?: PlaceFlag;
  readonly layer?: string;
  readonly out?: string;
  readonly npy?: string;
  readonly json?: boolean;
  /** Draw on the picture at its own size. */
  readonly fullSize?: boolean;
  readonly colormap?: string;
  /** Standard deviation in input pixels or samples. */
  readonly smooth?: number;
  readonly workers: number;
}

/** An attribution, and what of it is shown. */
interface Explained {
  readonly attribution: Attribution;
  /** Missing where the values are no picture: at a layer without places. */
  readonly map?: Heatmap;
  /** In pixels of the picture, of a signal in samples; missing where nothing in it speaks for the target. */
  readonly box?: Box;
}

export async function explainCommand(path: string, flags: ExplainFlags): Promise<void> {
  using pool = flags.workers > 1 ? await createPool({ size: flags.workers }) : undefined;
  using model = await loadFlaggedModel(flags, pool?.loadModel);
  const given = await readNetworkInput(path, model);
  checkPicture(given, flags);
  const predictions = await predicted(model, given.input, flags);
  const names = flags.method === "all" ? methodNames : [flags.method];
  const results: Explained[] = [];
  for (const method of names) {
    const result = await explained(model, given, method, flags, pool?.explain);
    if (result) results.push(result);
  }
  if (results.length === 0) throw new LayerError(`No method can explain ${model.name}; the notes say why.`);
  if (flags.json) process.stdout.write(`${JSON.stringify(document(path, model, predictions, results), null, 2)}\n`);
  else process.stdout.write(text(path, model, predictions, results, flags));
  const notes = noteWriter(model);
  for (const message of given.notes) notes.write(message);
  for (const { attribution } of results) notes.writeAll(attribution.notes, attribution.method);
  if (flags.out) {
    await writeOutputFile(flags.out, await (given.signal ? plots : overlays)(path, given, results, flags));
    if (!flags.json) process.stdout.write(`${given.signal ? "plot" : "overlay"}: ${flags.out}\n`);
  }
  if (flags.npy) {
    const { values } = results[0].attribution;
    await writeOutputFile(flags.npy, encodeNpy(values));
    if (!flags.json) process.stdout.write(`raw values: ${flags.npy} (${values.shape.join("×")} float32)\n`);
  }
}

/** Finds out before the work that there is nothing to draw, or another format to draw it in. */
function checkPicture({ picture, signal }: NetworkInput, { out }: ExplainFlags): void {
  if (out === undefined) return;
  if (!picture && !signal) throw new LayerError(noPlaces);
  const asked = out.slice(out.lastIndexOf(".")).toLowerCase();
  if (signal && asked !== ".svg") throw new OptionError(`Signals are plotted as SVG: name --out .svg, not ${asked}.`);
  if (picture && asked !== ".png") throw new OptionError(`Pictures are written as PNG: name --out .png, not ${asked}.`);
}

const noPlaces = "These values have no places in the image, so there is no overlay; --npy writes them.";

type Draw = (
  path: string,
  given: NetworkInput,
  results: readonly Explained[],
  flags: ExplainFlags,
) => Promise<Uint8Array>;

/** The overlay as PNG, of several methods side by side. */
const overlays: Draw = async (path, { picture: image }, results, flags) => {
  if (!image) throw new LayerError(noPlaces);
  const large = shown(image, flags);
  const pictures = results.flatMap((result) =>
    picture(large, large.width / image.width, result, flags).map((each) => ({ each, result })),
  );
  if (pictures.length === 0) throw new LayerError(noPlaces);
  const whole =
    pictures.length === 1
      ? pictures[0].each
      : sideBySide(
          await Promise.all([
            captioned(large, basename(path)),
            ...pictures.map(({ each, result }) => captioned(each, result.attribution.method)),
          ]),
        );
  return encodePng(whole);
};

/** The signal over its evidence as SVG, of several methods one below the other. */
const plots: Draw = async (_, { signal, channelNames }, results, { colormap }) => {
  const drawn = results.flatMap(({ attribution: { method, target }, map }) => {
    if (!signal || !map) return [];
    const title = `What speaks for ${className(target)}: ${method}`;
    return [signalPlot(signal, map, { title, ...(channelNames && { channelNames }), ...(colormap && { colormap }) })];
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

/** Runs one method; among all methods, one that the network's structure rules out is named and left out. */
async function explained(
  model: Model,
  { input, picture: image }: NetworkInput,
  method: MethodName,
  flags: ExplainFlags,
  attribute = explain,
): Promise<Explained | undefined> {
  const bar = progressBar(method);
  try {
    const target = targetAt(flags.target, flags.position, model);
    const layer = flags.method === "all" && !needsMaps(method) ? undefined : flags.layer;
    const options = { method, target, layer, onProgress: bar.update, ...optionsOf(method, flags, image !== undefined) };
    const attribution = await attribute(model, input, options);
    if (attribution.values.shape.length < 3) return { attribution };
    const { width, height } = attribution.inputSize;
    const usual = image ? { smooth: blurShare * Math.min(width, height), percentile: shownPercentile } : {};
    const pixelwise = { ...usual, ...(flags.smooth !== undefined && { smooth: flags.smooth }) };
    // Guided Grad-CAM names the layer of its map, and has its values at the input all the same.
    const [, rows, columns] = attribution.values.shape;
    const isAtInput = attribution.layer === undefined || (rows === height && columns === width);
    const map = heatmap(attribution, isAtInput ? pixelwise : {});
    return { attribution, map, ...boxOf(map) };
  } catch (error) {
    if (flags.method !== "all" || !(error instanceof LayerError)) throw error;
    process.stderr.write(`note (${method}): left out. ${inFlags(error.message)}\n`);
    return undefined;
  } finally {
    bar.stop();
  }
}

/** Positive values below this share of the strongest are not drawn: a box around them would frame nothing. */
const faint = 0.05;

const highestOf = ({ data }: Heatmap): number => data.reduce((a, b) => Math.max(a, b), 0);

/** A map without positive evidence that can be seen, or with none in the picture, has no box. */
function boxOf(map: Heatmap): Pick<Explained, "box"> {
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
function picture(image: ImageLike, factor: number, { map, box }: Explained, flags: ExplainFlags): ImageLike[] {
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
  path: string,
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
  const evidence = results.flatMap(({ attribution, map, box }) => {
    const { method, layer, target } = attribution;
    const where = layer ? ` at ${layer}` : "";
    const found = `${method}${where}: what speaks for ${className(target)}: ${placeText(attribution, map, box)}`;
    return map?.data.some((value) => value !== 0) ? [found, meaning(attribution, map, flags)] : [found];
  });
  return [`${path}, seen by ${model.name}`, ...lines, "", ...evidence, ""].join("\n");
}

/** What the colours mean, or the values where no colours of the usual kind are drawn. */
function meaning(
  { method, target, inputSize }: Attribution,
  { signed }: Heatmap,
  { out, colormap }: ExplainFlags,
): string {
  const { high, low } = inWords(method as MethodName, className(target));
  const values = signed ? ["above zero", "below zero"] : ["high", "low"];
  // Unsigned values of signals are drawn in one colour.
  const coloured = out !== undefined && colormap === undefined && (signed || inputSize.height > 1);
  const [one, other] = coloured ? ["red", "blue"] : values;
  return `  ${one}: ${high}; ${other}: ${low}`;
}

function placeText({ values, inputSize }: Attribution, map: Heatmap | undefined, box: Box | undefined): string {
  if (box && inputSize.height === 1) return `samples ${box.x}–${box.x + box.width}`;
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
  path: string,
  model: Model,
  predictions: readonly Prediction[],
  results: readonly Explained[],
): unknown {
  return {
    image: path,
    model: model.name,
    predictions,
    explanations: results.map(({ attribution, box }) => ({
      method: attribution.method,
      target: attribution.target,
      ...(attribution.layer && { layer: attribution.layer }),
      shape: attribution.values.shape,
      ...(attribution.convergenceDelta !== undefined && { convergenceDelta: attribution.convergenceDelta }),
      ...(box && { box }),
      notes: attribution.notes,
      recipe: attribution.recipe,
    })),
  };
}
