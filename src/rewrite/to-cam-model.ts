import { checkOptions, throwIfAborted } from "../checks";
import { LayerError, OptionError } from "../errors";
import type { StaticGraph } from "../graph/ir";
import { guardedAsync } from "../guard";
import { saysNormalisation } from "../image/normalisation";
import { linearHead, mapLayer } from "../model/cam-layer";
import type { LoadOptions } from "../model/load-options";
import { type LoadedModel, loaded, loadedAlone } from "../model/loaded-model";
import { writeMetadata } from "../model/metadata";
import type { Model } from "../model/model";
import { openModel } from "../model/open-model";
import { writeOnnx } from "../onnx/writer";
import type { ValueName } from "../operation/operation";
import { showShape, sizeOf } from "../tensor";
import { denseToConv } from "./dense-to-conv";
import { openInput } from "./export";
import { type FitOptions, fitHead, type HeadFit } from "./fit-head";
import { pooledHead } from "./pooled-head";
import type { RewriteStep } from "./rewrite-step";

export interface ToCamOptions extends Partial<FitOptions>, Pick<LoadOptions, "inputShape" | "maxMemory"> {
  /** The maps to pool when a head is fitted; default: the last ones before the head and before a max-pool. */
  readonly layer?: string;
}

/** What was done to the network. */
export interface ToCamReport {
  /** 'exact': the same scores, computed by convolutions; 'refit': a new linear head on pooled maps. */
  readonly kind: "exact" | "refit";
  /** Every node that changed, in order. */
  readonly steps: readonly RewriteStep[];
  /** The maps that `cam` weighs in the new model. */
  readonly layer: string;
  /**
   * Where a rewritten head looks on a larger input, in pixels: the score at row i, column j of its map is that of the window
   * of `size` [height, width] that starts at [i, j] · `step`. The padding of convolutions sees the neighbours there, not zeros.
   */
  readonly windows?: { readonly size: readonly number[]; readonly step: readonly number[] };
  /** How well the new head does; only where one was fitted. */
  readonly fit?: HeadFit;
  readonly notes: readonly string[];
}

/** A network that CAM is defined on. */
export interface CamModel {
  readonly model: Model;
  /** The same network as an ONNX file, with labels and normalisation in its metadata. */
  readonly onnx: Uint8Array;
  readonly report: ToCamReport;
}

/**
 * Turns a classifier that flattens its maps into one that has class activation maps.
 *
 * Without images the rewriting is **exact**: dense layers become convolutions with the same weights. At the trained size
 * the scores are the same; load the result with a larger `inputShape`, and the head slides over the image: the value
 * `<output>_map` holds the scores of every place, the logit is their mean, and `cam` shows the map of a class.
 *
 * With `images` the head is **refitted**: everything behind the last maps is replaced by global average pooling and one
 * linear layer, fitted by ridge regression in one pass. `cam` then works at the trained size; the report says what that
 * costs in accuracy.
 *
 * @returns the new model (the given one stays as it is), its file, and what was changed
 * @throws {LayerError} if CAM works already (it says at which layer) or nodes of the head cannot be rewritten (it names them)
 * @throws {OptionError} if an option is out of range; {InputError} if there are too few images
 * @example
 * const large = await toCamModel(model, { inputShape: [1, 3, 192, 192] });
 * const refitted = await toCamModel(model, { images });
 * const attribution = await cam(refitted.model, image, { target: "cat" });
 */
export async function toCamModel(given: Model, options: ToCamOptions = {}): Promise<CamModel> {
  return guardedAsync("toCamModel", async () => {
    checkOptions("toCamModel", options, [
      "layer",
      "images",
      "heldOut",
      "fit",
      "lambda",
      "signal",
      "onProgress",
      "inputShape",
      "maxMemory",
    ]);
    throwIfAborted(options.signal);
    const model = loadedAlone(given, "toCamModel");
    checkChoices(model, options);
    const { images } = options;
    return images === undefined ? exact(model, options) : refit(model, { ...options, images });
  });
}

async function exact(model: LoadedModel, options: ToCamOptions): Promise<CamModel> {
  const { explained } = model.parts;
  const graph = explainedFirst(model);
  const head = denseToConv(graph, explained);
  const added = graph.outputs.length === 1 ? [...graph.outputs, head.map] : graph.outputs;
  const { model: made, onnx, notes, enlarged } = await finish(model, { ...head.graph, outputs: added }, options);
  const [, ...places] = made.shape(head.map).slice(1);
  const single =
    sizeOf(places) > 1
      ? []
      : [
          `At this input size the head fits once, so "${head.map}" is ${showShape(places)} and cam has nothing to show: ` +
            "pass a larger inputShape.",
        ];
  return {
    model: made,
    onnx,
    report: {
      kind: "exact",
      steps: head.steps,
      layer: head.layer,
      ...windowsOf(model, enlarged(manyTimes)?.shapes.get(head.map)),
      notes: [...single, ...notes],
    },
  };
}

/** On an input so many times as large, a place more or less at the border does not change the step, once rounded. */
const manyTimes = 65;

/** @param map  shape of the map on that input */
function windowsOf(model: LoadedModel, map: readonly number[] | undefined): Pick<ToCamReport, "windows"> {
  if (!map) return {};
  const size = model.shape(model.full.input).slice(2);
  const step = size.map((side, axis) => Math.round(((manyTimes - 1) * side) / (map[axis + 2] - 1)));
  return { windows: { size, step } };
}

async function refit(model: LoadedModel, options: ToCamOptions & FitOptions): Promise<CamModel> {
  const { explained } = model.parts;
  const graph = explainedFirst(model);
  const maps = mapsToPool(model, options.layer);
  const { layer, fit } = await fitHead(model, maps.value, options);
  const { graph: made, steps } = pooledHead(graph, { maps: maps.value, logits: explained, layer });
  const { model: finished, onnx, notes } = await finish(model, made, options);
  return { model: finished, onnx, report: { kind: "refit", steps, layer: maps.layer, fit, notes } };
}

/** The output that was chosen when the model was loaded becomes the first of the new file, which is explained without choosing. */
function explainedFirst({ parts: { graph, result } }: LoadedModel): StaticGraph {
  const chosen = graph.outputs.find((output) => (graph.aliases.get(output) ?? output) === result) ?? result;
  return { ...graph, outputs: [chosen, ...graph.outputs.filter((output) => output !== chosen)] };
}

/** Writes the graph and loads what was written. */
async function finish(
  model: LoadedModel,
  rewritten: Parameters<typeof openInput>[0],
  { inputShape, maxMemory }: ToCamOptions,
): Promise<{
  model: LoadedModel;
  onnx: Uint8Array;
  notes: string[];
  enlarged: (factor: number) => StaticGraph | undefined;
}> {
  const { labels, parts } = model;
  const trained = model.shape(model.full.input);
  const { graph, open, enlarged } = openInput(rewritten, trained);
  const { preprocess } = parts;
  const shape = inputShape ?? trained;
  const metadata = writeMetadata(graph.metadata, { labels, preprocess, inputShape: shape });
  const onnx = writeOnnx({ ...graph, metadata });
  // The file says all of it; what is left out here would be read from there, in the file's own terms.
  const same = saysNormalisation(preprocess) ? { range: [0, 1] as const, mean: 0, std: 1, ...preprocess } : preprocess;
  const options = { labels, preprocess: same, inputShape: shape, memory: parts.mode, maxMemory };
  const made = await openModel({ bytes: onnx, name: model.name }, options, parts);
  const notes = [];
  if (!open.includes("size")) {
    notes.push(
      `Nodes before the head were computed for ${showShape(trained)}, so the input keeps that size in the new file too.`,
    );
  }
  if (parts.mode === "low") {
    notes.push("The model was loaded with memory 'low': the new file holds its weights as float16 rounded them.");
  }
  return { model: loaded(made), onnx, notes, enlarged };
}

/** The maps whose means the new head reads. */
function mapsToPool(model: LoadedModel, asked: string | undefined): { layer: string; value: ValueName } {
  const found = mapLayer(model, asked, model.parts.explained);
  if (asked !== undefined) return found;
  // The pool before a flatten only makes the vector shorter; Zhou et al. remove it too, for finer maps.
  const operation = model.full.operations[model.full.producer.get(found.value) ?? -1];
  return operation?.node.op === "MaxPool" ? mapLayer(model, operation.inputs[0], model.parts.explained) : found;
}

function checkChoices(model: LoadedModel, options: ToCamOptions): void {
  const { explained } = model.parts;
  const shape = model.shape(explained);
  if (sizeOf(shape) !== shape[1]) {
    throw new LayerError(
      `"${explained}" is ${showShape(shape)}, not one score per class: only classifiers have a head to rewrite. ` +
        "The output of a segmenter is a map already; gradCam with a { mask, channel } target explains it.",
    );
  }
  const { pooled } = linearHead(model, explained);
  if (pooled && options.layer === undefined) {
    throw new LayerError(
      `"${model.name}" already ends in average pooling and linear layers: there is nothing to rewrite, ` +
        `cam(model, image) works as it is, at layer "${pooled.layer}". To pool other maps, pass images and layer.`,
    );
  }
  if (options.images !== undefined) return;
  const needsImages = (["heldOut", "fit", "lambda", "layer"] as const).filter((key) => options[key] !== undefined);
  if (needsImages.length > 0) {
    throw new OptionError(
      `${needsImages.join(", ")} ${needsImages.length === 1 ? "is" : "are"} for fitting a new head: pass images too.`,
    );
  }
}
